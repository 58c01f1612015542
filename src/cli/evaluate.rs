//! `vouch evaluate`: accuracy on a set of recordings, with trials, scores and plots as files.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use crate::cli::model::ModelArgs;
use crate::cli::{CliError, Done};
use crate::cli::{evaluate_age, evaluate_behavior, evaluate_session};
use crate::usecase::back_end;
use crate::usecase::evaluate::enrollment::{self, EnrollmentOptions};
use crate::usecase::evaluate::{
    self, Baseline, Condition, EvaluateOptions, EvaluatedModel, Evaluation, GroupBy, Protocol,
    System, Systems, tables,
};
use crate::usecase::evaluate_behavior::Kind;
use crate::usecase::file_embedder::FileEmbedder;
use crate::usecase::hear::Vad;
use crate::usecase::install_model;

/// Measures accuracy: EER, minDCF, actDCF, Cllr, minCllr, FNMR at FMR, with confidence intervals by
/// bootstrap over speakers, as tables, JSON and SVG plots. Writes its protocol and trial lists.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Verification by voice: plain cosine, back-end and a baseline on the same trials.
    Voice(VoiceArgs),
    /// The bounds of enrollment: LLRs of an utterance against those before it, and of parts of a recording.
    Enrollment(EnrollmentArgs),
    /// Tables of earlier results as Markdown, or into a model's card.
    Tables(TablesArgs),
    /// Age and age class by voice.
    Age(evaluate_age::Args),
    /// Typing: passwords and other fixed texts, and free text.
    Keystroke(evaluate_behavior::Args),
    /// Strokes on a touch screen.
    Touch(evaluate_behavior::Args),
    /// A mouse or the like.
    Pointer(evaluate_behavior::Args),
    /// The style of chat messages.
    Text(evaluate_behavior::Args),
    /// Sessions: the fusion of all modalities, on chimeric people, and what a policy decides.
    Session(evaluate_session::Args),
}

/// What both measurements need.
#[derive(Debug, clap::Args)]
struct SetArgs {
    /// Folder with recordings and `manifest.tsv` (corpus, speaker, file, sample_rate, seconds, age, gender,
    /// session).
    #[arg(long, value_name = "DIR", env = "VOUCH_SPEECH")]
    data: PathBuf,
    /// Protocol (TOML); the built-in one is models/protocols/voice.toml.
    #[arg(long, value_name = "FILE")]
    protocol: Option<PathBuf>,
    /// Seed of the simulated telephone instead of the protocol's.
    #[arg(long)]
    seed: Option<u64>,
    /// Embeddings: those there are used, new ones are added. A file, or a folder with a file for each
    /// model.
    #[arg(long, value_name = "PATH")]
    cache: Option<PathBuf>,
    /// Folder for results.
    #[arg(long, value_name = "DIR", default_value = "evaluation")]
    out: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Debug, clap::Args)]
struct VoiceArgs {
    #[command(flatten)]
    set: SetArgs,
    /// Data sets instead of the protocol's.
    #[arg(long, value_delimiter = ',')]
    corpora: Option<Vec<String>>,
    /// Conditions instead of the protocol's.
    #[arg(long, value_enum, value_delimiter = ',')]
    conditions: Option<Vec<ConditionArg>>,
    /// Groups to report besides data set and condition.
    #[arg(long, value_enum, value_delimiter = ',')]
    by: Vec<ByArg>,
    /// What ratios are to: MODEL:plain, MODEL:full or `none`. [default: campplus:plain where installed]
    #[arg(long, value_name = "MODEL:SYSTEM")]
    baseline: Option<String>,
    /// Results of an earlier run of the baseline's model on the same protocol, instead of running it.
    #[arg(long, value_name = "DIR")]
    baseline_scores: Option<PathBuf>,
    /// Embeddings of the baseline's model, as `--cache`, which serves both when it is a folder.
    #[arg(long, value_name = "PATH")]
    baseline_cache: Option<PathBuf>,
    /// The tables as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct EnrollmentArgs {
    #[command(flatten)]
    set: SetArgs,
    /// Share of a speaker's own utterances or recordings that may be refused.
    #[arg(long, default_value_t = 0.01)]
    false_refusal: f64,
}

