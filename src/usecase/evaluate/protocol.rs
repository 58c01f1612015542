//! What is measured on what: a protocol, as a file.
//!
//! TOML. `name`, `version`; `corpora`, data sets of the manifest; `telephone`, those that are real calls
//! (only in condition `clean` unless `degrade_telephone`); `conditions`; `held_back`, data sets of which
//! only held-back speakers ([`held_back`](crate::usecase::speech_set::held_back)) with several sessions
//! take part, enrolled in the first and tested in the others; `enroll_ms` and `test_ms`, the longest
//! sides; `net_speech_s`, durations of `--by net-speech`; `seed` of the simulated telephone;
//! `bootstrap_seed`, `replicates`; `[languages]` by data set; `[enrollment]`, data sets on which bounds
//! are chosen and reported. `lists` names a folder, relative to the file, with `sides-CORPUS.tsv` for each
//! data set: who is enrolled and tested with which audio ([`plan`](super::plan)). Without `lists` the sides
//! follow from the manifest. Every run writes its protocol with its lists into its results, so that
//! `--protocol RESULTS/protocol.toml` repeats it to the digit.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::scoring::metrics::MAX_REPLICATES;
use crate::usecase::embed_file::Channel;

/// Name of a protocol within a folder of results.
pub const PROTOCOL_FILE: &str = "protocol.toml";

/// Limits of a side, in milliseconds.
const SIDE_MS: [u32; 2] = [500, 120_000];

/// Limits of the durations of tests, in seconds of net speech.
const NET_SPEECH_S: [u32; 2] = [1, 60];

/// The protocol that ships with the program, and its lists.
const BUILT_IN: &str = include_str!("../../../models/protocols/voice.toml");
const BUILT_IN_LISTS: [(&str, &str); 7] = [
    ("hyke", include_str!("../../../models/protocols/voice/sides-hyke.tsv")),
    ("alphanum", include_str!("../../../models/protocols/voice/sides-alphanum.tsv")),
    ("amnist_az", include_str!("../../../models/protocols/voice/sides-amnist_az.tsv")),
    ("libri_to", include_str!("../../../models/protocols/voice/sides-libri_to.tsv")),
    ("urdu", include_str!("../../../models/protocols/voice/sides-urdu.tsv")),
    ("nemo", include_str!("../../../models/protocols/voice/sides-nemo.tsv")),
    ("commonvoice", include_str!("../../../models/protocols/voice/sides-commonvoice.tsv")),
];

/// Under which channels a corpus is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Both sides as they are.
    Clean,
    /// Both sides over the simulated telephone.
    Phone,
    /// Enrolled as it is, tested over the simulated telephone.
    Cross,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Clean, Self::Phone, Self::Cross];

    /// As in file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Phone => "phone",
            Self::Cross => "cross",
        }
    }

    /// Channels of enrollment and test.
    pub fn channels(self) -> [Channel; 2] {
        match self {
            Self::Clean => [Channel::AsIs, Channel::AsIs],
            Self::Phone => [Channel::Phone, Channel::Phone],
            Self::Cross => [Channel::AsIs, Channel::Phone],
        }
    }
}

/// Data sets of `vouch evaluate enrollment`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollmentSets {
    /// Bounds are chosen on these; of those in [`Protocol::held_back`] only held-back speakers.
    pub choose: Vec<String>,
    /// And reported on these.
    pub report: Vec<String>,
}

/// A protocol; see the module for its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Name.
    pub name: String,
    /// Version, from 1; figures of different versions are not compared.
    pub version: u32,
    /// Data sets, each evaluated on its own.
    pub corpora: Vec<String>,
    /// Those of them that are real telephone calls.
    #[serde(default)]
    pub telephone: Vec<String>,
    /// Whether real calls are sent over the simulated telephone too.
    #[serde(default)]
    pub degrade_telephone: bool,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Data sets with held-back speakers.
    #[serde(default)]
    pub held_back: Vec<String>,
    /// Longest enrollment, in milliseconds of audio.
    pub enroll_ms: u32,
    /// Longest test, in milliseconds of audio.
    pub test_ms: u32,
    /// Net speech of the tests of `--by net-speech`, in seconds.
    #[serde(default)]
    pub net_speech_s: Vec<u32>,
    /// Seed of the simulated telephone.
    pub seed: u64,
    /// Seed of the bootstrap.
    pub bootstrap_seed: u64,
    /// Bootstrap replicates.
    pub replicates: usize,
    /// Folder of the lists, relative to the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lists: Option<String>,
    /// Language of data sets whose file names do not say it.
    #[serde(default)]
    pub languages: BTreeMap<String, String>,
    /// Data sets of `vouch evaluate enrollment`.
    #[serde(default)]
    pub enrollment: EnrollmentSets,
    /// Content of the lists, by data set.
    #[serde(skip)]
    pub listed: BTreeMap<String, String>,
}

/// Why a protocol cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// A file cannot be read.
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    /// It is not a protocol.
    #[error("{0}: {1}")]
    Toml(String, String),
    /// A value out of its range.
    #[error("protocol {field}: {got} is not {range}")]
    Range {
        /// The field.
        field: &'static str,
        /// What it may be.
        range: String,
        /// What came.
        got: String,
    },
}

impl Protocol {
    /// The one that ships with the program, with its lists.
    ///
    /// # Errors
    /// None that the shipped files can cause.
    pub fn built_in() -> Result<Self, ProtocolError> {
        let mut protocol = Self::parse("built in", BUILT_IN)?;
        let lists = BUILT_IN_LISTS.into_iter();
        protocol.listed = lists.map(|(corpus, list)| (corpus.into(), list.into())).collect();
        Ok(protocol)
    }

