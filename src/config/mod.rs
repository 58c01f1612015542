//! `vouch.toml` and the environment, as checked settings.
//!
//! Every field has a default, so that the file may be empty or missing. An environment variable
//! `VOUCH_<SECTION>_<FIELD>` (for example `VOUCH_SERVER_LISTEN`, `VOUCH_POLICY_VERIFICATION_ACCEPT_LLR`)
//! beats the file. The master key is no setting and never printed: see [`KeySettings`].

pub mod clock;
mod environment;
mod place;

use std::path::{Path, PathBuf};

use crate::domain::LicenseClass;
use crate::grpc::ServerSettings;
use crate::grpc::settings::OutOfRange;
use crate::policy::session::DEFAULT_POLICY;
use crate::policy::{PolicyError, VoicePolicy};
use crate::usecase::install_model::DEFAULT_MODEL;

/// File read when no other is named; it may be missing.
pub const DEFAULT_FILE: &str = "vouch.toml";
/// Most engine threads.
const MAX_THREADS: usize = 256;
/// Most jobs waiting for the engine.
const MAX_QUEUE: usize = 100_000;
/// Most records between two signed checkpoints.
const MAX_CHECKPOINT_RECORDS: u64 = 1_000_000;
/// Longest time between two signed checkpoints, in seconds.
const MAX_CHECKPOINT_SECONDS: u64 = 86_400;

/// Everything that can be set.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Listening, limits, timers.
    pub server: ServerSettings,
    /// Where data lies.
    pub store: StoreSettings,
    /// The master key.
    pub keys: KeySettings,
    /// Signed checkpoints of the audit chain.
    pub audit: AuditSettings,
    /// Voice models.
    pub models: ModelSettings,
    /// CPU work.
    pub engine: EngineSettings,
    /// Logs.
    pub telemetry: TelemetrySettings,
    /// Thresholds and rules.
    pub policy: VoicePolicy,
    /// Sessions.
    pub sessions: SessionSettings,
}

/// Section `[sessions]`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionSettings {
    /// Policy of tenants that have none of their own: the name of one that ships, or the path of a file.
    pub policy: String,
}

/// Section `[store]`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSettings {
    /// SQLite database; made when missing. Only one process at a time may have it open.
    pub path: PathBuf,
}

/// Section `[keys]`. The environment variable `VOUCH_MASTER_KEY` (64 hex digits) beats the file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeySettings {
    /// 64 hex digits, mode 0600, outside the folder of the database. Made on the first start when the
    /// server listens on loopback; without it nothing stored can be read.
    pub master_key_file: PathBuf,
}

/// Section `[audit]`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSettings {
    /// Signed heads of the audit chain, one a line, outside the folder of the database; best on other
    /// storage.
    pub checkpoint_file: PathBuf,
    /// A checkpoint after this many records …
    pub every_records: u64,
    /// … or after this many seconds, whichever comes first, when there is something new.
    pub every_seconds: u64,
}

/// The fusion whose weights were chosen.
pub const FUSION_CAUTIOUS: &str = "cautious";

/// Section `[models]`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSettings {
    /// Voice model of new tenants.
    pub default: String,
    /// Where models are installed; absent: `VOUCH_MODELS`, `./models`, or the user's data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
    /// Folder with background models of behavior that `vouch behavior train` wrote: `fixed-text.json`, `free-text.json`,
    /// `touch.json`, `pointer.json`. Kinds without a file there keep what ships.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behavior: Option<PathBuf>,
    /// `open`: only artefacts trained on open data; `any`: all. May be spelled `licence`.
    #[serde(alias = "licence")]
    pub license: LicensePolicy,
    /// How the modalities of a session are fused: `cautious`, or the path of a file that `vouch evaluate session
    /// --fit` wrote.
    pub fusion: String,
}

/// Which artefacts may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LicensePolicy {
    /// Only those of class `open`.
    Open,
    /// All.
    Any,
}

impl LicensePolicy {
    /// Whether an artefact of this class may be used.
    pub fn allows(self, class: LicenseClass) -> bool {
        match (self, class) {
            (Self::Any, _) | (Self::Open, LicenseClass::Open) => true,
            (Self::Open, LicenseClass::Research) => false,
        }
    }
}

/// Section `[engine]`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSettings {
    /// Threads for CPU work; 0 takes the machine's.
    pub threads: usize,
    /// Jobs that may wait; more are answered RESOURCE_EXHAUSTED.
    pub queue: usize,
}

/// Section `[telemetry]`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetrySettings {
    /// `text` or `json`, on stderr.
    pub format: LogFormat,
    /// Least level of Vouch's own lines; those of libraries are held to `warn` and worse.
    pub level: LogLevel,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Least level of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Errors alone.
    Error,
    /// And warnings.
    Warn,
    /// And one line a call.
    Info,
    /// And what helps to find a defect.
    Debug,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { path: "data/vouch.db".into() }
    }
}

