//! `vouch calibrate`: fits a calibration from labeled trials, scores or feedback.

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use crate::app::serve;
use crate::cli::calibrate_feedback as feedback;
use crate::cli::model::ModelArgs;
use crate::cli::score::SystemArg;
use crate::cli::serve::ConfigArg;
use crate::cli::{CliError, Done};
use crate::usecase::back_end;
use crate::usecase::calibrate::{CalibrateOptions, Calibrated, Figures, from_scores, from_trials};

/// Fits score → natural-log LLR on labeled trials and reports it on held-out people; or a tenant's own calibration on what
/// became of its decisions, as a candidate that is judged and then activated (the server must be stopped).
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)] // --version is that of the calibration
#[command(group = clap::ArgGroup::new("source").required(true))]
pub struct Args {
    /// Labeled trials, scored here, so that net speech and bandwidth are known too.
    #[arg(long, value_name = "FILE", group = "source")]
    trials: Option<PathBuf>,
    /// Labeled output of `vouch score` instead.
    #[arg(long, value_name = "FILE", group = "source")]
    scores: Option<PathBuf>,
    /// What became of a tenant's decisions by voice (FeedbackService) instead: writes a candidate and changes nothing.
    #[arg(long, group = "source")]
    from_feedback: bool,
    /// Puts a candidate in force for the tenant, from the next start of the server. It is refused when it was made from
    /// another model, back-end or tenant, or is not newer than what is in force.
    #[arg(long, value_name = "CANDIDATE", group = "source")]
    activate: Option<PathBuf>,
    /// Goes back to the calibration that ships.
    #[arg(long, group = "source")]
    deactivate: bool,
    /// Whose feedback and calibration.
    #[arg(long, default_value = serve::FIRST_TENANT)]
    tenant: String,
    /// Folder the paths of the trials are relative to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// Which system's score.
    #[arg(long, value_enum, default_value = "full")]
    system: SystemArg,
    /// Version the calibration bears; above that of the one it replaces.
    #[arg(long, default_value_t = 2)]
    version: u32,
    /// Where the calibration is written (default: calibration.json, with --from-feedback candidate.json).
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    config: ConfigArg,
}

/// The commands that need a tenant's store; `None` for the others.
fn with_store(args: &Args) -> Option<Result<Done, CliError>> {
    let of_store = args.from_feedback || args.deactivate || args.activate.is_some();
    of_store.then(|| {
        let config = args.config.load()?;
        match &args.activate {
            Some(candidate) => feedback::activate(&config, &args.tenant, candidate),
            None if args.deactivate => feedback::deactivate(&config, &args.tenant),
            None => {
                let out = args.out.clone().unwrap_or_else(|| "candidate.json".into());
                feedback::fit(&config, &args.tenant, &out)
            }
        }
    })
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    if let Some(done) = with_store(&args) {
        return done;
    }
    let out = args.out.clone().unwrap_or_else(|| "calibration.json".into());
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
            let embedder = args.system.embedder(&args.model)?;
            let scorer = match args.system {
                SystemArg::Plain => systems.plain,
                SystemArg::Full => systems.full,
            };
            from_trials(&embedder, &scorer, &list, &args.root, &options)
        }
        (None, Some(scores)) => from_scores(&read(scores)?, &options),
        (None, None) => {
            return Err(CliError::Usage("give --trials, --scores or feedback".to_owned()));
        }
    };
    let list = args.trials.as_deref().or(args.scores.as_deref());
    let fitted = fitted.map_err(|error| match list {
        // What `vouch score` calls wrong usage is it here, too.
        Some(list) if error.is_of_list() => CliError::Usage(format!("{}: {error}", list.display())),
        _ => CliError::failed(error),
    })?;
    let json = fitted.calibration.to_json().map_err(CliError::failed)?;
    fs::write(&out, json)
        .map_err(|error| CliError::failed(format!("{}: {error}", out.display())))?;
    tell(&fitted, &out, args.version).map_err(CliError::failed)?;
    Ok(if fitted.failed.is_empty() { Done::All } else { Done::Some })
}

fn tell(fitted: &Calibrated, path: &Path, version: u32) -> std::io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{}: calibration version {version}, {} people", path.display(), fitted.speakers)?;
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
