//! Voice activity: one decision every 10 ms, from the telephone band alone.
//!
//! A small network (about 3,800 weights) looks at 24 band and 11 other measures of a frame, running
//! means of some of them, and at the same of the frames around it, from 400 ms before to 140 ms
//! after. It was trained on clean speech (Common Voice, LibriSpeech,
//! speechocean762) mixed with noise, babble, signalling tones and music; see [`super::vad_weights`].

use pulp::{Arch, Simd, WithSimd};

use crate::audio::frame::{BANDS, FRAME_SAMPLES, FrameAnalyzer, FrameStats, HOP_SAMPLES, Shape};
use crate::audio::vad_weights as weights;

/// Inputs of the network for a frame.
pub(crate) const MEASURES: usize = 2 * BANDS + 11;
/// What the first layer makes of a frame.
pub(crate) const PROJECTED: usize = 12;
/// Units of the second layer.
pub(crate) const HIDDEN: usize = 20;
/// Frames the second layer sees, relative to the one decided.
pub(crate) const OFFSETS: [i64; 14] = [-40, -30, -22, -16, -11, -7, -4, -2, 0, 2, 4, 7, 10, 14];
/// Frames after the one decided.
const LOOK_AHEAD_FRAMES: u64 = 14;
/// Projected frames kept: 40 before, 14 after and the one itself, up to a power of two.
const HISTORY_FRAMES: usize = 64;
/// Frames over which the floor is smoothed.
const SMOOTH_FRAMES: usize = 4;
/// Frames back for the slow change.
const SLOW_FRAMES: usize = 5;
/// Frames that stay speech after the network's last: 30 ms, so that a word is not cut to pieces.
const HANGOVER_FRAMES: u32 = 3;
/// Samples taken at once; bounds the buffer.
const BLOCK_SAMPLES: usize = 1_600;
/// Added to every band: -90 dB relative to full scale, below which all is silence.
const SILENCE_POWER: f32 = 1e-9;
/// How fast the noise floor may rise, in dB a frame: 3 dB a second.
const FLOOR_RISE_DB: f32 = 0.03;
/// How fast the tracked peak falls, in dB a frame: 3 dB a second.
const PEAK_FALL_DB: f32 = 0.03;
/// Lowest tracked peak, in dB relative to full scale.
const LOWEST_PEAK_DB: f32 = -60.0;
/// How far below the first frame the floor starts, in dB: a stream may begin within speech.
const FLOOR_START_DB: f32 = 10.0;

/// Streaming voice activity detector at 16 kHz. Decides frame `i`, samples
/// `[160 i, 160 i + 400)`, once frame `i + 14` is complete.
pub struct Vad {
    arch: Arch,
    analyzer: FrameAnalyzer,
    line: Vec<f32>,
    tracker: Tracker,
    projected: [[f32; PROJECTED]; HISTORY_FRAMES],
    stats: [FrameStats; HISTORY_FRAMES],
    frames: u64,
    decided: u64,
    /// Frames of hangover left.
    hangover: u32,
}

impl Default for Vad {
    fn default() -> Self {
        Self::new()
    }
}

impl Vad {
    /// Longest time from the end of a frame to its decision, in milliseconds.
    pub const LATENCY_MS: u32 = LOOK_AHEAD_FRAMES as u32 * 10;

    /// A detector at the start of a stream.
    pub fn new() -> Self {
        Self {
            arch: Arch::new(),
            analyzer: FrameAnalyzer::new(),
            line: Vec::with_capacity(BLOCK_SAMPLES + FRAME_SAMPLES),
            tracker: Tracker::default(),
            projected: [[0.0; PROJECTED]; HISTORY_FRAMES],
            stats: [FrameStats::default(); HISTORY_FRAMES],
            frames: 0,
            decided: 0,
            hangover: 0,
        }
    }

    /// Frames in `samples` samples: 0 below 400, then one more every 160.
    pub fn frames_in(samples: usize) -> usize {
        (samples + HOP_SAMPLES).saturating_sub(FRAME_SAMPLES) / HOP_SAMPLES
    }

