//! Trials on which a calibration is fitted: every kind of trial a deployment sees, in equal weight.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::scoring::calibration::LabeledTrial;
use crate::scoring::{Prepared, Scorer, UtteranceView};
use crate::usecase::embed_file::{Channel, Embedded};

/// Most recordings in a template.
const MAX_TEMPLATE: usize = 4;

/// Most recordings of a speaker that are tested.
const MAX_TESTS: usize = 6;

/// Net speech under which a trial counts as short, in milliseconds.
const SHORT_MS: u32 = 3_000;

/// Most weight of a trial, relative to the average.
const MAX_WEIGHT: f64 = 10.0;

/// One embedded piece of a speaker's recording.
#[derive(Clone, Copy)]
pub struct Piece<'a> {
    /// Number of the recording among the speaker's.
    pub recording: usize,
    /// Simulated channel.
    pub channel: Channel,
    /// The long piece of its recording, or the short one.
    pub long: bool,
    /// Its embedding.
    pub embedded: &'a Embedded,
    /// That of its telephone rendition, where it has one.
    pub rendition: Option<&'a Embedded>,
}

/// Sides and the trials between them.
#[derive(Default)]
pub struct CalibrationTrials<'a> {
    sides: Vec<Vec<UtteranceView<'a>>>,
    trials: Vec<([usize; 2], [u32; 2])>,
}

/// A side: speaker, recordings, channel, and what it is for.
type Key = (u32, Vec<usize>, Channel, Role);

/// What a side is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// Long pieces with their renditions.
    Template,
    /// A test on a long piece.
    Long,
    /// A test on a short piece.
    Short,
}

const CHANNELS: [Channel; 2] = [Channel::AsIs, Channel::Journey];

struct Builder<'a, 'b> {
    speakers: &'b [Vec<Piece<'a>>],
    known: BTreeMap<Key, Option<usize>>,
    out: CalibrationTrials<'a>,
}

/// Makes trials from the pieces of each speaker: target trials across recordings, and non-target
/// trials for every pair of speakers of one population (same data set and language: impostors
/// of another language are too easy, and a calibration on them is overconfident), under every
/// combination of channels, with one or several enrolled recordings and long or short tests drawn.
pub fn build<'a>(
    speakers: &[Vec<Piece<'a>>],
    populations: &[String],
    seed: u64,
) -> CalibrationTrials<'a> {
    let mut builder =
        Builder { speakers, known: BTreeMap::new(), out: CalibrationTrials::default() };
    for speaker in 0..speakers.len() {
        builder.targets(speaker);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for a in 0..speakers.len() {
        for b in a + 1..speakers.len() {
            if populations.get(a) != populations.get(b) {
                continue;
            }
            for channels in CHANNELS.map(|e| CHANNELS.map(|t| [e, t])).as_flattened() {
                let (enroll, test) = if rng.random() { (a, b) } else { (b, a) };
                builder.non_target(enroll, test, *channels, &mut rng);
            }
        }
    }
    builder.out
}

impl<'a> Builder<'a, '_> {
    fn recordings(&self, speaker: usize) -> Vec<usize> {
        let all: BTreeSet<usize> = self.speakers[speaker].iter().map(|p| p.recording).collect();
        all.into_iter().collect()
    }

    fn side(&mut self, key: Key) -> Option<usize> {
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let (speaker, recordings, channel, role) = &key;
        let view = |p: &Piece<'a>| match role {
            Role::Template => p.embedded.enrolled(p.rendition),
            Role::Long | Role::Short => p.embedded.view(),
        };
        let views: Vec<_> = self.speakers[*speaker as usize]
            .iter()
            .filter(|p| p.channel == *channel && p.long == (*role != Role::Short))
            .filter(|p| recordings.contains(&p.recording))
            .map(view)
            .collect();
        let at = (!views.is_empty()).then(|| {
            self.out.sides.push(views);
            self.out.sides.len() - 1
        });
        self.known.insert(key, at);
        at
    }

    fn targets(&mut self, speaker: usize) {
        let recordings = self.recordings(speaker);
        let id = speaker as u32;
        for (i, &test) in recordings.iter().enumerate().take(MAX_TESTS) {
            let mut others: Vec<usize> = recordings[i + 1..].to_vec();
            others.extend(&recordings[..i]);
            others.truncate(MAX_TEMPLATE);
            let mut templates = Vec::new();
            if let Some(one) = others.first() {
                templates.push(vec![*one]);
            }
            if others.len() > 1 {
                templates.push(others);
            }
            for template in templates {
                for channels in CHANNELS.map(|e| CHANNELS.map(|t| (e, t))).as_flattened() {
                    for role in [Role::Long, Role::Short] {
                        let enroll = self.side((id, template.clone(), channels.0, Role::Template));
                        let probe = self.side((id, vec![test], channels.1, role));
                        if let (Some(a), Some(b)) = (enroll, probe) {
                            self.out.trials.push(([a, b], [id, id]));
                        }
                    }
                }
            }
        }
    }

    fn non_target(
        &mut self,
        enroll: usize,
        test: usize,
        channels: [Channel; 2],
        rng: &mut ChaCha8Rng,
    ) {
        let mut template = self.recordings(enroll);
        template.truncate(if rng.random() { 1 } else { MAX_TEMPLATE });
        let tests = self.recordings(test);
        let role = if rng.random() { Role::Long } else { Role::Short };
        if tests.is_empty() || template.is_empty() {
            return;
        }
        let probe = vec![tests[rng.random_range(0..tests.len())]];
        let ids = [enroll as u32, test as u32];
        let a = self.side((ids[0], template, channels[0], Role::Template));
        let b = self
            .side((ids[1], probe.clone(), channels[1], role))
            .or_else(|| self.side((ids[1], probe, channels[1], Role::Long)));
        if let (Some(a), Some(b)) = (a, b) {
            self.out.trials.push(([a, b], ids));
        }
    }
}

