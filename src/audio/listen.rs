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
    Ok(Heard {
        audio,
        speech,
        quality,
    })
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
        Ok(Self {
            resampler,
            vad: Vad::new(),
            meter: QualityMeter::new(rate_hz, limits),
        })
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
        Ok(Self {
            decoder,
            packets,
            quality_limits,
            native: Vec::new(),
            ear,
        })
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
