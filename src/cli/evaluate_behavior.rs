//! `vouch evaluate keystroke|touch|pointer|text`.

use std::io::stdout;
use std::path::{Path, PathBuf};

use crate::cli::{CliError, Done};
use crate::usecase::evaluate_behavior::{self, Kind};

/// What all of them take.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with the data set, as it is kept.
    #[arg(long, value_name = "DIR", env = "VOUCH_BEHAVIOR")]
    data: PathBuf,
    /// Protocol (TOML); the built-in ones are in models/protocols.
    #[arg(long, value_name = "FILE")]
    protocol: Option<PathBuf>,
    /// Groups to report besides: `device` (its class, or its model where the data say it) and `session` (that of the probe);
    /// pointers know `device` only, texts neither.
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    by: Vec<String>,
    /// Folder for scores, JSON and plots.
    #[arg(long, value_name = "DIR", default_value = "evaluation")]
    out: PathBuf,
    /// The table as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// Runs the command.
pub fn run(kind: Kind, args: &Args) -> Result<Done, CliError> {
    let by = kind.grouped(&args.by).map_err(|e| CliError::Usage(format!("--by: {e}")))?;
    let protocol = args.protocol.as_deref().map(read).transpose()?;
    let (protocol, out) = (protocol.as_deref(), &mut stdout().lock());
    let markdown = evaluate_behavior::run(kind, &args.data, protocol, &by, &args.out, out)
        .map_err(CliError::failed)?;
    if let Some(path) = &args.markdown {
        std::fs::write(path, markdown)
            .map_err(|e| CliError::failed(format!("{}: {e}", path.display())))?;
    }
    eprintln!("vouch: protocol, scores, evaluation.json and plots are in {}", args.out.display());
    Ok(Done::All)
}

fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|e| CliError::failed(format!("{}: {e}", path.display())))
}
