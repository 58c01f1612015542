//! `vouch subject`: subjects and what is held on them. The server must not be running: the database has one owner at a
//! time.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};

use crate::app::subjects::{self, Named};
use crate::app::{self, serve};
use crate::cli::serve::ConfigArg;
use crate::cli::{CliError, Done};

/// Lists, shows, exports and erases subjects. The server must be stopped.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Whose subjects.
    #[arg(long, default_value = serve::FIRST_TENANT, global = true)]
    tenant: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists subjects, tab-separated.
    List,
    /// What is held on one, without decisions and embeddings, as JSON lines.
    Show {
        /// Its id.
        id: String,
    },
    /// Everything held on one as JSON lines (GDPR Art. 15), recorded in the audit.
    Export {
        /// Its id.
        id: String,
        /// The voice embeddings as well.
        #[arg(long)]
        embeddings: bool,
        /// Write it there, to a new file of mode 0600 (default: stdout).
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Destroys the key and every row of one. There is no way back.
    Erase {
        /// Its id.
        id: String,
        /// Needed: it is meant.
        #[arg(long, required = true)]
        yes: bool,
    },
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    let config = args.config.load()?;
    let named = |id: &str| Named::parse(&args.tenant, id).map_err(CliError::failed);
    match &args.action {
        Action::List => {
            let mut out = BufWriter::new(stdout());
            writeln!(out, "id\tcreated\topted out\tvoice\tprofiles\tnumbers")
                .map_err(CliError::failed)?;
            app::block_on(subjects::list(&config, &args.tenant, &mut |s| {
                let (opted_out, voice) = (yes_no(s.opted_out), yes_no(s.enrolled));
                let (profiles, numbers) = (s.behavior_profiles, s.phone_numbers);
                let (id, created) = (&s.id, s.created_at);
                writeln!(out, "{id}\t{created}\t{opted_out}\t{voice}\t{profiles}\t{numbers}")
            }))
            .map_err(CliError::failed)?;
            out.flush().map_err(CliError::failed)?;
        }
        Action::Show { id } => {
            let mut out = BufWriter::new(stdout());
            let work = subjects::show(&config, named(id)?, &mut out);
            app::block_on(work).map_err(CliError::failed)?;
            out.flush().map_err(CliError::failed)?;
        }
        Action::Export { id, embeddings, out } => {
            let mut sink = sink(out.as_deref())?;
            let work = subjects::export(&config, named(id)?, *embeddings, sink.as_mut());
            let lines = app::block_on(work).map_err(CliError::failed)?;
            sink.flush().map_err(CliError::failed)?;
            if let Some(path) = out {
                println_to_stdout(&format!("{}: {lines} lines", path.display()))?;
            }
        }
        Action::Erase { id, yes: _ } => {
            let erasure =
                app::block_on(subjects::erase(&config, named(id)?)).map_err(CliError::failed)?;
            println_to_stdout(&format!(
                "receipt {}: {} rows destroyed at {}",
                erasure.receipt, erasure.rows_destroyed, erasure.erased_at
            ))?;
        }
    }
    Ok(Done::All)
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn println_to_stdout(line: &str) -> Result<(), CliError> {
    writeln!(stdout().lock(), "{line}").map_err(CliError::failed)
}

/// Stdout, or a new file that only its owner may read.
fn sink(path: Option<&Path>) -> Result<Box<dyn Write + Send>, CliError> {
    let Some(path) = path else { return Ok(Box::new(BufWriter::new(stdout()))) };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let file = options
        .open(path)
        .map_err(|error| CliError::failed(format!("{}: {error}", path.display())))?;
    Ok(Box::new(BufWriter::new(file)))
}
