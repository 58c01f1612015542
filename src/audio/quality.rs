//! What a recording is worth, measured as it comes.

use crate::audio::frame::FrameStats;
use crate::audio::sequence::SequenceTracker;
use crate::domain::{Bandwidth, Quality, Reason};

/// Milliseconds of one frame hop.
const FRAME_MS: u64 = 10;
/// Samples of one hop at 16 kHz.
const FRAME_HOP: u64 = 160;
/// Frames of speech, and of pause, below which no ratio is stated: 100 ms.
const MIN_FRAMES: u64 = 10;
/// Pauses below which no noise is measured, in frames: the few frames at the edges of a recording without
/// pauses are the onset and the end of speech, not noise.
const MIN_PAUSE_FRAMES: u64 = 30;
/// Quietest level told apart, in dB relative to full scale.
const QUIETEST_DB: f32 = -100.0;
/// Largest ratio stated, in dB.
const MAX_SNR_DB: f32 = 60.0;
/// Counters of the pause levels, 1 dB each, from [`QUIETEST_DB`] to 0.
const LEVELS: usize = 101;
/// A frame louder than this that is not speech is something else, in dB relative to full scale.
const LOUD_DB: f32 = -45.0;

/// From when on a caller is told to do something. All are held against the recording so far.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QualityLimits {
    /// Net speech below which more is asked for, in milliseconds.
    pub min_net_speech_ms: u32,
    /// Speech-to-noise ratio below which it is too noisy, in dB.
    pub min_snr_db: f32,
    /// Active speech level below which it is too quiet, in dB relative to full scale.
    pub min_level_dbfs: f32,
    /// Share of speech samples at full scale above which it is clipped.
    pub max_clipped_share: f32,
    /// Loud sound that is not speech before it is remarked on, in milliseconds.
    pub min_other_sound_ms: u32,
    /// Share of loud sound that must be speech.
    pub min_speech_share: f32,
    /// Power from 4.4 to 6 kHz relative to 100 to 3800 Hz from which speech is wide-band, in dB.
    pub wide_band_db: f32,
}

impl Default for QualityLimits {
    fn default() -> Self {
        Self {
            min_net_speech_ms: 3_000,
            min_snr_db: 8.0,
            min_level_dbfs: -45.0,
            max_clipped_share: 0.005,
            min_other_sound_ms: 1_000,
            min_speech_share: 0.25,
            wide_band_db: -52.0,
        }
    }
}

/// Collects quality frame by frame; [`QualityMeter::quality`] answers at any time.
#[derive(Debug, Clone)]
pub struct QualityMeter {
    limits: QualityLimits,
    native_rate_hz: u32,
    samples: u64,
    speech_frames: u64,
    other_frames: u64,
    loud_other_frames: u64,
    clipped: u64,
    speech: Powers,
    other: Powers,
    pause_levels: [u32; LEVELS],
}

/// Sums of mean squares.
#[derive(Debug, Clone, Copy, Default)]
struct Powers {
    full: f64,
    voice_band: f64,
    high_band: f64,
}

impl Powers {
    fn add(&mut self, stats: &FrameStats) {
        self.full += f64::from(stats.power);
        self.voice_band += f64::from(stats.voice_band);
        self.high_band += f64::from(stats.high_band);
    }
}

impl QualityMeter {
    /// A meter for audio that came at `native_rate_hz`.
    pub fn new(native_rate_hz: u32, limits: QualityLimits) -> Self {
        Self {
            limits,
            native_rate_hz,
            samples: 0,
            speech_frames: 0,
            other_frames: 0,
            loud_other_frames: 0,
            clipped: 0,
            speech: Powers::default(),
            other: Powers::default(),
            pause_levels: [0; LEVELS],
        }
    }

    /// Notes samples at 16 kHz that came.
    pub(crate) fn note_samples(&mut self, count: usize) {
        self.samples += count as u64;
    }

