//! `vouch simulate`: replays a recorded session against a policy.

use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use crate::cli::{CliError, Done};
use crate::usecase::sessions::simulate::simulate;

/// Plays a recorded session, with given evidence, against a session policy: JSON lines of every response, with the verdict
/// and all numbers behind it (a client without fine scores is told less), then every expectation of the file that did
/// not hold (exit code 3).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Session policy that ships: contact-centre, psd2-sca or nist-800-63b.
    #[arg(long, value_name = "ID", default_value = "contact-centre")]
    policy: String,
    /// Recorded session, JSON lines.
    file: PathBuf,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", args.file.display());
    let text =
        std::fs::read_to_string(&args.file).map_err(|error| CliError::failed(named(&error)))?;
    let played = simulate(&text, &args.policy).map_err(|error| CliError::failed(named(&error)))?;
    let mut out = BufWriter::new(stdout().lock());
    for line in &played.lines {
        writeln!(out, "{line}").map_err(CliError::failed)?;
    }
    out.flush().map_err(CliError::failed)?;
    let (missed, all) = (played.missed.len(), played.expectations);
    eprintln!(
        "vouch: {} decisions; {} of {all} expectations held",
        played.decisions.len(),
        all - missed.min(all)
    );
    Ok(if missed == 0 { Done::All } else { Done::Some })
}
