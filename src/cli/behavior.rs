//! `vouch behavior`: scores of captured keys, touches and pointers, and background models.

use std::fs;
use std::io::{BufWriter, ErrorKind, Write, stderr, stdout};
use std::path::{Path, PathBuf};

use crate::cli::{CliError, Done};
use crate::usecase::backgrounds::{self, Backgrounds, TrainedKind, public};
use crate::usecase::behavior_files;
use crate::usecase::score_trials::ScoreTrialsError;

/// Keystrokes, touches and pointers: scores of captures against profiles, and background models.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Compare captures with the profiles of enrolled ones; TSV with header `subject capture raw llr [label]`.
    Score(ScoreArgs),
    /// Fit a background model on captures of many people. That of fixed texts holds the keys of the texts that
    /// many people type: keep it as secret as they are.
    Train(TrainArgs),
}

#[derive(Debug, clap::Args)]
struct ScoreArgs {
    /// Captures to enroll, JSON lines.
    #[arg(long, value_name = "FILE")]
    enroll: PathBuf,
    /// Captures to test, JSON lines.
    #[arg(long, value_name = "FILE")]
    test: PathBuf,
    /// Trials, a line each: `subject capture[,capture…] [target|nontarget]`. Without it each capture is compared
    /// with the profile of its own subject.
    #[arg(long, value_name = "FILE")]
    trials: Option<PathBuf>,
    #[command(flatten)]
    background: BackgroundArgs,
}

/// Which background models are used.
#[derive(Debug, clap::Args)]
pub struct BackgroundArgs {
    /// Background models: those that ship, those of class `open` only, none, or a folder with files that
    /// `behavior train` wrote: fixed-text.json, free-text.json, touch.json, pointer.json.
    #[arg(long, value_name = "shipped|open|none|DIR", default_value = "shipped")]
    backgrounds: String,
}

impl BackgroundArgs {
    fn load(&self) -> Result<Backgrounds, CliError> {
        let loaded = match self.backgrounds.as_str() {
            "shipped" => backgrounds::shipped(false),
            "open" => backgrounds::shipped(true),
            "none" => Ok(Backgrounds::default()),
            folder => backgrounds::from_folder(Path::new(folder)),
        };
        loaded.map_err(CliError::failed)
    }
}

#[derive(Debug, clap::Args)]
struct TrainArgs {
    /// What to fit.
    #[arg(long, value_enum)]
    kind: KindArg,
    /// Captures of many people, JSON lines.
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "public")]
    captures: Vec<PathBuf>,
    /// Instead of captures, the folder of the public data sets: makes the models that ship.
    #[arg(long, value_name = "DIR", conflicts_with = "captures")]
    public: Option<PathBuf>,
    /// The model, a JSON file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum KindArg {
    /// Typing of fixed texts.
    FixedText,
    /// Typing of any text.
    FreeText,
    /// Strokes of a finger.
    Touch,
    /// A mouse or the like.
    Pointer,
    /// The style of messages; from the public set only.
    Text,
}

impl KindArg {
    /// `None` for what is no behavior.
    fn kind(self) -> Option<TrainedKind> {
        match self {
            Self::FixedText => Some(TrainedKind::FixedText),
            Self::FreeText => Some(TrainedKind::FreeText),
            Self::Touch => Some(TrainedKind::Touch),
            Self::Pointer => Some(TrainedKind::Pointer),
            Self::Text => None,
        }
    }
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    match args.what {
        What::Score(args) => score(&args),
        What::Train(args) => train(&args),
    }
}

/// A file as text; lines with bytes that are no UTF-8 fail on their own when they are read.
fn read(path: &Path) -> Result<String, CliError> {
    let bytes = fs::read(path).map_err(|e| CliError::failed(format!("{}: {e}", path.display())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn score(args: &ScoreArgs) -> Result<Done, CliError> {
    let loaded = args.background.load()?;
    let list = args.trials.as_deref().map(read).transpose()?;
    let (enroll, test) = (read(&args.enroll)?, read(&args.test)?);
    let mut out = BufWriter::new(stdout().lock());
    let sides = (enroll.as_str(), test.as_str());
    let errors = &mut stderr().lock();
    let outcome = behavior_files::score(&loaded, sides, list.as_deref(), &mut out, errors)
        .and_then(|outcome| Ok(out.flush().map(|()| outcome)?));
    // What is left in the buffer goes nowhere either; writing it once more would fail once more.
    let (_, _) = out.into_parts();
    match (outcome, &args.trials) {
        (Ok(outcome), _) if outcome.failed == 0 => Ok(Done::All),
        (Ok(_), _) => Ok(Done::Some),
        // Whoever read has seen enough, as `head` does.
        (Err(ScoreTrialsError::Write(error)), _) if error.kind() == ErrorKind::BrokenPipe => {
            Ok(Done::All)
        }
        (Err(error @ ScoreTrialsError::Line { .. }), Some(trials)) => {
            Err(CliError::Usage(format!("{}: {error}", trials.display())))
        }
        (Err(error), _) => Err(CliError::failed(error)),
    }
}

fn train(args: &TrainArgs) -> Result<Done, CliError> {
    let write = |json: &str| {
        fs::write(&args.out, format!("{json}\n"))
            .map_err(|e| CliError::failed(format!("{}: {e}", args.out.display())))
    };
    if let Some(folder) = &args.public {
        let json = match args.kind.kind() {
            Some(kind) => public::train(kind, folder),
            None => public::train_text(folder),
        };
        write(json.map_err(CliError::failed)?.trim_end())?;
        return Ok(Done::All);
    }
    let Some(kind) = args.kind.kind() else {
        return Err(CliError::Usage("--kind text is fitted with --public only".to_owned()));
    };
    let mut captures = String::new();
    for path in &args.captures {
        captures += &read(path)?;
        captures.push('\n');
    }
    let trained =
        backgrounds::train(kind, &captures, &mut stderr().lock()).map_err(CliError::failed)?;
    write(&trained.json)?;
    eprintln!(
        "vouch: fitted on {} captures of {} people; {} captures left out",
        trained.captures, trained.people, trained.failed
    );
    if trained.unused > 0 {
        let unused = trained.unused;
        eprintln!("vouch: {unused} captures took no part: people, or a text, with too few of them");
    }
    Ok(if trained.failed == 0 { Done::All } else { Done::Some })
}