    /// Reads a file and the lists it names.
    ///
    /// # Errors
    /// A file that cannot be read or is not a protocol.
    pub fn load(path: &Path) -> Result<Self, ProtocolError> {
        let read = |path: &Path| {
            std::fs::read_to_string(path)
                .map_err(|e| ProtocolError::Io(path.display().to_string(), e))
        };
        let mut protocol = Self::parse(&path.display().to_string(), &read(path)?)?;
        if let Some(folder) = &protocol.lists {
            let folder = path.parent().unwrap_or(Path::new("")).join(folder);
            for corpus in &protocol.corpora {
                let list = read(&folder.join(list_name(corpus)))?;
                protocol.listed.insert(corpus.clone(), list);
            }
        }
        Ok(protocol)
    }

    fn parse(name: &str, text: &str) -> Result<Self, ProtocolError> {
        let wrong = |e: toml::de::Error| ProtocolError::Toml(name.to_owned(), e.to_string());
        toml::from_str::<Self>(text).map_err(wrong)?.checked()
    }

    /// The protocol, if every value is in its range.
    ///
    /// # Errors
    /// The first value that is not.
    pub fn checked(self) -> Result<Self, ProtocolError> {
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let enrollment = self.enrollment.choose.iter().chain(&self.enrollment.report);
        for corpus in self.corpora.iter().chain(enrollment) {
            let good = !corpus.is_empty() && corpus != "all" && corpus.chars().all(safe);
            let range = "a name of letters, digits, `_`, `-` and `.`, other than `all`";
            within("corpora", good, corpus, || range.to_owned())?;
        }
        let some = "at least one";
        within("corpora", !self.corpora.is_empty(), "none", || some.to_owned())?;
        within("conditions", !self.conditions.is_empty(), "none", || some.to_owned())?;
        for (field, ms) in [("enroll_ms", self.enroll_ms), ("test_ms", self.test_ms)] {
            number(field, ms, SIDE_MS)?;
        }
        for seconds in &self.net_speech_s {
            number("net_speech_s", *seconds, NET_SPEECH_S)?;
        }
        let replicates = self.replicates;
        within("replicates", (1..=MAX_REPLICATES).contains(&replicates), replicates, || {
            format!("1 to {MAX_REPLICATES}")
        })?;
        Ok(self)
    }

    /// The conditions of a data set.
    pub fn conditions_of(&self, corpus: &str) -> Vec<Condition> {
        let call = self.telephone.iter().any(|c| c == corpus) && !self.degrade_telephone;
        let all = self.conditions.iter().copied();
        all.filter(|c| !call || *c == Condition::Clean).collect()
    }

    /// The file.
    ///
    /// # Errors
    /// None that a checked protocol can cause.
    pub fn to_toml(&self) -> Result<String, ProtocolError> {
        toml::to_string(self).map_err(|e| ProtocolError::Toml(self.name.clone(), e.to_string()))
    }
}

/// Name of the list of a data set.
pub fn list_name(corpus: &str) -> String {
    format!("sides-{corpus}.tsv")
}

fn within(
    field: &'static str,
    good: bool,
    got: impl std::fmt::Display,
    range: impl FnOnce() -> String,
) -> Result<(), ProtocolError> {
    if good {
        return Ok(());
    }
    Err(ProtocolError::Range { field, range: range(), got: got.to_string() })
}

fn number(field: &'static str, got: u32, [least, most]: [u32; 2]) -> Result<(), ProtocolError> {
    within(field, (least..=most).contains(&got), got, || format!("{least} to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_protocol_is_sound() {
        let shipped = Protocol::built_in().unwrap();
        assert_eq!((shipped.enroll_ms, shipped.test_ms), (8_000, 5_000));
        assert_eq!(shipped.conditions, Condition::ALL);
        assert_eq!(shipped.conditions_of("hyke"), [Condition::Clean]);
        assert_eq!(shipped.conditions_of("nemo").len(), 3);
        assert!(shipped.corpora.iter().all(|c| shipped.listed.contains_key(c)));
        let degraded = Protocol { degrade_telephone: true, ..shipped };
        assert_eq!(degraded.conditions_of("hyke").len(), 3);
    }

    #[test]
    fn what_is_written_is_read_with_its_lists() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PROTOCOL_FILE);
        let protocol = Protocol {
            corpora: vec!["x".into()],
            lists: Some(".".into()),
            listed: BTreeMap::from([("x".into(), "list".into())]),
            ..Protocol::built_in().unwrap()
        };
        std::fs::write(&path, protocol.to_toml().unwrap()).unwrap();
        assert!(matches!(Protocol::load(&path), Err(ProtocolError::Io(..))), "no list yet");
        std::fs::write(folder.path().join(list_name("x")), "list").unwrap();
        assert_eq!(Protocol::load(&path).unwrap(), protocol);
    }

    #[test]
    fn values_out_of_range_are_named() {
        type Change = fn(&mut Protocol);
        let cases: [(&str, Change); 6] = [
            ("corpora", |p| p.corpora = vec!["../x".into()]),
            ("corpora", |p| p.corpora.clear()),
            ("conditions", |p| p.conditions.clear()),
            ("enroll_ms", |p| p.enroll_ms = 0),
            ("net_speech_s", |p| p.net_speech_s = vec![61]),
            ("replicates", |p| p.replicates = 0),
        ];
        for (field, change) in cases {
            let mut protocol = Protocol::built_in().unwrap();
            change(&mut protocol);
            let text = protocol.checked().unwrap_err().to_string();
            assert!(text.starts_with(&format!("protocol {field}: ")), "{text}");
        }
        assert!(Protocol::parse("p", "name = 'x'\nunknown = 1\n").is_err());
    }
}
