//! `vouch embed`: raw voice embeddings of files.

use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use crate::cli::model::ModelArgs;
use crate::cli::{CliError, Done};
use crate::usecase::file_embedder::FileEmbedder;
use crate::usecase::hear::Vad;

/// Raw voice embeddings as JSON lines: path, model, net_speech_s, quality, embedding. They are those of the
/// model as it was published; `--adapter on` gives those that templates hold.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Voice activity detection: embed only the frames with speech.
    #[arg(long, value_enum, default_value = "on")]
    vad: SwitchArg,
    /// This project's adapter for speech of the telephone band, where the model has one.
    #[arg(long, value_enum, default_value = "off")]
    adapter: SwitchArg,
    /// Channel to take, from 0; needed when a file has several.
    #[arg(long)]
    channel: Option<u16>,
    /// Recordings: WAV, FLAC, Ogg-Vorbis or MP3, 8 to 48 kHz.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum SwitchArg {
    On,
    Off,
}

/// Runs the command. Files that fail are named on stderr and left out.
pub fn run(args: Args) -> Result<Done, CliError> {
    let vad = match args.vad {
        SwitchArg::On => Vad::On,
        SwitchArg::Off => Vad::Off,
    };
    let extractor = match args.adapter {
        SwitchArg::On => args.model.load()?,
        SwitchArg::Off => args.model.load_published()?,
    };
    let embedder = FileEmbedder::new(extractor, vad, args.channel).map_err(CliError::failed)?;
    let mut out = BufWriter::new(stdout().lock());
    let mut done = Done::All;
    for file in &args.files {
        match embedder.file(file) {
            Ok(embedding) => {
                serde_json::to_writer(&mut out, &embedding).map_err(CliError::failed)?;
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
