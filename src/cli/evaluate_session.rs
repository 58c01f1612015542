//! `vouch evaluate session`.

use std::io::stdout;
use std::path::{Path, PathBuf};

use crate::cli::{CliError, Done};
use crate::usecase::evaluate_session::{self, Options};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with the results of `vouch evaluate voice|keystroke|touch|pointer|text`, a folder each. Those of behavior are
    /// made there if they are missing.
    #[arg(long, value_name = "DIR")]
    results: PathBuf,
    /// Folder with the data sets of behavior, for results that are missing.
    #[arg(long, value_name = "DIR", env = "VOUCH_BEHAVIOR")]
    data: Option<PathBuf>,
    /// Protocol (TOML); the built-in one is models/protocols/session.toml.
    #[arg(long, value_name = "FILE")]
    protocol: Option<PathBuf>,
    /// Folder for sessions, JSON and plots.
    #[arg(long, value_name = "DIR", default_value = "evaluation")]
    out: PathBuf,
    /// Writes the fusion that was fitted (JSON).
    #[arg(long, value_name = "FILE")]
    fit: Option<PathBuf>,
    /// The tables as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Done, CliError> {
    let protocol = args.protocol.as_deref().map(read).transpose()?;
    let options = Options {
        results: &args.results,
        data: args.data.as_deref(),
        protocol: protocol.as_deref(),
        out: &args.out,
        fit: args.fit.as_deref(),
    };
    let markdown =
        evaluate_session::run(&options, &mut stdout().lock()).map_err(CliError::failed)?;
    if let Some(path) = &args.markdown {
        std::fs::write(path, markdown)
            .map_err(|e| CliError::failed(format!("{}: {e}", path.display())))?;
    }
    eprintln!("vouch: protocol, sessions, evaluation.json and plots are in {}", args.out.display());
    Ok(Done::All)
}

fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|e| CliError::failed(format!("{}: {e}", path.display())))
}
