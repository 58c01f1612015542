//! `vouch serve`: the server.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::cli::{CliError, Done};
use crate::config;

/// Runs the server until SIGTERM or SIGINT.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration file (default: vouch.toml, if there is one).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port instead of the configured ones; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Print the configuration in force, as TOML, and leave.
    #[arg(long)]
    print_config: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    let mut config = config::load(args.config.as_deref()).map_err(CliError::failed)?;
    if let Some(listen) = args.listen {
        config.server.listen = listen;
    }
    if args.print_config {
        let mut out = std::io::stdout().lock();
        out.write_all(config.to_toml().as_bytes())
            .map_err(CliError::failed)?;
        return Ok(Done::All);
    }
    Err(CliError::Usage("only --print-config for now".into()))
}
