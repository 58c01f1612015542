//! `vouch redact`: a filter that takes personal data out of text.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write, stdin, stdout};
use std::path::PathBuf;

use crate::app::{self, redact, serve};
use crate::cli::serve::ConfigArg;
use crate::cli::{CliError, Done};
use crate::domain::RedactionMode;

/// Passes text through without its personal data: e-mail addresses, links, numbers of accounts, cards and telephones,
/// names and secrets that words introduce. Found line by line and by pattern; what no pattern tells stays.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What takes its place. `remove`: its kind, `<EMAIL>`. `pseudonyms`: `<EMAIL_c4f9a1n0>`, the same for the same
    /// value; the key is the tenant's, read from the store, so they are those of the tenant's records (the server must
    /// be stopped).
    #[arg(long, value_enum, default_value = "remove")]
    mode: Mode,
    /// Whose key, for pseudonyms.
    #[arg(long, default_value = serve::FIRST_TENANT)]
    tenant: String,
    /// Text, UTF-8, lines of at most 16 KiB (default: stdin).
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArg,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Mode {
    /// Its kind.
    Remove,
    /// A keyed placeholder.
    Pseudonyms,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    let mode = match args.mode {
        Mode::Remove => RedactionMode::Anonymize,
        Mode::Pseudonyms => RedactionMode::Pseudonymize,
    };
    let config = args.config.load()?;
    let mut out = BufWriter::new(stdout());
    let passed = match &args.file {
        Some(path) => {
            let file = File::open(path)
                .map_err(|error| CliError::failed(format!("{}: {error}", path.display())))?;
            let mut input = BufReader::new(file);
            app::block_on(redact::lines(&config, &args.tenant, mode, &mut input, &mut out))
        }
        None => {
            let mut input = BufReader::new(stdin());
            app::block_on(redact::lines(&config, &args.tenant, mode, &mut input, &mut out))
        }
    };
    out.flush().map_err(CliError::failed)?;
    passed.map_err(CliError::failed)?;
    Ok(Done::All)
}