impl Default for KeySettings {
    fn default() -> Self {
        Self { master_key_file: "keys/master.key".into() }
    }
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self {
            checkpoint_file: "checkpoints/audit.jsonl".into(),
            every_records: 100,
            every_seconds: 60,
        }
    }
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            default: DEFAULT_MODEL.into(),
            dir: None,
            behavior: None,
            license: LicensePolicy::Any,
            fusion: FUSION_CAUTIOUS.into(),
        }
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { policy: DEFAULT_POLICY.into() }
    }
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self { threads: 0, queue: 256 }
    }
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: LogLevel::Info }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no TOML, or has a wrong or unknown key.
    #[error("{origin}: {problem}")]
    Parse {
        /// The file, or the environment.
        origin: String,
        /// Which key, what is wrong.
        problem: String,
    },
    /// An environment variable of ours that means nothing, or has the wrong type.
    #[error("environment variable {name}: {problem}")]
    Environment {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// A number out of its range.
    #[error(transparent)]
    Server(#[from] OutOfRange),
    /// A number of the policy out of its range.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Another value that cannot be.
    #[error("{key}: {problem}")]
    Value {
        /// Path of the key.
        key: &'static str,
        /// What is wrong, with the limit and what came.
        problem: String,
    },
}

/// Reads the file, lets the environment beat it, checks everything. Without a named file
/// [`DEFAULT_FILE`] is read if it exists.
pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    let default = Path::new(DEFAULT_FILE);
    let text = match (file, std::fs::read_to_string(file.unwrap_or(default))) {
        (_, Ok(text)) => text,
        (None, Err(error)) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        (file, Err(source)) => {
            return Err(ConfigError::Read { path: file.unwrap_or(default).to_owned(), source });
        }
    };
    let origin = file.unwrap_or(default).display().to_string();
    parse(&origin, &text, environment()?.into_iter())
}

/// The variables of the environment; those of others that are not UTF-8 are none of ours.
fn environment() -> Result<Vec<(String, String)>, ConfigError> {
    let mut all = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => all.push((name, value)),
            Err(_) if name.starts_with("VOUCH_") => {
                let problem = format!("{name} is not UTF-8");
                return Err(ConfigError::Parse { origin: "environment".to_owned(), problem });
            }
            Err(_) => {}
        }
    }
    Ok(all)
}

/// The same from a text and given variables.
pub fn parse(
    origin: &str,
    text: &str,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let wrong = |error: toml::de::Error| ConfigError::Parse {
        origin: origin.to_owned(),
        problem: error.to_string().trim_end().to_owned(),
    };
    // Parsed once for its own errors, which point into the text.
    let _: Config = toml::from_str(text).map_err(wrong)?;
    let mut table: toml::Table = toml::from_str(text).map_err(wrong)?;
    environment::apply(&mut table, variables)?;
    let config: Config = table.try_into().map_err(|error: toml::de::Error| ConfigError::Parse {
        origin: format!("{origin} with the environment"),
        problem: error.to_string().trim_end().to_owned(),
    })?;
    config.check()?;
    Ok(config)
}

impl Config {
    /// As `vouch.toml`. Holds no secret.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("settings are tables of plain values")
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.server.check()?;
        self.policy.clone().checked()?;
        let audit = &self.audit;
        range("audit.every_records", audit.every_records, 1, MAX_CHECKPOINT_RECORDS)?;
        range("audit.every_seconds", audit.every_seconds, 1, MAX_CHECKPOINT_SECONDS)?;
        range("engine.threads", self.engine.threads as u64, 0, MAX_THREADS as u64)?;
        range("engine.queue", self.engine.queue as u64, 1, MAX_QUEUE as u64)?;
        filled("store.path", &self.store.path)?;
        filled("keys.master_key_file", &self.keys.master_key_file)?;
        filled("audit.checkpoint_file", &audit.checkpoint_file)?;
        if self.sessions.policy.is_empty() {
            return Err(empty("sessions.policy"));
        }
        if self.models.default.is_empty() {
            return Err(empty("models.default"));
        }
        if self.models.fusion.is_empty() {
            return Err(empty("models.fusion"));
        }
        let database = &self.store.path;
        place::apart("keys.master_key_file", &self.keys.master_key_file, database)?;
        place::apart("audit.checkpoint_file", &audit.checkpoint_file, database)
    }
}

fn range(key: &'static str, got: u64, low: u64, high: u64) -> Result<(), ConfigError> {
    if (low..=high).contains(&got) {
        return Ok(());
    }
    let problem = format!("{low} to {high}, got {got}");
    Err(ConfigError::Value { key, problem })
}

fn filled(key: &'static str, path: &Path) -> Result<(), ConfigError> {
    match path.as_os_str().is_empty() {
        true => Err(empty(key)),
        false => Ok(()),
    }
}

fn empty(key: &'static str) -> ConfigError {
    ConfigError::Value { key, problem: "must not be empty".into() }
}

#[cfg(test)]
mod tests;