    /// Notes a decided frame.
    pub(crate) fn note_frame(&mut self, speech: bool, stats: &FrameStats) {
        if speech {
            self.speech_frames += 1;
            self.clipped += u64::from(stats.clipped);
            self.speech.add(stats);
            return;
        }
        self.other_frames += 1;
        self.other.add(stats);
        let level = decibels(f64::from(stats.voice_band)).max(QUIETEST_DB);
        self.loud_other_frames += u64::from(level > LOUD_DB);
        let index = ((level - QUIETEST_DB).round() as usize).min(LEVELS - 1);
        self.pause_levels[index] = self.pause_levels[index].saturating_add(1);
    }

    /// Quality so far, with what the tracker counted.
    pub fn quality(&self, packets: &SequenceTracker) -> Quality {
        let speech_samples = (self.speech_frames * FRAME_HOP).max(1);
        let mut quality = Quality {
            net_speech_ms: clamp_ms(self.speech_frames * FRAME_MS),
            total_ms: clamp_ms(self.samples / 16),
            snr_db: self.snr_db(),
            level_dbfs: (self.speech_frames > 0)
                .then(|| decibels(self.speech.full / self.speech_frames as f64)),
            clipped_share: (self.clipped as f64 / speech_samples as f64) as f32,
            bandwidth: self.bandwidth(),
            packets_lost: packets.lost(),
            packets_repeated: packets.repeated(),
            reasons: Vec::new(),
        };
        quality.reasons = self.reasons(&quality);
        quality
    }

    /// Mean speech power over the median pause power, both in the voice band: tones and clicks
    /// between words move a mean, but hardly a median.
    fn snr_db(&self) -> Option<f32> {
        if self.speech_frames < MIN_FRAMES || self.other_frames < MIN_PAUSE_FRAMES {
            return None;
        }
        let mut seen = 0;
        let median = self.pause_levels.iter().position(|&count| {
            seen += u64::from(count);
            2 * seen >= self.other_frames
        })?;
        let noise = 10f64.powf((QUIETEST_DB + median as f32) as f64 / 10.0);
        let both = self.speech.voice_band / self.speech_frames as f64;
        // Speech power includes the noise; at least -10 dB is stated.
        let ratio = ((both - noise) / noise).max(0.1);
        Some(decibels(ratio).min(MAX_SNR_DB))
    }

    /// By the content of the speech; without speech by that of everything, without any sound by
    /// the rate it came at.
    fn bandwidth(&self) -> Bandwidth {
        let powers = if self.speech_frames > 0 { &self.speech } else { &self.other };
        let wide = if self.native_rate_hz <= 8_000 {
            false
        } else if powers.voice_band <= 0.0 {
            true
        } else {
            decibels(powers.high_band / powers.voice_band) > self.limits.wide_band_db
        };
        if wide { Bandwidth::Wide } else { Bandwidth::Narrow }
    }

    fn reasons(&self, quality: &Quality) -> Vec<Reason> {
        let limits = &self.limits;
        let other_ms = clamp_ms(self.loud_other_frames * FRAME_MS);
        let loud_frames = self.loud_other_frames + self.speech_frames;
        let speech_share = self.speech_frames as f32 / loud_frames.max(1) as f32;
        let checks = [
            (quality.net_speech_ms < limits.min_net_speech_ms, Reason::SpeakLonger),
            (quality.snr_db.is_some_and(|snr| snr < limits.min_snr_db), Reason::TooNoisy),
            (quality.clipped_share > limits.max_clipped_share, Reason::Clipped),
            (quality.level_dbfs.is_some_and(|l| l < limits.min_level_dbfs), Reason::TooQuiet),
            (
                other_ms >= limits.min_other_sound_ms && speech_share < limits.min_speech_share,
                Reason::NotSpeech,
            ),
            (quality.packets_lost > 0 || quality.packets_repeated > 0, Reason::PacketLoss),
        ];
        checks.into_iter().filter_map(|(holds, reason)| holds.then_some(reason)).collect()
    }
}

