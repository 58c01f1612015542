//! The command line. One file a command: its arguments (`Args`) and `run`.
//!
//! To add one: a file with `#[derive(clap::Args)] pub struct Args` and
//! `pub fn run(args: Args) -> Result<Done, CliError>`, a variant in [`Command`], a line in
//! [`dispatch`].

pub mod age;
pub mod audit;
pub mod behavior;
pub mod calibrate;
mod calibrate_feedback;
pub mod demo;
pub mod embed;
pub mod evaluate;
pub mod evaluate_age;
pub mod evaluate_behavior;
pub mod evaluate_session;
pub mod features;
pub mod key;
pub mod model;
pub mod policy;
pub mod redact;
pub mod score;
pub mod serve;
pub mod simulate;
pub mod subject;
pub mod tenant;

use std::process::ExitCode;

use clap::Parser;

/// `vouch`.
#[derive(Debug, Parser)]
#[command(name = "vouch", version, about, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// One variant a command.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Run the server.
    Serve(serve::Args),
    /// The main job on real recordings, through the real server and a real client.
    Demo(demo::Args),
    /// Voice models: list, install, verify.
    Model(model::Args),
    /// Raw voice embeddings of files.
    Embed(embed::Args),
    /// Age classes of files, as JSON lines.
    Age(age::Args),
    /// Scores of a list of trials, as TSV.
    Score(score::Args),
    /// Keystrokes, touches and pointers: scores of captures, background models.
    Behavior(behavior::Args),
    /// Accuracy on a set of recordings, captures or texts.
    Evaluate(evaluate::Args),
    /// Fit a calibration from labeled trials or feedback; activate the latter.
    Calibrate(calibrate::Args),
    /// Filterbank or cepstral features of a file.
    Features(features::Args),
    /// Play a recorded session against a policy.
    Simulate(simulate::Args),
    /// API keys: create, rotate, revoke, list.
    Key(key::Args),
    /// Tenants: create, list.
    Tenant(tenant::Args),
    /// Policies of sessions: check, list, propose, approve, reject, what-if.
    Policy(policy::Args),
    /// Subjects: list, show, export, erase.
    Subject(subject::Args),
    /// Take personal data out of text.
    Redact(redact::Args),
    /// The audit chain: verify, export.
    Audit(audit::Args),
}

/// How a command ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Everything was done. Exit code 0.
    All,
    /// Some inputs failed, each with its cause on stderr; the rest is answered. Exit code 3.
    Some,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Arguments that parse but make no sense together. Exit code 2, as for those that do not parse.
    #[error("{0}")]
    Usage(String),
    /// Anything else. Exit code 1.
    #[error(transparent)]
    Failed(#[from] Box<dyn std::error::Error + Send + Sync>),
}

/// Exit code of wrong usage; clap uses the same.
const EXIT_USAGE: u8 = 2;
/// Exit code when some inputs failed.
const EXIT_SOME_FAILED: u8 = 3;

impl CliError {
    /// A failure from any error.
    pub fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }
}

/// Parses the arguments of this process, runs the command, says what went wrong on stderr.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    report(dispatch(cli.command))
}

fn dispatch(command: Command) -> Result<Done, CliError> {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Subject(args) => subject::run(args),
        Command::Redact(args) => redact::run(args),
        Command::Model(args) => model::run(args),
        Command::Score(args) => score::run(args),
        Command::Behavior(args) => behavior::run(args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Calibrate(args) => calibrate::run(args),
        Command::Embed(args) => embed::run(args),
        Command::Age(args) => age::run(args),
        Command::Features(args) => features::run(args),
        Command::Simulate(args) => simulate::run(args),
        Command::Key(args) => key::run(args),
        Command::Tenant(args) => tenant::run(args),
        Command::Policy(args) => policy::run(args),
        Command::Audit(args) => audit::run(args),
    }
}

fn report(outcome: Result<Done, CliError>) -> ExitCode {
    match outcome {
        Ok(Done::All) => ExitCode::SUCCESS,
        Ok(Done::Some) => ExitCode::from(EXIT_SOME_FAILED),
        Err(error) => {
            eprintln!("vouch: {}", chain(&error));
            match error {
                CliError::Usage(_) => ExitCode::from(EXIT_USAGE),
                CliError::Failed(_) => ExitCode::FAILURE,
            }
        }
    }
}

/// An error and its sources, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn every_command_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
