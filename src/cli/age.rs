//! `vouch age`: age classes of files.

use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use crate::cli::model::ModelArgs;
use crate::cli::{CliError, Done};
use crate::domain::LicenseClass;
use crate::usecase::age_files::FileAges;
use crate::usecase::age_head;
use crate::usecase::file_embedder::FileEmbedder;
use crate::usecase::hear::Vad;

/// Age classes of voices as JSON lines: path, class, p_senior, years, net_speech_s and what they follow
/// from. It categorizes people: tell them.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Which age head of the model.
    #[arg(long, value_enum, default_value = "open")]
    head: HeadArg,
    /// Channel to take, from 0; needed when a file has several.
    #[arg(long)]
    channel: Option<u16>,
    /// Recordings: WAV, FLAC, Ogg-Vorbis or MP3, 8 to 48 kHz.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Which head, by the terms of the data it was fitted on.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum HeadArg {
    /// Open data only.
    Open,
    /// Further data, under narrower terms.
    Research,
}

impl HeadArg {
    /// Its license class.
    pub fn class(self) -> LicenseClass {
        match self {
            Self::Open => LicenseClass::Open,
            Self::Research => LicenseClass::Research,
        }
    }
}

/// Runs the command. Files that fail are named on stderr and left out.
pub fn run(args: Args) -> Result<Done, CliError> {
    let extractor = args.model.load()?;
    let head = age_head::load(extractor.artifact(), &args.model.dir(), args.head.class())
        .map_err(CliError::failed)?;
    let embedder = FileEmbedder::new(extractor, Vad::On, args.channel).map_err(CliError::failed)?;
    let ages = FileAges::new(embedder, head);
    let mut out = BufWriter::new(stdout().lock());
    let mut done = Done::All;
    for file in &args.files {
        match ages.file(file) {
            Ok(age) => {
                serde_json::to_writer(&mut out, &age).map_err(CliError::failed)?;
                writeln!(out).map_err(CliError::failed)?;
            }
            Err(cause) => {
                eprintln!("vouch: {}: {cause}", file.display());
                done = Done::Some;
            }
        }
    }
    out.flush().map_err(CliError::failed)?;
    Ok(done)
}
