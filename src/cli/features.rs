//! `vouch features`: filterbank or cepstral features of a file.

use std::io::{BufWriter, stdout};
use std::path::PathBuf;

use crate::cli::{CliError, Done};
use crate::usecase::extract_features::{FeatureKind, FeatureRequest, extract_features};

/// Kaldi-compatible features as CSV, one frame a row: native sample rate, samples in the range of 16-bit
/// integers, no dither, Povey window, 25 ms frames every 10 ms, natural log, no mean subtraction.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which features.
    #[arg(long, value_enum)]
    kind: Kind,
    /// Mel bins (default: 80 for fbank, 23 for mfcc).
    #[arg(long)]
    bins: Option<usize>,
    /// Cepstral coefficients (mfcc only; default 13).
    #[arg(long)]
    ceps: Option<usize>,
    /// Channel to take, from 0; needed when the file has several.
    #[arg(long)]
    channel: Option<u16>,
    /// The recording: WAV, FLAC, Ogg-Vorbis or MP3, 8 to 48 kHz.
    file: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// Log-mel filterbank energies.
    Fbank,
    /// Mel-frequency cepstral coefficients.
    Mfcc,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    let request = FeatureRequest {
        path: &args.file,
        channel: args.channel,
        kind: match args.kind {
            Kind::Fbank => FeatureKind::Fbank,
            Kind::Mfcc => FeatureKind::Mfcc,
        },
        bins: args.bins,
        ceps: args.ceps,
    };
    if matches!(args.kind, Kind::Fbank) && args.ceps.is_some() {
        return Err(CliError::Usage("--ceps goes with --kind mfcc".to_owned()));
    }
    extract_features(&request, &mut BufWriter::new(stdout().lock())).map_err(|error| {
        if error.is_of_request() {
            CliError::Usage(error.to_string())
        } else {
            CliError::failed(error)
        }
    })?;
    Ok(Done::All)
}
