//! `vouch evaluate age`: how well ages and seniors are told by voice.

use std::io::stdout;
use std::path::PathBuf;

use crate::cli::age::HeadArg;
use crate::cli::model::ModelArgs;
use crate::cli::{CliError, Done};
use crate::usecase::age_head;
use crate::usecase::evaluate_age::{self, Condition, Draws, EvaluateAgeOptions, GroupBy, plan};
use crate::usecase::file_embedder::FileEmbedder;
use crate::usecase::hear::Vad;

/// Measures age estimates: error in years, area under the ROC of seniors, their recall, calibration and
/// coverage, with confidence intervals by bootstrap over speakers, as a table, JSON and SVG plots.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with recordings and `manifest.tsv` (corpus, speaker, file, sample_rate, seconds, age, gender,
    /// session). An age is a number of years or a band such as 30-39.
    #[arg(long, value_name = "DIR", env = "VOUCH_SPEECH")]
    data: PathBuf,
    /// Corpora with ages, each on its own and pooled.
    #[arg(long, value_delimiter = ',', default_value = "accent,alphanum,mx_voices")]
    corpora: Vec<String>,
    /// Conditions.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "clean,phone")]
    conditions: Vec<ConditionArg>,
    /// Groups to report besides.
    #[arg(long, value_enum, value_delimiter = ',')]
    by: Vec<ByArg>,
    /// Which age head of the model.
    #[arg(long, value_enum, default_value = "open")]
    head: HeadArg,
    /// Folder for estimates, JSON and plots.
    #[arg(long, value_name = "DIR", default_value = "evaluation-age")]
    out: PathBuf,
    /// File of embeddings of this model: used as far as it goes, then added to.
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
    /// Over a simulated telephone.
    Phone,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ByArg {
    /// Sex, as the manifest says it.
    Sex,
    /// Measured bandwidth.
    Channel,
    /// Measured net speech.
    NetSpeech,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    let extractor = args.model.load()?;
    let head = age_head::load(extractor.artifact(), &args.model.dir(), args.head.class())
        .map_err(CliError::failed)?;
    let embedder = FileEmbedder::new(extractor, Vad::On, None).map_err(CliError::failed)?;
    let options = EvaluateAgeOptions {
        data: args.data,
        corpora: args.corpora,
        conditions: args.conditions.into_iter().map(condition).collect(),
        by: args.by.into_iter().map(group).collect(),
        out: args.out,
        cache: args.cache,
        seed: args.seed,
        draws: Draws::default(),
    };
    if options.corpora.is_empty() || options.conditions.is_empty() {
        return Err(CliError::Usage("at least one corpus and one condition are needed".to_owned()));
    }
    let out = &mut stdout().lock();
    let done = evaluate_age::run(&embedder, &head, &plan::find_speech, &options, out)
        .map_err(CliError::failed)?;
    eprintln!("vouch: estimates.tsv, evaluation.json and plots are in {}", options.out.display());
    for cause in &done.failed {
        eprintln!("vouch: left out: {cause}");
    }
    Ok(if done.failed.is_empty() { Done::All } else { Done::Some })
}

fn condition(arg: ConditionArg) -> Condition {
    match arg {
        ConditionArg::Clean => Condition::Clean,
        ConditionArg::Phone => Condition::Phone,
    }
}

fn group(arg: ByArg) -> GroupBy {
    match arg {
        ByArg::Sex => GroupBy::Sex,
        ByArg::Channel => GroupBy::Channel,
        ByArg::NetSpeech => GroupBy::NetSpeech,
    }
}