/// Scored trials and the speakers on both sides of each.
#[derive(Default)]
pub struct Scored {
    /// The trials.
    pub trials: Vec<LabeledTrial>,
    /// Who is on either side of each.
    pub speakers: Vec<[u32; 2]>,
}

impl Scored {
    /// Adds trials of speakers who are numbered from `first` here, and balances all of them.
    pub fn extend(&mut self, others: Self, first: usize) {
        self.trials.extend(others.trials);
        self.speakers.extend(others.speakers.iter().map(|ids| ids.map(|id| id + first as u32)));
        balance(&mut self.trials);
    }
}

impl CalibrationTrials<'_> {
    /// Scores all trials with a system (its calibration plays no part). Sides without direction
    /// drop out.
    pub fn score(&self, scorer: &Scorer) -> Scored {
        let prepared: Vec<Option<Prepared>> =
            self.sides.iter().map(|s| scorer.prepare(s).ok()).collect();
        let mut trials = Vec::with_capacity(self.trials.len());
        let mut speakers = Vec::with_capacity(self.trials.len());
        for ([a, b], ids) in &self.trials {
            let (Some(a), Some(b)) = (&prepared[*a], &prepared[*b]) else {
                continue;
            };
            let Some((raw, _)) = scorer.score(a, b) else {
                continue;
            };
            trials.push(LabeledTrial {
                raw,
                conditions: Scorer::conditions(a, b),
                target: ids[0] == ids[1],
                weight: 1.0,
            });
            speakers.push(*ids);
        }
        balance(&mut trials);
        Scored { trials, speakers }
    }
}

/// Kind of a trial: how many sides are mostly telephone, whether it is short, its truth.
type Cell = (usize, bool, bool);

fn cell(trial: &LabeledTrial) -> Cell {
    let LabeledTrial { conditions, target, .. } = trial;
    let narrow = conditions.narrow_share.iter().filter(|s| **s > 0.5).count();
    let short = conditions.net_speech_ms.iter().any(|ms| *ms < SHORT_MS);
    (narrow, short, *target)
}

/// Gives every kind of trial the same total weight, but no trial more than ten times the average of
/// its truth: a kind with a handful of trials must not rule the fit.
fn balance(trials: &mut [LabeledTrial]) {
    let mut counts: BTreeMap<Cell, f64> = BTreeMap::new();
    let mut of_truth = [(0f64, 0f64); 2];
    for t in trials.iter() {
        let count = counts.entry(cell(t)).or_default();
        let (all, cells) = &mut of_truth[usize::from(t.target)];
        *cells += f64::from(u8::from(*count == 0.0));
        *all += 1.0;
        *count += 1.0;
    }
    for t in trials.iter_mut() {
        let count = counts.get(&cell(t)).copied().unwrap_or(1.0);
        let (all, cells) = of_truth[usize::from(t.target)];
        // The average weight is cells / all.
        t.weight = (1.0 / count).min(MAX_WEIGHT * cells / all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Bandwidth;
    use crate::scoring::Calibration;

    fn embedded(speaker: usize, recording: usize, channel: Channel, long: bool) -> Embedded {
        let x = (speaker * 7 + recording) as f32;
        Embedded {
            embedding: vec![x.sin(), x.cos(), 1.0],
            bandwidth: match channel {
                Channel::AsIs => Bandwidth::Wide,
                Channel::Phone | Channel::Journey | Channel::Rendition => Bandwidth::Narrow,
            },
            net_speech_ms: if long { 8_000 } else { 2_000 },
            snr_db: None,
        }
    }

    #[test]
    fn all_kinds_of_trials_are_made_with_equal_weight() {
        let mut store = Vec::new();
        for speaker in 0..12usize {
            for recording in 0..3usize {
                for channel in CHANNELS {
                    for long in [true, false] {
                        let e = embedded(speaker, recording, channel, long);
                        store.push((speaker, recording, channel, long, e));
                    }
                }
            }
        }
        let mut speakers = vec![Vec::new(); 12];
        for (speaker, recording, channel, long, embedded) in &store {
            speakers[*speaker].push(Piece {
                recording: *recording,
                channel: *channel,
                long: *long,
                embedded,
                rendition: None,
            });
        }
        let scorer = Scorer::Plain(Calibration::identity());
        let populations: Vec<String> = (0..12).map(|s| format!("p{}", s / 8)).collect();
        let Scored { trials, speakers: ids } = build(&speakers, &populations, 5).score(&scorer);
        let non_targets = trials.iter().filter(|t| !t.target).count();
        let pairs = 8 * 7 / 2 + 4 * 3 / 2;
        assert_eq!(non_targets, 4 * pairs, "pairs of a population, four ways");
        // 3 tests × 2 templates × 4 channel pairs × 2 durations.
        assert_eq!(trials.len() - non_targets, 12 * 48);
        assert!(trials.iter().zip(&ids).all(|(t, s)| t.target == (s[0] == s[1])));
        let mut weights: BTreeMap<_, f64> = BTreeMap::new();
        for t in &trials {
            *weights.entry(cell(t)).or_default() += t.weight;
        }
        assert!(weights.len() >= 10);
        assert!(weights.values().all(|w| (w - 1.0).abs() < 1e-9));
    }
}