#[derive(Debug, clap::Args)]
struct TablesArgs {
    /// `evaluation.json` of each model.
    #[arg(required = true, value_name = "FILE")]
    results: Vec<PathBuf>,
    /// Card whose text between `<!-- evaluation: begin -->` and `<!-- evaluation: end -->` is replaced;
    /// without it the tables go to standard output.
    #[arg(long, value_name = "CARD.md")]
    card: Option<PathBuf>,
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
    /// Trials between people of the same sex, by sex.
    Sex,
    /// Trials between people of the same age band, by band.
    Age,
    /// Trials between people of the same language, by language.
    Language,
    /// Measured bandwidth of both sides.
    Channel,
    /// Measured signal-to-noise ratio of the test.
    Snr,
    /// Tests cut to the protocol's durations of net speech.
    NetSpeech,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    match args.what {
        What::Voice(args) => voice(args),
        What::Enrollment(args) => measure_enrollment(args),
        What::Tables(args) => write_tables(&args),
        What::Age(args) => evaluate_age::run(args),
        What::Keystroke(args) => evaluate_behavior::run(Kind::Keystroke, &args),
        What::Touch(args) => evaluate_behavior::run(Kind::Touch, &args),
        What::Pointer(args) => evaluate_behavior::run(Kind::Pointer, &args),
        What::Text(args) => evaluate_behavior::run(Kind::Text, &args),
        What::Session(args) => evaluate_session::run(&args),
    }
}

impl SetArgs {
    fn protocol(&self) -> Result<Protocol, CliError> {
        let mut protocol = match &self.protocol {
            Some(path) => Protocol::load(path),
            None => Protocol::built_in(),
        }
        .map_err(CliError::failed)?;
        protocol.seed = self.seed.unwrap_or(protocol.seed);
        Ok(protocol)
    }

    fn systems(&self) -> Result<Systems, CliError> {
        back_end::load_systems(&self.model.model, &self.model.dir()).map_err(CliError::failed)
    }

    fn embedder(&self) -> Result<FileEmbedder, CliError> {
        FileEmbedder::new(self.model.load()?, Vad::On, None).map_err(CliError::failed)
    }

    fn evaluated<'a>(
        &self,
        embedder: &'a FileEmbedder,
        systems: &'a Systems,
    ) -> EvaluatedModel<'a> {
        EvaluatedModel {
            name: embedder.artifact().to_string(),
            systems,
            embed: Some(embedder),
            cache: self.cache.clone(),
        }
    }
}

fn voice(args: VoiceArgs) -> Result<Done, CliError> {
    let mut protocol = args.set.protocol()?;
    if let Some(corpora) = &args.corpora {
        protocol.corpora.clone_from(corpora);
    }
    if let Some(conditions) = &args.conditions {
        protocol.conditions = conditions.iter().copied().map(condition).collect();
    }
    let protocol = protocol.checked().map_err(|e| CliError::Usage(e.to_string()))?;
    let (systems, embedder) = (args.set.systems()?, args.set.embedder()?);
    let model = args.set.evaluated(&embedder, &systems);
    let other = BaselineParts::of(&args)?;
    let options = EvaluateOptions {
        data: args.set.data.clone(),
        protocol,
        by: args.by.iter().copied().map(group).collect(),
        out: args.set.out.clone(),
    };
    let done = evaluate::run(&model, &other.baseline(&args), &options, &mut stdout().lock())
        .map_err(CliError::failed)?;
    if let Some(path) = &args.markdown {
        write_file(path, &tables::markdown(std::slice::from_ref(&done)))?;
    }
    eprintln!(
        "vouch: protocol, trials, scores, evaluation.json and plots are in {}",
        options.out.display()
    );
    Ok(tell_failed(&done.failed))
}

fn tell_failed(failed: &[String]) -> Done {
    for cause in failed {
        eprintln!("vouch: left out: {cause}");
    }
    if failed.is_empty() { Done::All } else { Done::Some }
}

/// Model of the baseline when none is named: the strongest public one.
const BASELINE_MODEL: &str = "campplus";

/// A baseline with what it must own.
enum BaselineParts {
    None,
    Own(System),
    Earlier(String, System),
    Model(Box<(FileEmbedder, Systems)>, System),
}

impl BaselineParts {
    fn of(args: &VoiceArgs) -> Result<Self, CliError> {
        let (model, system) = match args.baseline.as_deref() {
            Some("none") => return Ok(Self::None),
            Some(text) => parse_baseline(text)?,
            None => (BASELINE_MODEL.to_owned(), System::Plain),
        };
        if args.baseline_scores.is_some() {
            return Ok(Self::Earlier(model, system));
        }
        // A plain baseline is the model as it was published.
        let other = system == System::Plain && install_model::is_adapted(&model);
        if model == args.set.model.model && !other {
            return Ok(Self::Own(system));
        }
        let dir = args.set.model.dir();
        let load = || -> Result<(FileEmbedder, Systems), CliError> {
            let extractor = match system {
                System::Plain => install_model::load_published(&model, &dir),
                System::Full => install_model::load(&model, &dir),
            };
            let extractor = extractor.map_err(CliError::failed)?;
            let embedder = FileEmbedder::new(extractor, Vad::On, None).map_err(CliError::failed)?;
            let systems = back_end::load_systems(&model, &dir).map_err(CliError::failed)?;
            Ok((embedder, systems))
        };
        match load() {
            Ok(parts) => Ok(Self::Model(Box::new(parts), system)),
            Err(error) if args.baseline.is_none() => {
                eprintln!("vouch: no baseline: {error}");
                Ok(Self::None)
            }
            Err(error) => Err(error),
        }
    }