fn decibels(power: f64) -> f32 {
    (10.0 * power.max(1e-12).log10()) as f32
}

fn clamp_ms(ms: u64) -> u32 {
    u32::try_from(ms).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quality of frames `(speech, level in dB, high band relative to the voice band in dB,
    /// clipped)`, each a number of times.
    fn measure(rate_hz: u32, frames: &[(usize, bool, f32, f32, u16)]) -> Quality {
        let mut meter = QualityMeter::new(rate_hz, QualityLimits::default());
        for &(times, speech, level, high, clipped) in frames {
            let power = 10f32.powf(level / 10.0);
            let high_band = power * 10f32.powf(high / 10.0);
            let stats = FrameStats { power, voice_band: power, high_band, clipped };
            for _ in 0..times {
                meter.note_samples(160);
                meter.note_frame(speech, &stats);
            }
        }
        meter.quality(&SequenceTracker::default())
    }

    #[test]
    fn good_speech_has_figures_and_no_reasons() {
        let quality =
            measure(16_000, &[(400, true, -26.0, -20.0, 0), (100, false, -60.0, -9.0, 0)]);
        assert_eq!((quality.net_speech_ms, quality.total_ms), (4_000, 5_000));
        assert!((quality.level_dbfs.unwrap() + 26.0).abs() < 0.01);
        assert!((quality.snr_db.unwrap() - 34.0).abs() < 0.1);
        assert_eq!(quality.bandwidth, Bandwidth::Wide);
        assert_eq!(quality.reasons, []);
    }

    #[test]
    fn every_reason_has_its_cause() {
        let speech = (400, true, -26.0, -20.0, 0);
        let pause = (100, false, -60.0, -9.0, 0);
        let reasons = |frames: &[(usize, bool, f32, f32, u16)]| measure(16_000, frames).reasons;
        assert_eq!(reasons(&[]), [Reason::SpeakLonger]);
        assert_eq!(reasons(&[(299, true, -26.0, -20.0, 0), pause]), [Reason::SpeakLonger]);
        assert_eq!(reasons(&[speech, (100, false, -33.0, -9.0, 0)]), [Reason::TooNoisy]);
        assert_eq!(reasons(&[(400, true, -26.0, -20.0, 1), pause]), [Reason::Clipped]);
        assert_eq!(reasons(&[(400, true, -46.0, -20.0, 0), pause]), [Reason::TooQuiet]);
        let ringing = reasons(&[(500, false, -20.0, -60.0, 0)]);
        assert_eq!(ringing, [Reason::SpeakLonger, Reason::NotSpeech]);
        let mut packets = SequenceTracker::default();
        packets.note(5);
        packets.note(7);
        let quality = QualityMeter::new(8_000, QualityLimits::default()).quality(&packets);
        assert_eq!(quality.packets_lost, 1);
        assert!(quality.reasons.contains(&Reason::PacketLoss));
    }

    #[test]
    fn tones_between_words_do_not_spoil_the_ratio() {
        let quality = measure(
            8_000,
            &[
                (400, true, -26.0, -99.0, 0),
                (100, false, -60.0, -9.0, 0),
                (90, false, -10.0, -99.0, 0),
            ],
        );
        assert!(quality.snr_db.unwrap() > 30.0);
    }

    #[test]
    fn bandwidth_follows_the_content() {
        let of = |rate, high| measure(rate, &[(10, true, -20.0, high, 0)]).bandwidth;
        assert_eq!(of(16_000, -20.0), Bandwidth::Wide);
        assert_eq!(of(16_000, -70.0), Bandwidth::Narrow);
        assert_eq!(of(8_000, -20.0), Bandwidth::Narrow);
    }

    #[test]
    fn without_speech_or_pause_nothing_is_made_up() {
        let quality = measure(16_000, &[(50, true, -20.0, -20.0, 0)]);
        assert_eq!(quality.snr_db, None);
        assert_eq!(measure(16_000, &[(50, false, -20.0, -20.0, 0)]).level_dbfs, None);
    }
}
