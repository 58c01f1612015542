//! `vouch audit`: proof and export of the audit chain.

use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use crate::app::{self, admin};
use crate::cli::serve::ConfigArg;
use crate::cli::{CliError, Done};

/// Verifies and exports the record of decisions.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Holds the chain against the signed checkpoints and names the first record that was changed,
    /// removed, reordered, rolled back or cut off, and the window not yet anchored. Works beside a
    /// running server.
    Verify {
        /// Checkpoint file (default: the configured one).
        #[arg(long, value_name = "FILE")]
        checkpoints: Option<PathBuf>,
        /// Public key of the checkpoints, 64 hex digits. Without it the master key is needed, and
        /// every row of the database is checked as well.
        #[arg(long, value_name = "HEX")]
        public_key: Option<String>,
    },
    /// Writes JSON lines to stdout: a tenant's decisions, newest first (the server must be stopped).
    Export {
        /// Whose decisions.
        #[arg(long, default_value = app::serve::FIRST_TENANT)]
        tenant: String,
        /// The links of the chain instead, oldest first, without payloads; beside a running server.
        #[arg(long, conflicts_with = "tenant")]
        chain: bool,
    },
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    let config = args.config.load()?;
    let mut out = BufWriter::new(stdout());
    match args.action {
        Action::Verify { checkpoints, public_key } => {
            let checkpoints = checkpoints.unwrap_or_else(|| config.audit.checkpoint_file.clone());
            let work = admin::verify_audit(&config, &checkpoints, public_key.as_deref());
            let report = app::block_on(work).map_err(CliError::failed)?;
            let at = report.anchored_at.map_or_else(|| "never".to_owned(), |t| t.to_string());
            writeln!(
                out,
                "records {} ({} erased), checkpoints {}, anchored up to record {} ({at}), \
                 not yet anchored {}",
                report.records,
                report.erased,
                report.checkpoints,
                report.anchored.sequence,
                report.unanchored()
            )
            .map_err(CliError::failed)?;
            out.flush().map_err(CliError::failed)?;
            match report.finding {
                None => Ok(Done::All),
                Some(finding) => Err(CliError::failed(finding.to_string())),
            }
        }
        Action::Export { tenant, chain } => {
            let exported = match chain {
                true => app::block_on(admin::export_chain(&config, &mut out)),
                false => app::block_on(admin::export_decisions(&config, &tenant, &mut out)),
            };
            exported.map_err(CliError::failed)?;
            out.flush().map_err(CliError::failed)?;
            Ok(Done::All)
        }
    }
}
