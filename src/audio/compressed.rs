//! FLAC, Ogg-Vorbis and MP3 files.

use std::io::{Cursor, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, ReadOnlySource};

use crate::audio::samples::choose_channel;
use crate::audio::stream::{check_claims, check_length};
use crate::audio::{AudioError, AudioLimits, Pcm};
use crate::domain::{AudioEncoding, AudioFormat};

/// Samples that an MP3 file may hold less than its header declares: two of its frames. Some programs count the frame of the
/// header itself, and a decoder may need one to begin.
const MP3_SLACK: u64 = 2 * 1_152;

/// The chosen channel of a whole file.
///
/// # Errors
/// A damaged file, one over its limits, a rate or a channel that is not taken.
pub fn decode(bytes: &[u8], format: &AudioFormat, limits: &AudioLimits) -> Result<Pcm, AudioError> {
    // The decoders are foreign code on untrusted bytes: a panic there is a damaged file here.
    catch_unwind(AssertUnwindSafe(|| decode_unguarded(bytes, format, limits)))
        .unwrap_or_else(|_| Err(damaged(format, "the decoder gave up".to_owned())))
}

/// The format's name in messages.
pub fn name(encoding: AudioEncoding) -> &'static str {
    match encoding {
        AudioEncoding::Flac => "FLAC",
        AudioEncoding::OggVorbis => "Ogg-Vorbis",
        AudioEncoding::Mp3 => "MP3",
        AudioEncoding::Wav => "WAV",
        AudioEncoding::Opus => "Opus",
        AudioEncoding::PcmS16Le | AudioEncoding::G711Ulaw | AudioEncoding::G711Alaw => "raw",
    }
}

fn decode_unguarded(
    bytes: &[u8],
    format: &AudioFormat,
    limits: &AudioLimits,
) -> Result<Pcm, AudioError> {
    let broken = |error: Error| damaged(format, error.to_string());
    let bytes = Cursor::new(bytes);
    // Without a header that counts its frames, the length of an MP3 file is guessed from its bytes where these can be skipped.
    let source: Box<dyn MediaSource + '_> = match format.encoding {
        AudioEncoding::Mp3 => Box::new(ReadOnlySource::new(bytes)),
        _ => Box::new(bytes),
    };
    let source = MediaSourceStream::new(source, Default::default());
    let mut reader = symphonia::default::get_probe()
        .probe(&Hint::new(), source, Default::default(), Default::default())
        .map_err(broken)?;
    let missing = || damaged(format, "it has no audio track".to_owned());
    let track = reader.default_track(TrackType::Audio).ok_or_else(missing)?;
    let (track_id, declared) = (track.id, declared(format, track.num_frames));
    let parameters = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or_else(missing)?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(broken)?;

    let mut pcm: Option<Pcm> = None;
    let mut interleaved: Vec<f32> = Vec::new();
    while let Some(packet) = next_packet(reader.as_mut()).map_err(broken)? {
        if packet.track_id != track_id {
            continue;
        }
        let buffer = decoder.decode(&packet).map_err(broken)?;
        let rate_hz = buffer.spec().rate();
        let channels = u16::try_from(buffer.num_planes()).unwrap_or(u16::MAX);
        check_claims(format, rate_hz, channels)?;
        let channel = usize::from(choose_channel(channels, format.channel)?);
        let pcm = pcm.get_or_insert_with(|| Pcm { sample_rate_hz: rate_hz, samples: Vec::new() });
        if pcm.sample_rate_hz != rate_hz {
            return Err(damaged(format, "its sample rate changes".to_owned()));
        }
        check_length((pcm.samples.len() + buffer.frames()) as u64, rate_hz, limits)?;
        buffer.copy_to_vec_interleaved(&mut interleaved);
        for frame in interleaved.chunks_exact(usize::from(channels)) {
            let sample = frame[channel];
            if !sample.is_finite() {
                return Err(AudioError::NotFinite { position: pcm.samples.len() as u64 });
            }
            pcm.samples.push(sample.clamp(-1.0, 1.0));
        }
    }
    let pcm = pcm.filter(|pcm| !pcm.samples.is_empty()).ok_or(AudioError::Empty)?;
    match declared {
        Some(least) if (pcm.samples.len() as u64) < least => {
            let came = pcm.samples.len();
            Err(damaged(
                format,
                format!("it is cut off: {least} samples or more are declared, {came} came"),
            ))
        }
        _ => Ok(pcm),
    }
}

/// The fewest samples that a whole file has, where its header counts them. The count of an Ogg file is that of its last page,
/// wherever it was cut, so it says nothing.
fn declared(format: &AudioFormat, samples: Option<u64>) -> Option<u64> {
    match format.encoding {
        AudioEncoding::Flac => samples,
        AudioEncoding::Mp3 => samples.map(|n| n.saturating_sub(MP3_SLACK)),
        _ => None,
    }
}

/// The next packet; some readers report the end as an unexpected end of the bytes. Whether it came too early the number of
/// samples says.
fn next_packet(
    reader: &mut dyn FormatReader,
) -> Result<Option<symphonia::core::packet::Packet>, Error> {
    match reader.next_packet() {
        Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        other => other,
    }
}

fn damaged(format: &AudioFormat, why: String) -> AudioError {
    AudioError::Damaged { format: name(format.encoding), why }
}
