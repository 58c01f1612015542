//! What a score is worth, learnt from people that the scoring model was not fitted on: the people are dealt
//! into folds, each fold is scored by a model of the others, and one logistic regression takes all scores.

use std::collections::BTreeMap;

use super::{TrainOptions, plda_options, sample};
use crate::conversation::ConversationError;
use crate::conversation::compare::{DAY_VARIANCE, Usual, calibration_values};
use crate::conversation::limits::MAX_COHORT;
use crate::conversation::profile::CHUNK_WORDS;
use crate::scoring::logistic::{Logistic, LogisticOptions, LogisticRow};
use crate::scoring::plda::Plda;

/// Folds of people.
const FOLDS: u32 = 4;
/// Stretches of a profile in calibration trials.
pub(super) const PROFILE_STRETCHES: [usize; 3] = [2, 5, 10];
/// Stretches of a probe.
const PROBE_STRETCHES: [usize; 3] = [1, 2, 5];
/// Most probes of a person and length.
const MAX_PROBES: usize = 5;

/// A stretch in principal components.
pub(super) struct Row<'a> {
    pub(super) person: u32,
    pub(super) day: u32,
    pub(super) words: u32,
    pub(super) x: &'a [f32],
}

/// All stretches, and which of them models are fitted on.
pub(super) struct Samples<'a> {
    pub(super) rows: Vec<Row<'a>>,
    pub(super) fitted: &'a [usize],
}

impl Samples<'_> {
    /// Covariances of the people chosen.
    pub(super) fn fit(
        &self,
        chosen: impl Fn(u32) -> bool,
        options: &TrainOptions,
    ) -> Result<Plda, ConversationError> {
        let rows = self.fitted.iter().filter_map(|i| self.rows.get(*i));
        let samples: Vec<_> =
            rows.filter(|r| chosen(r.person)).map(|r| sample(r.person, r.x)).collect();
        Ok(Plda::fit(&samples, &plda_options(options))?)
    }

    /// Means of people chosen, those with most stretches first, at most [`MAX_COHORT`].
    pub(super) fn cohort(
        &self,
        chosen: impl Fn(u32) -> bool,
        model: &Plda,
    ) -> Result<Vec<f64>, ConversationError> {
        let mut people: BTreeMap<u32, Vec<&Row<'_>>> = BTreeMap::new();
        for row in self.rows.iter().filter(|r| chosen(r.person)) {
            people.entry(row.person).or_default().push(row);
        }
        let mut people: Vec<Vec<&Row<'_>>> = people.into_values().collect();
        people.sort_by_key(|own| std::cmp::Reverse(own.len()));
        let mut cohort = Vec::new();
        for own in people.iter().take(MAX_COHORT) {
            cohort.extend(side(model, own)?.x);
        }
        Ok(cohort)
    }
}

/// A projected side of a trial.
struct Side {
    person: u32,
    x: Vec<f64>,
    words: f64,
    stretches: usize,
    first_day: u32,
    last_day: u32,
}

/// Fits the calibration. Targets are of different days only.
pub(super) fn calibrate(
    samples: &Samples<'_>,
    options: &TrainOptions,
) -> Result<Logistic, ConversationError> {
    let mut rows = Vec::new();
    for fold in 0..FOLDS {
        let model = samples.fit(|person| person % FOLDS != fold, options)?;
        let cohort = samples.cohort(|person| person % FOLDS != fold, &model)?;
        let (profiles, probes) = sides(samples, fold, &model)?;
        trials(&model, &cohort, &profiles, &probes, &mut rows);
    }
    Ok(Logistic::fit(&rows, &LogisticOptions { ridge: 1e-4, prior: 0.5 })?)
}

fn sides(
    samples: &Samples<'_>,
    fold: u32,
    model: &Plda,
) -> Result<(Vec<Side>, Vec<Side>), ConversationError> {
    let mut people: BTreeMap<u32, Vec<&Row<'_>>> = BTreeMap::new();
    for row in samples.rows.iter().filter(|r| r.person % FOLDS == fold) {
        people.entry(row.person).or_default().push(row);
    }
    let (mut profiles, mut probes) = (Vec::new(), Vec::new());
    for own in people.values() {
        for length in PROFILE_STRETCHES {
            if let Some(enrolled) = own.get(..length) {
                profiles.push(side(model, enrolled)?);
            }
        }
        let first = own.get(PROFILE_STRETCHES[0] - 1).map_or(u32::MAX, |r| r.day);
        let later: Vec<&Row<'_>> = own.iter().filter(|r| r.day > first).copied().collect();
        for stretches in PROBE_STRETCHES {
            // From the end, so that long profiles have later days, too.
            let groups = later.rchunks(stretches).filter(|g| g.len() == stretches);
            for group in groups.take(MAX_PROBES) {
                probes.push(side(model, group)?);
            }
        }
    }
    Ok((profiles, probes))
}

fn side(model: &Plda, rows: &[&Row<'_>]) -> Result<Side, ConversationError> {
    let mut x = vec![0.0; model.dim()];
    let mut projected = Vec::new();
    let mut words = 0.0;
    for row in rows {
        model.project(row.x, &mut projected)?;
        let weight = f64::from(row.words);
        words += weight;
        x.iter_mut().zip(&projected).for_each(|(sum, value)| *sum += weight * value);
    }
    x.iter_mut().for_each(|value| *value /= words.max(1.0));
    Ok(Side {
        person: rows.first().map_or(0, |r| r.person),
        x,
        words,
        stretches: rows.len(),
        first_day: rows.first().map_or(0, |r| r.day),
        last_day: rows.last().map_or(0, |r| r.day),
    })
}

fn trials(
    model: &Plda,
    cohort: &[f64],
    profiles: &[Side],
    probes: &[Side],
    rows: &mut Vec<LogisticRow>,
) {
    let variance = |side: &Side| f64::from(CHUNK_WORDS) / side.words.max(1.0) + DAY_VARIANCE;
    let usual = |side: &Side| {
        Usual::of(model, cohort.chunks_exact(model.dim().max(1)), (&side.x, variance(side)))
    };
    let profile_usual: Vec<Usual> = profiles.iter().map(usual).collect();
    for probe in probes {
        let probe_usual = usual(probe);
        for (profile, profile_usual) in profiles.iter().zip(&profile_usual) {
            let target = profile.person == probe.person;
            if target && probe.first_day <= profile.last_day {
                continue;
            }
            let raw = model.llr((&profile.x, variance(profile)), (&probe.x, variance(probe)));
            let usual = [*profile_usual, probe_usual];
            let values = calibration_values(raw, &usual, [profile.words, probe.words]);
            let weight = 1.0 / probe.stretches as f64;
            rows.push(LogisticRow { x: values.to_vec(), target, weight });
        }
    }
}
