//! `vouch evaluate`: accuracy on a set of recordings, with trials, scores and plots as files.

use std::io::stdout;
use std::path::PathBuf;

use crate::cli::evaluate_age;
use crate::cli::model::ModelArgs;
use crate::cli::{CliError, Done};
use crate::usecase::back_end;
use crate::usecase::evaluate::{self, Condition, EvaluateOptions, GroupBy, Judging};
use crate::usecase::file_embedder::FileEmbedder;
use crate::usecase::hear::Vad;

/// Measures accuracy: EER, minDCF, actDCF, Cllr, minCllr, FNMR at FMR, with confidence intervals by
/// bootstrap over speakers, as a table, JSON and SVG plots. Writes its trial lists.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Verification by voice, plain cosine against the back-end.
    Voice(VoiceArgs),
    /// Age and age class by voice.
    Age(evaluate_age::Args),
}

#[derive(Debug, clap::Args)]
struct VoiceArgs {
    /// Folder with recordings and `manifest.tsv` (corpus, speaker, file, sample_rate, seconds, age, gender,
    /// session).
    #[arg(long, value_name = "DIR", env = "VOUCH_SPEECH")]
    data: PathBuf,
    /// Corpora to evaluate, each on its own.
    #[arg(long, value_delimiter = ',', default_value = "hyke,alphanum,amnist_az,libri_to,urdu")]
    corpora: Vec<String>,
    /// Those of them that are real telephone calls: `_1` enrolls, and they are not degraded further.
    #[arg(long, value_delimiter = ',', default_value = "hyke")]
    telephone: Vec<String>,
    /// Conditions of the others.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "clean,phone,cross")]
    conditions: Vec<ConditionArg>,
    /// Groups to report besides corpus and condition.
    #[arg(long, value_enum, value_delimiter = ',')]
    by: Vec<ByArg>,
    /// Folder for trials, scores, JSON and plots.
    #[arg(long, value_name = "DIR", default_value = "evaluation")]
    out: PathBuf,
    /// File of embeddings: used if it exists, else written.
    #[arg(long, value_name = "FILE")]
    cache: Option<PathBuf>,
    /// Seed of the simulated telephone.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ConditionArg {
    /// As recorded.
    Clean,
    /// Both sides over a simulated telephone.
    Phone,
    /// Enrolled as recorded, tested over a simulated telephone.
    Cross,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ByArg {
    /// Same-gender trials, by gender.
    Gender,
    /// Measured bandwidth of both sides.
    Bandwidth,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    match args.what {
        What::Voice(args) => voice(args),
        What::Age(args) => evaluate_age::run(args),
    }
}

fn voice(args: VoiceArgs) -> Result<Done, CliError> {
    let systems =
        back_end::load_systems(&args.model.model, &args.model.dir()).map_err(CliError::failed)?;
    let embedder =
        FileEmbedder::new(args.model.load()?, Vad::On, None).map_err(CliError::failed)?;
    let options = EvaluateOptions {
        data: args.data,
        corpora: args.corpora,
        telephone_corpora: args.telephone,
        conditions: args.conditions.into_iter().map(condition).collect(),
        by: args.by.into_iter().map(group).collect(),
        out: args.out,
        cache: args.cache,
        seed: args.seed,
        judging: Judging::default(),
    };
    let done = evaluate::run(Some(&embedder), &systems, &options, &mut stdout().lock())
        .map_err(CliError::failed)?;
    tell_where(&options);
    for cause in &done.failed {
        eprintln!("vouch: left out: {cause}");
    }
    Ok(if done.failed.is_empty() { Done::All } else { Done::Some })
}

fn tell_where(options: &EvaluateOptions) {
    eprintln!("vouch: trials, scores, evaluation.json and plots are in {}", options.out.display());
}

fn condition(arg: ConditionArg) -> Condition {
    match arg {
        ConditionArg::Clean => Condition::Clean,
        ConditionArg::Phone => Condition::Phone,
        ConditionArg::Cross => Condition::Cross,
    }
}

fn group(arg: ByArg) -> GroupBy {
    match arg {
        ByArg::Gender => GroupBy::Gender,
        ByArg::Bandwidth => GroupBy::Bandwidth,
    }
}
