//! `vouch tenant`: tenants. The server must not be running: the database has one owner at a time.

use std::io::{Write, stdout};

use crate::app::{self, admin};
use crate::cli::serve::ConfigArg;
use crate::cli::{CliError, Done};
use crate::config::{Config, clock};
use crate::domain::LicenseClass;
use crate::usecase::{age, age_head};

/// Creates and lists tenants. The server must be stopped.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Makes a tenant with keys of its own.
    Create {
        /// Its id: 1 to 64 letters, digits, '-', '_' or '.'.
        id: String,
    },
    /// Lists tenants, tab-separated.
    List,
    /// Lets callers be categorized by age, for the priority queue; disabled until then.
    EnableAgeClass(EnableAgeClass),
    /// Disables it.
    DisableAgeClass {
        /// The tenant.
        id: String,
    },
}

#[derive(Debug, clap::Args)]
struct EnableAgeClass {
    /// The tenant.
    id: String,
    /// The notice that tells callers about it.
    #[arg(long)]
    notice_id: String,
    /// Its version.
    #[arg(long)]
    notice_version: String,
    /// Use the age head of license class `research`: fitted on data whose terms are narrower than open.
    #[arg(long)]
    research: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    let config = args.config.load()?;
    match args.action {
        Action::Create { id } => {
            app::block_on(admin::create_tenant(&config, &id)).map_err(CliError::failed)?;
        }
        Action::List => {
            let tenants = app::block_on(admin::tenants(&config)).map_err(CliError::failed)?;
            let mut out = stdout().lock();
            writeln!(out, "id\tcreated\textractor\trotation\tage class")
                .map_err(CliError::failed)?;
            for tenant in tenants {
                let extractor = tenant.extractor.map_or_else(|| "-".to_owned(), |e| e.to_string());
                let (id, created) = (tenant.id, tenant.created_at);
                let generation = tenant.rotation.generation;
                let age_class = tenant.age_class.map_or_else(
                    || "off".to_owned(),
                    |s| format!("notice {}@{}", s.notice_id, s.notice_version),
                );
                writeln!(out, "{id}\t{created}\t{extractor}\t{generation}\t{age_class}")
                    .map_err(CliError::failed)?;
            }
        }
        Action::EnableAgeClass(args) => enable_age_class(&config, args)?,
        Action::DisableAgeClass { id } => {
            app::block_on(admin::set_age_class(&config, &id, None)).map_err(CliError::failed)?;
        }
    }
    Ok(Done::All)
}

/// Refuses what could not be used, and says what data the head was fitted on.
fn enable_age_class(config: &Config, args: EnableAgeClass) -> Result<(), CliError> {
    let class = match args.research {
        true => LicenseClass::Research,
        false => LicenseClass::Open,
    };
    let head = app::voice::age_head(config, class).map_err(CliError::failed)?;
    let (id, now) = (&args.id, clock::now());
    let setting = age::setting(args.notice_id, args.notice_version, args.research, now)
        .map_err(|e| CliError::Usage(e.to_string()))?;
    app::block_on(admin::set_age_class(config, id, Some(setting))).map_err(CliError::failed)?;
    let (name, class, data) =
        (head.artifact, age_head::class_name(head.license_class), head.data.join(", "));
    writeln!(stdout().lock(), "age class enabled: {name}, license class {class}, fitted on {data}")
        .map_err(CliError::failed)
}
