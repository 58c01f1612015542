//! `vouch calibrate`: fits a calibration from labeled trials or scores.

use std::fs;
use std::io::{Write, stdout};
use std::path::PathBuf;

use crate::cli::model::ModelArgs;
use crate::cli::score::SystemArg;
use crate::cli::{CliError, Done};
use crate::usecase::back_end;
use crate::usecase::calibrate::{CalibrateOptions, Calibrated, Figures, from_scores, from_trials};
use crate::usecase::file_embedder::FileEmbedder;
use crate::usecase::hear::Vad;

/// Fits score → natural-log LLR on labeled trials and reports it on held-out people.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true))]
pub struct Args {
    /// Labeled trials, scored here, so that net speech and bandwidth are known too.
    #[arg(long, value_name = "FILE", group = "source")]
    trials: Option<PathBuf>,
    /// Labeled output of `vouch score` instead.
    #[arg(long, value_name = "FILE", group = "source")]
    scores: Option<PathBuf>,
    /// Folder the paths of the trials are relative to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// Which system's score.
    #[arg(long, value_enum, default_value = "full")]
    system: SystemArg,
    /// Version the calibration bears; above that of the one it replaces.
    #[arg(long, default_value_t = 2)]
    version: u32,
    /// Where the calibration is written.
    #[arg(long, value_name = "FILE", default_value = "calibration.json")]
    out: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    let options = CalibrateOptions { version: args.version, ..CalibrateOptions::default() };
    let read = |path: &PathBuf| {
        fs::read_to_string(path)
            .map_err(|error| CliError::failed(format!("{}: {error}", path.display())))
    };
    let fitted = match (&args.trials, &args.scores) {
        (Some(trials), _) => {
            let list = read(trials)?;
            let systems = back_end::load_systems(&args.model.model, &args.model.dir())
                .map_err(CliError::failed)?;
            let scorer = match args.system {
                SystemArg::Plain => systems.plain,
                SystemArg::Full => systems.full,
            };
            let embedder =
                FileEmbedder::new(args.model.load()?, Vad::On, None).map_err(CliError::failed)?;
            from_trials(&embedder, &scorer, &list, &args.root, &options)
        }
        (None, Some(scores)) => from_scores(&read(scores)?, &options),
        (None, None) => return Err(CliError::Usage("give --trials or --scores".to_owned())),
    };
    let fitted = fitted.map_err(CliError::failed)?;
    let json = fitted.calibration.to_json().map_err(CliError::failed)?;
    fs::write(&args.out, json)
        .map_err(|error| CliError::failed(format!("{}: {error}", args.out.display())))?;
    tell(&fitted, &args).map_err(CliError::failed)?;
    Ok(if fitted.failed.is_empty() { Done::All } else { Done::Some })
}

fn tell(fitted: &Calibrated, args: &Args) -> std::io::Result<()> {
    let mut out = stdout().lock();
    writeln!(
        out,
        "{}: calibration version {}, {} people",
        args.out.display(),
        args.version,
        fitted.speakers
    )?;
    let mut line = |name: &str, figures: &Figures| {
        writeln!(
            out,
            "{name}: EER {:.2} %, Cllr {:.3}, minCllr {:.3}",
            figures.eer * 100.0,
            figures.cllr,
            figures.min_cllr
        )
    };
    if let Some(figures) = &fitted.before {
        line("before, same trials", figures)?;
    }
    match &fitted.cross_validated {
        Some(figures) => line("held-out people", figures)?,
        None => writeln!(out, "too few people to hold some out: no figure")?,
    }
    for cause in &fitted.failed {
        eprintln!("vouch: {cause}");
    }
    Ok(())
}
