//! Everything at once: bytes in; 16 kHz samples, voice activity and quality out.

use crate::audio::quality::{QualityLimits, QualityMeter};
use crate::audio::resample::{Mono16k, To16k};
use crate::audio::sequence::{Arrival, SequenceTracker};
use crate::audio::stream::StreamDecoder;
use crate::audio::vad::Vad;
use crate::audio::{AudioError, AudioLimits, Pcm};
use crate::domain::{AudioFormat, Quality};

/// A whole recording, ready for the front end.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The samples.
    pub audio: Mono16k,
    /// One flag a Kaldi frame (25 ms every 10 ms at 16 kHz): true is speech.
    pub speech: Vec<bool>,
    /// What the recording is worth.
    pub quality: Quality,
}

/// What one piece of a stream brought. Reused from push to push by the caller.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeardPiece {
    /// Samples at 16 kHz on the 16-bit grid, in order.
    pub samples: Vec<f32>,
    /// Flags of the frames that became known, in order; they lag the samples by
    /// [`Vad::LATENCY_MS`].
    pub speech: Vec<bool>,
}

impl HeardPiece {
    fn clear(&mut self) {
        self.samples.clear();
        self.speech.clear();
    }
}

/// Resamples a whole recording and finds the speech in it.
///
/// # Errors
/// A rate that is not taken.
pub fn listen(pcm: &Pcm, limits: QualityLimits) -> Result<Heard, AudioError> {
    let audio = crate::audio::to_16k(pcm)?;
    let mut ear = Ear::new(pcm.sample_rate_hz, limits)?;
    let mut speech = Vec::with_capacity(Vad::frames_in(audio.samples().len()));
    ear.hear(audio.samples(), &mut speech);
    ear.end(&mut speech);
    let quality = ear.meter.quality(&SequenceTracker::default());
    Ok(Heard { audio, speech, quality })
}

/// [`listen`] for a live stream; the pieces put together are exactly what it gives for the whole.
pub struct Listener {
    decoder: StreamDecoder,
    packets: SequenceTracker,
    quality_limits: QualityLimits,
    native: Vec<f32>,
    ear: Option<Ear>,
}

/// What is made once the rate is known.
struct Ear {
    resampler: To16k,
    vad: Vad,
    meter: QualityMeter,
}

impl Ear {
    fn new(rate_hz: u32, limits: QualityLimits) -> Result<Self, AudioError> {
        let resampler = To16k::new(rate_hz)?;
        Ok(Self { resampler, vad: Vad::new(), meter: QualityMeter::new(rate_hz, limits) })
    }

    fn hear(&mut self, samples: &[f32], speech: &mut Vec<bool>) {
        let Self { vad, meter, .. } = self;
        meter.note_samples(samples.len());
        vad.push_with(samples, &mut |is_speech, stats| {
            meter.note_frame(is_speech, stats);
            speech.push(is_speech);
        });
    }

    fn end(&mut self, speech: &mut Vec<bool>) {
        let Self { vad, meter, .. } = self;
        vad.finish_with(&mut |is_speech, stats| {
            meter.note_frame(is_speech, stats);
            speech.push(is_speech);
        });
    }
}

impl Listener {
    /// A listener for a stream of `format`.
    ///
    /// # Errors
    /// As [`StreamDecoder::new`].
    pub fn new(
        format: AudioFormat,
        limits: AudioLimits,
        quality_limits: QualityLimits,
    ) -> Result<Self, AudioError> {
        let decoder = StreamDecoder::new(format, limits)?;
        let ear = match decoder.sample_rate_hz() {
            Some(rate_hz) => Some(Ear::new(rate_hz, quality_limits)?),
            None => None,
        };
        let packets = SequenceTracker::default();
        Ok(Self { decoder, packets, quality_limits, native: Vec::new(), ear })
    }

    /// Takes a chunk; `piece` is overwritten with what became known. A chunk that repeats an
    /// earlier one, by its sequence number, is counted and gives nothing.
    ///
    /// # Errors
    /// As [`StreamDecoder::push`].
    pub fn push(
        &mut self,
        sequence: Option<u64>,
        bytes: &[u8],
        piece: &mut HeardPiece,
    ) -> Result<(), AudioError> {
        piece.clear();
        match sequence.map(|number| self.packets.note(number)) {
            Some(Arrival::Dropped) => return Ok(()),
            Some(Arrival::AfterGap) => self.decoder.skip_gap(),
            Some(Arrival::InOrder) | None => {}
        }
        self.native.clear();
        self.decoder.push(bytes, &mut self.native)?;
        let ear = match (&mut self.ear, self.decoder.sample_rate_hz()) {
            (Some(ear), _) => ear,
            (none, Some(rate_hz)) => none.insert(Ear::new(rate_hz, self.quality_limits)?),
            (None, None) => return Ok(()),
        };
        ear.resampler.push(&self.native, &mut piece.samples);
        ear.hear(&piece.samples, &mut piece.speech);
        Ok(())
    }

