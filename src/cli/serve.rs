//! `vouch serve`: the server.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::app::{self, serve};
use crate::cli::{CliError, Done};
use crate::config::{self, Config};
use crate::grpc::Drained;
use crate::telemetry;

/// Runs the server until SIGTERM or SIGINT. Prints its address on stdout; on the first start also an
/// API key on stderr, once.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Address and port instead of the configured ones; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Print the configuration in force, as TOML, and leave.
    #[arg(long)]
    print_config: bool,
}

/// Which configuration a command uses.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigArg {
    /// Configuration file (default: vouch.toml, if there is one). VOUCH_<SECTION>_<FIELD> beats it.
    #[arg(id = "config", long, value_name = "FILE", global = true)]
    file: Option<PathBuf>,
}

impl ConfigArg {
    /// Reads and checks it.
    pub fn load(&self) -> Result<Config, CliError> {
        config::load(self.file.as_deref()).map_err(CliError::failed)
    }
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    let mut config = args.config.load()?;
    if let Some(listen) = args.listen {
        config.server.listen = listen;
    }
    if args.print_config {
        let text = config.to_toml();
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).map_err(CliError::failed)?;
        return Ok(Done::All);
    }
    telemetry::begin(&config.telemetry).map_err(CliError::failed)?;
    let served = app::block_on(serve::run(&config, serve::announce, serve::signal()));
    match served.map_err(CliError::failed)? {
        Drained::All => Ok(Done::All),
        Drained::Cut(calls) => Err(CliError::failed(format!(
            "{calls} calls were still running after {} ms and were cut off",
            config.server.shutdown_grace_ms
        ))),
    }
}
