//! `vouch score`: scores of a list of trials.

use std::fs;
use std::io::{BufWriter, Write, stderr, stdout};
use std::path::PathBuf;

use crate::cli::model::ModelArgs;
use crate::cli::{CliError, Done};
use crate::usecase::back_end;
use crate::usecase::file_embedder::FileEmbedder;
use crate::usecase::hear::Vad;
use crate::usecase::score_trials::{self, ScoreTrialsError};

/// Scores trials: `enroll[,enroll…] test[,test…] [target|nontarget]` a line. Writes TSV with header
/// `enroll test raw llr [label]` in input order.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// List of trials; paths without spaces or commas.
    #[arg(long, value_name = "FILE")]
    trials: PathBuf,
    /// Folder the paths are relative to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// How to score.
    #[arg(long, value_enum, default_value = "full")]
    system: SystemArg,
    #[command(flatten)]
    model: ModelArgs,
}

/// How trials are scored.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum SystemArg {
    /// raw: cosine of mean embeddings of the model as it was published; llr: its own calibration.
    Plain,
    /// raw: back-end score; llr: calibrated.
    Full,
}

impl SystemArg {
    /// What makes the embeddings that the system takes.
    pub fn embedder(self, model: &ModelArgs) -> Result<FileEmbedder, CliError> {
        let extractor = match self {
            Self::Plain => model.load_published()?,
            Self::Full => model.load()?,
        };
        FileEmbedder::new(extractor, Vad::On, None).map_err(CliError::failed)
    }
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    let list = fs::read_to_string(&args.trials)
        .map_err(|error| CliError::failed(format!("{}: {error}", args.trials.display())))?;
    let systems =
        back_end::load_systems(&args.model.model, &args.model.dir()).map_err(CliError::failed)?;
    let embedder = args.system.embedder(&args.model)?;
    let scorer = match args.system {
        SystemArg::Plain => systems.plain,
        SystemArg::Full => systems.full,
    };
    let mut out = BufWriter::new(stdout().lock());
    let outcome =
        score_trials::run(&embedder, &scorer, &list, &args.root, &mut out, &mut stderr().lock())
            .map_err(|error| match error {
                ScoreTrialsError::Line { .. } => {
                    CliError::Usage(format!("{}: {error}", args.trials.display()))
                }
                other => CliError::failed(other),
            })?;
    out.flush().map_err(CliError::failed)?;
    Ok(if outcome.failed == 0 { Done::All } else { Done::Some })
}
