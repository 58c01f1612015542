//! `vouch key`: API keys. The server must not be running: the database has one owner at a time.

use std::io::{Write, stdout};

use crate::app::admin::{self, NewKey};
use crate::app::{self, serve};
use crate::cli::serve::ConfigArg;
use crate::cli::{CliError, Done};
use crate::config::clock;
use crate::domain::Role;

/// One day, in milliseconds.
const DAY_MS: u64 = 86_400_000;
/// Longest life of a key that can be asked for, in days: ten years.
const MAX_DAYS: u64 = 3_650;

/// Creates, replaces, ends and lists API keys. The server must be stopped.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Whose keys.
    #[arg(long, default_value = serve::FIRST_TENANT, global = true)]
    tenant: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Makes a key and prints it, this once, on stdout.
    Create {
        /// What it may do: client, agent, analyst, reviewer, auditor, privacy, admin or router.
        #[arg(long, value_parser = role)]
        role: Role,
        /// What people call it, at most 64 bytes.
        #[arg(long, default_value = "")]
        label: String,
        /// Days until it ends by itself.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MAX_DAYS))]
        expires_days: Option<u64>,
    },
    /// Makes a new key with the role, label and end of an old one, which ends at once; prints it.
    Rotate {
        /// Id of the old key.
        id: String,
    },
    /// Ends a key at once.
    Revoke {
        /// Its id.
        id: String,
    },
    /// Lists keys without their secrets, tab-separated.
    List,
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| {
        let known: Vec<_> = Role::ALL.iter().map(|r| r.as_str()).collect();
        format!("must be one of {}", known.join(", "))
    })
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    let config = args.config.load()?;
    let tenant = &args.tenant;
    match args.action {
        Action::Create { role, label, expires_days } => {
            let expires_at = expires_days.map(|days| clock::now().plus_ms(days * DAY_MS));
            let work = admin::create_key(&config, tenant, role, &label, expires_at);
            print(&app::block_on(work).map_err(CliError::failed)?)?;
        }
        Action::Rotate { id } => {
            let work = admin::rotate_key(&config, tenant, &id);
            print(&app::block_on(work).map_err(CliError::failed)?)?;
        }
        Action::Revoke { id } => {
            let work = admin::revoke_key(&config, tenant, &id);
            app::block_on(work).map_err(CliError::failed)?;
        }
        Action::List => {
            let keys = app::block_on(admin::keys(&config, tenant)).map_err(CliError::failed)?;
            let mut out = stdout().lock();
            let header = "id\trole\tlabel\tcreated\texpires\trevoked";
            writeln!(out, "{header}").map_err(CliError::failed)?;
            for key in keys {
                let at = |t: Option<crate::domain::Timestamp>| {
                    t.map_or_else(|| "-".to_owned(), |t| t.to_string())
                };
                let (expires, revoked) = (at(key.expires_at), at(key.revoked_at));
                let (role, label) = (key.role.as_str(), key.label);
                let line = format!(
                    "{}\t{role}\t{label}\t{}\t{expires}\t{revoked}",
                    key.id, key.created_at
                );
                writeln!(out, "{line}").map_err(CliError::failed)?;
            }
        }
    }
    Ok(Done::All)
}

fn print(key: &NewKey) -> Result<(), CliError> {
    writeln!(stdout().lock(), "{}", *key.text).map_err(CliError::failed)
}