    /// Takes 16 kHz samples and appends the decisions that become known: true is speech.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<bool>) {
        self.push_with(samples, &mut |speech, _| out.push(speech));
    }

    /// Appends the decisions on the last frames. The detector is fresh again after.
    pub fn finish(&mut self, out: &mut Vec<bool>) {
        self.finish_with(&mut |speech, _| out.push(speech));
    }

    pub(crate) fn push_with(&mut self, samples: &[f32], sink: &mut impl FnMut(bool, &FrameStats)) {
        for block in samples.chunks(BLOCK_SAMPLES) {
            self.line.extend_from_slice(block);
            let mut from = 0;
            while self.line.len() - from >= FRAME_SAMPLES {
                let (stats, shape) = self.analyzer.analyze(&self.line[from..from + FRAME_SAMPLES]);
                let slot = self.frames as usize % HISTORY_FRAMES;
                self.stats[slot] = stats;
                self.projected[slot] = self.arch.dispatch(Project(&self.tracker.measure(&shape)));
                self.frames += 1;
                if self.frames > LOOK_AHEAD_FRAMES {
                    self.decide(sink);
                }
                from += HOP_SAMPLES;
            }
            let rest = from.min(self.line.len());
            self.line.copy_within(rest.., 0);
            self.line.truncate(self.line.len() - rest);
        }
    }

    pub(crate) fn finish_with(&mut self, sink: &mut impl FnMut(bool, &FrameStats)) {
        while self.decided < self.frames {
            self.decide(sink);
        }
        self.line.clear();
        self.tracker = Tracker::default();
        self.frames = 0;
        self.decided = 0;
        self.hangover = 0;
    }

    /// Decides the oldest undecided frame; beyond the ends the first or last frame stands in.
    fn decide(&mut self, sink: &mut impl FnMut(bool, &FrameStats)) {
        let mut seen = [0.0f32; PROJECTED * OFFSETS.len()];
        let last = self.frames.saturating_sub(1);
        for (part, offset) in seen.chunks_exact_mut(PROJECTED).zip(OFFSETS) {
            let frame = self.decided.saturating_add_signed(offset).min(last);
            part.copy_from_slice(&self.projected[frame as usize % HISTORY_FRAMES]);
        }
        let logit = self.arch.dispatch(Judge(&seen));
        let slot = self.decided as usize % HISTORY_FRAMES;
        self.decided += 1;
        let active = logit > weights::THRESHOLD;
        let speech = active || self.hangover > 0;
        self.hangover = if active { HANGOVER_FRAMES } else { self.hangover.saturating_sub(1) };
        sink(speech, &self.stats[slot]);
    }
}

/// First layer: measures of one frame, normalized, to [`PROJECTED`] values.
struct Project<'a>(&'a [f32; MEASURES]);

impl WithSimd for Project<'_> {
    type Output = [f32; PROJECTED];
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f32; PROJECTED] {
        let mut normal = [0.0; MEASURES];
        for (i, n) in normal.iter_mut().enumerate() {
            *n = (self.0[i] - weights::MEANS[i]) / weights::DEVIATIONS[i];
        }
        let mut projected = [0.0; PROJECTED];
        for (unit, p) in projected.iter_mut().enumerate() {
            let sum = dot_i8(&weights::FRAME_WEIGHTS[unit], &normal);
            *p = (sum * weights::FRAME_SCALES[unit] + weights::FRAME_BIASES[unit]).tanh();
        }
        projected
    }
}

/// Second layer and output: the logit of speech from projected frames.
struct Judge<'a>(&'a [f32; PROJECTED * OFFSETS.len()]);

impl WithSimd for Judge<'_> {
    type Output = f32;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        let mut logit = weights::OUTPUT_BIAS;
        for unit in 0..HIDDEN {
            let sum = dot_i8(&weights::HIDDEN_WEIGHTS[unit], self.0);
            let active = sum * weights::HIDDEN_SCALES[unit] + weights::HIDDEN_BIASES[unit];
            logit += weights::OUTPUT_WEIGHTS[unit] * active.max(0.0);
        }
        logit
    }
}

