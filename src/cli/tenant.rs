//! `vouch tenant`: tenants. The server must not be running: the database has one owner at a time.

use std::io::{Write, stdout};

use crate::app::{self, admin};
use crate::cli::serve::ConfigArg;
use crate::cli::{CliError, Done};

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
            writeln!(out, "id\tcreated\textractor\trotation").map_err(CliError::failed)?;
            for tenant in tenants {
                let extractor = tenant.extractor.map_or_else(|| "-".to_owned(), |e| e.to_string());
                let (id, created) = (tenant.id, tenant.created_at);
                let generation = tenant.rotation.generation;
                writeln!(out, "{id}\t{created}\t{extractor}\t{generation}")
                    .map_err(CliError::failed)?;
            }
        }
    }
    Ok(Done::All)
}