    /// The stream is complete; `piece` is overwritten with what was held back.
    ///
    /// # Errors
    /// As [`StreamDecoder::finish`]; what was heard until then is still in `piece`.
    pub fn finish(&mut self, piece: &mut HeardPiece) -> Result<(), AudioError> {
        piece.clear();
        let finished = self.decoder.finish();
        if let Some(ear) = &mut self.ear {
            ear.resampler.finish(&mut piece.samples);
            ear.hear(&piece.samples, &mut piece.speech);
            ear.end(&mut piece.speech);
        }
        finished
    }

    /// Quality so far; it knows the frames decided until now.
    pub fn quality(&self) -> Quality {
        match &self.ear {
            Some(ear) => ear.meter.quality(&self.packets),
            None => QualityMeter::new(crate::audio::RATE_16K_HZ, self.quality_limits)
                .quality(&self.packets),
        }
    }

    /// Rate of the audio as it comes, in Hz; `None` until a WAV header has said it.
    pub fn native_rate_hz(&self) -> Option<u32> {
        self.decoder.sample_rate_hz()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::decode;
    use crate::domain::{AudioEncoding, Bandwidth, Reason};
    use proptest::prelude::*;

    fn ulaw() -> AudioFormat {
        AudioFormat {
            encoding: AudioEncoding::G711Ulaw,
            sample_rate_hz: None,
            channels: None,
            channel: None,
        }
    }

    fn listener(format: AudioFormat) -> Listener {
        Listener::new(format, AudioLimits::default(), QualityLimits::default()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn a_stream_is_heard_as_the_whole(
            bytes in prop::collection::vec(any::<u8>(), 1..12_000),
            sizes in prop::collection::vec(1usize..900, 1..6),
        ) {
            let pcm = decode(&bytes, &ulaw(), &AudioLimits::default()).unwrap();
            let whole = listen(&pcm, QualityLimits::default()).unwrap();
            let mut stream = listener(ulaw());
            let (mut samples, mut speech) = (Vec::new(), Vec::new());
            let mut piece = HeardPiece::default();
            let mut rest = &bytes[..];
            for (number, &size) in (9..).zip(sizes.iter().cycle()) {
                let take = size.min(rest.len());
                stream.push(Some(number), &rest[..take], &mut piece).unwrap();
                samples.extend_from_slice(&piece.samples);
                speech.extend_from_slice(&piece.speech);
                rest = &rest[take..];
                if rest.is_empty() {
                    break;
                }
            }
            stream.finish(&mut piece).unwrap();
            samples.extend_from_slice(&piece.samples);
            speech.extend_from_slice(&piece.speech);
            prop_assert_eq!(&samples[..], whole.audio.samples());
            prop_assert_eq!(speech.len(), Vad::frames_in(samples.len()));
            prop_assert_eq!(&speech, &whole.speech);
            prop_assert_eq!(stream.quality(), whole.quality);
        }
    }

    #[test]
    fn repeated_packets_are_dropped_and_reported() {
        let mut stream = listener(ulaw());
        let mut piece = HeardPiece::default();
        let mut heard = 0;
        for number in [3, 4, 4, 6] {
            stream.push(Some(number), &[0xff; 160], &mut piece).unwrap();
            heard += piece.samples.len();
        }
        stream.finish(&mut piece).unwrap();
        assert_eq!(heard + piece.samples.len(), 3 * 320);
        let quality = stream.quality();
        assert_eq!((quality.packets_lost, quality.packets_repeated), (1, 1));
        assert_eq!(quality.bandwidth, Bandwidth::Narrow);
        assert_eq!(quality.reasons, [Reason::SpeakLonger, Reason::PacketLoss]);
    }

    #[test]
    fn a_wav_stream_knows_its_rate_after_the_header() {
        let wav = AudioFormat { encoding: AudioEncoding::Wav, ..ulaw() };
        let mut stream = listener(wav);
        let mut piece = HeardPiece::default();
        stream.push(None, b"RIFF\0\0\0\0WAVE", &mut piece).unwrap();
        assert_eq!(stream.native_rate_hz(), None);
        assert_eq!(stream.quality().total_ms, 0);
        let fmt = b"fmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0";
        stream.push(None, fmt, &mut piece).unwrap();
        stream.push(None, b"data\xff\xff\xff\xff\0\x40", &mut piece).unwrap();
        assert_eq!(stream.native_rate_hz(), Some(16_000));
        assert_eq!(piece.samples, [0.5]);
        stream.finish(&mut piece).unwrap();
        assert!(matches!(stream.push(None, &[0], &mut piece), Err(AudioError::Ended)));
    }
}