#[inline(always)]
fn dot_i8(weights: &[i8], values: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0f32; LANES];
    let (w, v) = (weights.chunks_exact(LANES), values.chunks_exact(LANES));
    let rest: f32 = w.remainder().iter().zip(v.remainder()).map(|(&w, &v)| f32::from(w) * v).sum();
    for (w, v) in w.zip(v) {
        for lane in 0..LANES {
            sums[lane] += f32::from(w[lane]) * v[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// What is remembered from frame to frame: noise floor and running means.
#[derive(Default)]
struct Tracker {
    started: bool,
    /// Band levels of the last frames in dB, the newest first.
    levels: [[f32; BANDS]; SLOW_FRAMES + 1],
    floor: [f32; BANDS],
    level: f32,
    /// Loudest level lately, in dB: babble lies below the voice it accompanies.
    loudest: f32,
    mean_change: f32,
    modulation: f32,
    mean_slow_change: f32,
    mean_peak: f32,
}

impl Tracker {
    /// The network's inputs for the next frame. Levels in dB, brought to about unit size.
    fn measure(&mut self, shape: &Shape) -> [f32; MEASURES] {
        let db = |power: f32| 10.0 * (power + SILENCE_POWER).log10();
        let bands = shape.bands.map(db);
        let level = db(shape.bands.iter().sum());
        if !self.started {
            self.levels = [bands; SLOW_FRAMES + 1];
            self.level = level;
            self.loudest = LOWEST_PEAK_DB;
        }
        let change = mean_difference(&bands, &self.levels[0]) / 5.0;
        self.levels.rotate_right(1);
        self.levels[0] = bands;
        let slow_change = mean_difference(&bands, &self.levels[SLOW_FRAMES]) / 10.0;
        for band in 0..BANDS {
            let recent = self.levels[..SMOOTH_FRAMES].iter().map(|l| l[band]);
            let smooth = recent.sum::<f32>() / SMOOTH_FRAMES as f32;
            self.floor[band] = if self.started {
                smooth.min(self.floor[band] + FLOOR_RISE_DB)
            } else {
                smooth - FLOOR_START_DB
            };
        }
        self.started = true;
        self.loudest = (self.loudest - PEAK_FALL_DB).max(level).max(LOWEST_PEAK_DB);
        let peak = (shape.peak + 1e-6).log10() + 1.0;
        self.level += 0.02 * (level - self.level);
        self.mean_change += 0.02 * (change - self.mean_change);
        self.modulation += 0.02 * ((level - self.level).abs() - self.modulation);
        self.mean_slow_change += 0.03 * (slow_change - self.mean_slow_change);
        self.mean_peak += 0.02 * (peak - self.mean_peak);

        let mut measures = [0.0; MEASURES];
        for band in 0..BANDS {
            measures[band] = (bands[band] - self.floor[band]).clamp(0.0, 40.0) / 20.0;
            measures[BANDS + band] = (bands[band] - level + 12.0) / 12.0;
        }
        measures[2 * BANDS..].copy_from_slice(&[
            level / 40.0 + 1.0,
            peak,
            shape.flatness,
            shape.voicing,
            change,
            self.mean_change,
            self.modulation / 10.0,
            slow_change,
            self.mean_slow_change,
            self.mean_peak,
            (level - self.loudest).max(-40.0) / 20.0 + 1.0,
        ]);
        measures
    }
}

fn mean_difference(a: &[f32; BANDS], b: &[f32; BANDS]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / BANDS as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{AudioLimits, Pcm, decode_file, to_16k};
    use proptest::prelude::*;

    const RATE: f32 = 8_000.0;

    /// Share of frames called speech in 8 kHz samples.
    fn speech_share(samples: Vec<f32>) -> f32 {
        let audio = to_16k(&Pcm { sample_rate_hz: 8_000, samples }).unwrap();
        let mut flags = Vec::new();
        let mut vad = Vad::new();
        vad.push(audio.samples(), &mut flags);
        vad.finish(&mut flags);
        flags.iter().filter(|&&f| f).count() as f32 / flags.len() as f32
    }

    /// Sines of the frequencies for `on_s`, silence for `off_s`, in turn, for 10 s.
    fn cadence(tones: &[&[f32]], on_s: f32, off_s: f32) -> Vec<f32> {
        (0..80_000)
            .map(|i| {
                let t = i as f32 / RATE;
                let tone = tones[(t / (on_s + off_s)) as usize % tones.len()];
                if t % (on_s + off_s) >= on_s {
                    return 0.0;
                }
                let sum: f32 = tone
                    .iter()
                    .map(|f| (std::f32::consts::TAU * f * t % std::f32::consts::TAU).sin())
                    .sum();
                0.15 * sum
            })
            .collect()
    }

    fn noise(seed: u32, n: usize) -> impl Iterator<Item = f32> {
        let mut state = seed;
        (0..n).map(move |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
    }

    /// ITU-T Q.23 digits; call progress tones of ITU-T E.180 and its supplement 2.
    #[test]
    fn signalling_tones_are_not_speech() {
        let digits: [&[f32]; 4] =
            [&[697.0, 1_209.0], &[770.0, 1_336.0], &[852.0, 1_477.0], &[941.0, 1_633.0]];
        let sounds: [(&str, Vec<f32>); 8] = [
            ("DTMF", cadence(&digits, 0.1, 0.1)),
            ("slow DTMF", cadence(&digits, 0.4, 0.3)),
            ("ringback, Europe", cadence(&[&[425.0]], 1.0, 4.0)),
            ("ringback, North America", cadence(&[&[440.0, 480.0]], 2.0, 4.0)),
            ("busy", cadence(&[&[425.0]], 0.5, 0.5)),
            ("busy, North America", cadence(&[&[480.0, 620.0]], 0.5, 0.5)),
            ("dial tone", cadence(&[&[350.0, 440.0]], 10.0, 0.0)),
            ("special information", cadence(&[&[950.0], &[1_400.0], &[1_800.0]], 0.33, 0.03)),
        ];
        for (name, samples) in sounds {
            let share = speech_share(samples);
            assert!(share <= 0.01, "{name}: {share}");
        }
    }

    #[test]
    fn silence_noise_and_chords_are_not_speech() {
        assert_eq!(speech_share(vec![0.0; 80_000]), 0.0);
        let white = speech_share(noise(1, 80_000).map(|x| 0.1 * x).collect());
        assert!(white <= 0.01, "white noise: {white}");
        let chords: [&[f32]; 4] = [
            &[261.6, 329.6, 392.0, 523.3, 784.0],
            &[220.0, 261.6, 329.6, 440.0, 659.3],
            &[174.6, 220.0, 261.6, 349.2, 523.3],
            &[196.0, 246.9, 293.7, 392.0, 587.3],
        ];
        let share = speech_share(cadence(&chords, 1.0, 0.0));
        assert!(share <= 0.05, "chords: {share}");
    }

    #[test]
    fn frames_are_counted_as_kaldi_counts_them() {
        for (samples, frames) in [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16_000, 98)] {
            assert_eq!(Vad::frames_in(samples), frames);
            let mut flags = Vec::new();
            let mut vad = Vad::new();
            vad.push(&vec![0.0; samples], &mut flags);
            vad.finish(&mut flags);
            assert_eq!(flags.len(), frames);
        }
    }

    #[test]
    fn a_decision_comes_within_its_latency() {
        let mut vad = Vad::new();
        let mut flags = Vec::new();
        let frames = (Vad::LATENCY_MS / 10) as usize;
        vad.push(&vec![0.0; FRAME_SAMPLES + (frames - 1) * HOP_SAMPLES], &mut flags);
        assert_eq!(flags.len(), 0);
        vad.push(&[0.0; HOP_SAMPLES], &mut flags);
        assert_eq!(flags.len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn any_chunking_gives_the_same_flags(
            seed in any::<u32>(),
            sizes in prop::collection::vec(1usize..4_000, 1..6),
        ) {
            let swell = |i: usize| 0.3 * (i as f32 / 900.0).sin().powi(2);
            let samples: Vec<f32> =
                noise(seed, 20_000).enumerate().map(|(i, x)| x * swell(i)).collect();
            let mut vad = Vad::new();
            let (mut whole, mut pieces) = (Vec::new(), Vec::new());
            vad.push(&samples, &mut whole);
            vad.finish(&mut whole);
            let mut rest = &samples[..];
            for &size in sizes.iter().cycle() {
                let take = size.min(rest.len());
                vad.push(&rest[..take], &mut pieces);
                rest = &rest[take..];
                if rest.is_empty() {
                    break;
                }
            }
            vad.finish(&mut pieces);
            prop_assert_eq!(whole, pieces);
        }
    }

    /// In-band level of every frame in dB.
    fn levels(samples: &[f32]) -> Vec<f32> {
        let mut levels = Vec::new();
        let mut vad = Vad::new();
        let mut sink =
            |_: bool, stats: &FrameStats| levels.push(10.0 * (stats.voice_band + 1e-10).log10());
        vad.push_with(samples, &mut sink);
        vad.finish_with(&mut sink);
        levels
    }

    /// Sets runs of `false` up to `longest` frames between two `true` ones.
    fn close_gaps(flags: &mut [bool], longest: usize) {
        let mut last = None;
        for i in 0..flags.len() {
            if flags[i] {
                if let Some(from) = last.filter(|from| i - from <= longest + 1) {
                    flags[from..i].fill(true);
                }
                last = Some(i);
            }
        }
    }

    /// Real telephone calls, as they are and under white noise at 10 dB, against the level of the
    /// call as it is: a frame within 30 dB of the 95th percentile is speech, and so are gaps up to 150 ms.
    #[test]
    fn holds_on_real_telephone_calls() {
        let Some(data) = std::env::var_os("VOUCH_DATA") else {
            crate::testing::skipped("holds_on_real_telephone_calls", "set VOUCH_DATA");
            return;
        };
        let folder = std::path::Path::new(&data).join("speech/hyke");
        let mut files = Vec::new();
        for speaker in std::fs::read_dir(folder).unwrap() {
            for file in std::fs::read_dir(speaker.unwrap().path()).unwrap() {
                files.push(file.unwrap().path());
            }
        }
        files.sort();
        let (mut clean_errors, mut noisy_errors, mut frames) = (0, 0, 0);
        let (mut loud, mut loud_heard) = (0, 0);
        for file in files.iter().step_by(5) {
            let bytes = std::fs::read(file).unwrap();
            let pcm = decode_file(&bytes, None, &AudioLimits::default()).unwrap();
            let audio = to_16k(&pcm).unwrap();
            let levels = levels(audio.samples());
            let mut sorted = levels.clone();
            sorted.sort_by(f32::total_cmp);
            let top = sorted[sorted.len() * 95 / 100];
            let mut truth: Vec<bool> = levels.iter().map(|&l| l > top - 30.0).collect();
            close_gaps(&mut truth, 15);
            let active: Vec<f32> =
                levels.iter().filter(|&&l| l > top - 30.0).map(|l| 10f32.powf(l / 10.0)).collect();
            // White noise up to 8 kHz has 46 % of its power in the voice band.
            let power = active.iter().sum::<f32>() / active.len() as f32 / 10.0 / 0.46;
            let noisy: Vec<f32> = audio
                .samples()
                .iter()
                .zip(noise(7, usize::MAX))
                .map(|(x, n)| x + n * (3.0 * power).sqrt())
                .collect();
            for (samples, errors) in
                [(audio.samples(), &mut clean_errors), (&noisy[..], &mut noisy_errors)]
            {
                let mut flags = Vec::new();
                let mut vad = Vad::new();
                vad.push(samples, &mut flags);
                vad.finish(&mut flags);
                let heard = flags.iter().zip(&levels).filter(|(f, l)| **f && **l > top - 15.0);
                loud_heard += heard.count();
                *errors += flags.iter().zip(&truth).filter(|(a, b)| a != b).count();
            }
            loud += 2 * levels.iter().filter(|&&l| l > top - 15.0).count();
            frames += truth.len();
        }
        let share = |errors: usize| errors as f32 / frames as f32;
        eprintln!(
            "{} calls, {frames} frames: {:.1} % wrong, {:.1} % under noise at 10 dB; \
             {:.1} % of the frames within 15 dB of the top heard",
            files.len().div_ceil(5),
            100.0 * share(clean_errors),
            100.0 * share(noisy_errors),
            100.0 * loud_heard as f32 / loud as f32
        );
        assert!(share(clean_errors) < 0.16);
        assert!(share(noisy_errors) < 0.25);
        assert!(loud_heard as f32 > 0.9 * loud as f32);
    }
}