    fn baseline(&self, args: &VoiceArgs) -> Baseline<'_> {
        match (self, &args.baseline_scores) {
            (Self::Own(system), _) => Baseline::Own(*system),
            (Self::Earlier(model, system), Some(folder)) => {
                let (folder, model) = (folder.clone(), model.clone());
                Baseline::Earlier { folder, model, system: *system }
            }
            (Self::Model(parts, system), _) => {
                let (embedder, systems) = &**parts;
                let shared = args.set.cache.clone().filter(|path| path.is_dir());
                let other = EvaluatedModel {
                    name: embedder.artifact().to_string(),
                    systems,
                    embed: Some(embedder),
                    cache: args.baseline_cache.clone().or(shared),
                };
                Baseline::Model(other, *system)
            }
            (Self::None | Self::Earlier(..), _) => Baseline::None,
        }
    }
}

fn parse_baseline(text: &str) -> Result<(String, System), CliError> {
    let parsed = text.rsplit_once(':').and_then(|(model, system)| {
        let system = match system {
            "plain" => System::Plain,
            "full" => System::Full,
            _ => return None,
        };
        (!model.is_empty()).then(|| (model.to_owned(), system))
    });
    let expected = "--baseline is MODEL:plain, MODEL:full or none";
    parsed.ok_or_else(|| CliError::Usage(format!("{expected}, got `{text}`")))
}

fn measure_enrollment(args: EnrollmentArgs) -> Result<Done, CliError> {
    if !(args.false_refusal > 0.0 && args.false_refusal < 1.0) {
        let got = args.false_refusal;
        let why = format!("--false-refusal must be between 0 and 1, got {got}");
        return Err(CliError::Usage(why));
    }
    let (systems, embedder) = (args.set.systems()?, args.set.embedder()?);
    let options = EnrollmentOptions {
        data: args.set.data.clone(),
        protocol: args.set.protocol()?,
        out: args.set.out.clone(),
        false_refusal: args.false_refusal,
    };
    let model = args.set.evaluated(&embedder, &systems);
    let done = enrollment::run(&model, &options, &mut stdout().lock()).map_err(CliError::failed)?;
    eprintln!("vouch: enrollment.json is in {}", options.out.display());
    Ok(tell_failed(&done.failed))
}

fn write_tables(args: &TablesArgs) -> Result<Done, CliError> {
    let read = |path: &PathBuf| Evaluation::read(path).map_err(CliError::failed);
    let evaluations: Vec<Evaluation> = args.results.iter().map(read).collect::<Result<_, _>>()?;
    let page = tables::markdown(&evaluations);
    let Some(path) = &args.card else {
        stdout().lock().write_all(page.as_bytes()).map_err(CliError::failed)?;
        return Ok(Done::All);
    };
    let card = std::fs::read_to_string(path)
        .map_err(|e| CliError::failed(format!("{}: {e}", path.display())))?;
    let filled = tables::fill_card(&card, &page).ok_or_else(|| {
        let marks = "`<!-- evaluation: begin -->` and `<!-- evaluation: end -->`";
        CliError::failed(format!("{}: no {marks}", path.display()))
    })?;
    write_file(path, &filled)?;
    Ok(Done::All)
}

fn write_file(path: &Path, content: &str) -> Result<(), CliError> {
    std::fs::write(path, content).map_err(|e| CliError::failed(format!("{}: {e}", path.display())))
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
        ByArg::Sex => GroupBy::Sex,
        ByArg::Age => GroupBy::Age,
        ByArg::Language => GroupBy::Language,
        ByArg::Channel => GroupBy::Channel,
        ByArg::Snr => GroupBy::Snr,
        ByArg::NetSpeech => GroupBy::NetSpeech,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_is_a_model_and_a_system() {
        assert_eq!(parse_baseline("campplus:plain").unwrap(), ("campplus".into(), System::Plain));
        assert_eq!(parse_baseline("a:b:full").unwrap(), ("a:b".into(), System::Full));
        for bad in ["", "campplus", ":plain", "campplus:half", "campplus:"] {
            assert!(parse_baseline(bad).is_err(), "{bad}");
        }
    }
}
