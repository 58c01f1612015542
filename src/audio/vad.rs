//! Voice activity: one decision every 10 ms, from the telephone band alone.
//!
//! A small network (3,821 weights) looks at 22 band and shape measures of a frame, at how
//! much and how fast they changed over the last seconds, and at the same of the frames around it,
//! from 400 ms before to 140 ms after. It was trained on clean speech (Common Voice, LibriSpeech,
//! speechocean762) mixed with noise, babble, signalling tones and music; see [`super::vad_weights`].

use crate::audio::frame::{BANDS, FRAME_SAMPLES, FrameAnalyzer, FrameStats, HOP_SAMPLES, Shape};
use crate::audio::vad_weights as weights;

/// Inputs of the network for a frame.
pub(crate) const MEASURES: usize = 2 * BANDS + 10;
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
/// Samples taken at once; bounds the buffer.
const BLOCK_SAMPLES: usize = 1_600;
/// Added to every band: -90 dB relative to full scale, below which all is silence.
const SILENCE_POWER: f32 = 1e-9;
/// How fast the noise floor may rise, in dB a frame: 3 dB a second.
const FLOOR_RISE_DB: f32 = 0.03;
/// How far below the first frame the floor starts, in dB: a stream may begin within speech.
const FLOOR_START_DB: f32 = 10.0;

/// Streaming voice activity detector at 16 kHz. Decides frame `i`, samples
/// `[160 i, 160 i + 400)`, once frame `i + 14` is complete.
pub struct Vad {
    analyzer: FrameAnalyzer,
    line: Vec<f32>,
    tracker: Tracker,
    projected: [[f32; PROJECTED]; HISTORY_FRAMES],
    stats: [FrameStats; HISTORY_FRAMES],
    frames: u64,
    decided: u64,
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
            analyzer: FrameAnalyzer::new(),
            line: Vec::with_capacity(BLOCK_SAMPLES + FRAME_SAMPLES),
            tracker: Tracker::default(),
            projected: [[0.0; PROJECTED]; HISTORY_FRAMES],
            stats: [FrameStats::default(); HISTORY_FRAMES],
            frames: 0,
            decided: 0,
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
                let (stats, shape) = self
                    .analyzer
                    .analyze(&self.line[from..from + FRAME_SAMPLES]);
                let slot = self.frames as usize % HISTORY_FRAMES;
                self.stats[slot] = stats;
                self.projected[slot] = project(&self.tracker.measure(&shape));
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
    }

    /// Decides the oldest undecided frame; beyond the ends the first or last frame stands in.
    fn decide(&mut self, sink: &mut impl FnMut(bool, &FrameStats)) {
        let mut seen = [0.0f32; PROJECTED * OFFSETS.len()];
        let last = self.frames.saturating_sub(1);
        for (part, offset) in seen.chunks_exact_mut(PROJECTED).zip(OFFSETS) {
            let frame = self.decided.saturating_add_signed(offset).min(last);
            part.copy_from_slice(&self.projected[frame as usize % HISTORY_FRAMES]);
        }
        let mut logit = weights::OUTPUT_BIAS;
        for unit in 0..HIDDEN {
            let sum = dot_i8(&weights::HIDDEN_WEIGHTS[unit], &seen);
            let active = sum * weights::HIDDEN_SCALES[unit] + weights::HIDDEN_BIASES[unit];
            logit += weights::OUTPUT_WEIGHTS[unit] * active.max(0.0);
        }
        let slot = self.decided as usize % HISTORY_FRAMES;
        self.decided += 1;
        sink(logit > weights::THRESHOLD, &self.stats[slot]);
    }
}

/// First layer: measures of one frame, normalized, to [`PROJECTED`] values.
fn project(measures: &[f32; MEASURES]) -> [f32; PROJECTED] {
    let mut normal = [0.0; MEASURES];
    for (i, n) in normal.iter_mut().enumerate() {
        *n = (measures[i] - weights::MEANS[i]) / weights::DEVIATIONS[i];
    }
    let mut projected = [0.0; PROJECTED];
    for (unit, p) in projected.iter_mut().enumerate() {
        let sum = dot_i8(&weights::FRAME_WEIGHTS[unit], &normal);
        *p = (sum * weights::FRAME_SCALES[unit] + weights::FRAME_BIASES[unit]).tanh();
    }
    projected
}

#[inline]
fn dot_i8(weights: &[i8], values: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0f32; LANES];
    let (w, v) = (weights.chunks_exact(LANES), values.chunks_exact(LANES));
    let rest: f32 = w
        .remainder()
        .iter()
        .zip(v.remainder())
        .map(|(&w, &v)| f32::from(w) * v)
        .sum();
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
        ]);
        measures
    }
}

fn mean_difference(a: &[f32; BANDS], b: &[f32; BANDS]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / BANDS as f32
}
