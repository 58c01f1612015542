//! Fits a background: on the public sets for the shipped one, on a tenant's own captures for `vouch behavior train`.

use std::collections::{BTreeMap, BTreeSet};

use crate::behavior::touch::background::{Background, Calibrated, check_sample};
use crate::behavior::touch::calibrate::calibrate;
use crate::behavior::touch::fit::{FitOptions, Stroke, fit};
use crate::behavior::touch::kind::{Kind, kind, mean_lean};
use crate::behavior::{BehaviorError, Sample};

/// Fewest people with enough strokes of a kind.
pub const MIN_PEOPLE: usize = 12;
/// Fewest strokes of a kind with which a person counts.
pub const MIN_STROKES: usize = 12;

/// A sample to fit on.
#[derive(Debug, Clone, Copy)]
pub struct TrainingSample<'a> {
    /// Whose.
    pub person: u32,
    /// The sitting.
    pub session: u32,
    /// Model of the device, where known: people are then told apart on the same one, so that it cannot pass as identity.
    pub device: Option<u32>,
    /// The features.
    pub sample: &'a Sample,
}

impl Background {
    /// Fits a model and a calibration for each kind of stroke with enough people. The calibration comes from folds of
    /// people, so that nobody's scores are from a model fitted on them.
    ///
    /// # Errors
    /// Samples of another kind, or no kind with [`MIN_PEOPLE`] people of [`MIN_STROKES`] strokes.
    pub fn train(samples: &[TrainingSample<'_>]) -> Result<Self, BehaviorError> {
        samples.iter().try_for_each(|s| check_sample(s.sample))?;
        let leans = leans(samples);
        let (mut kinds, mut most) = (Vec::new(), 0);
        for wanted in Kind::ALL {
            let (strokes, people) = of_kind(wanted, samples, &leans);
            most = most.max(people.len());
            if people.len() < MIN_PEOPLE {
                continue;
            }
            let options = FitOptions::of(wanted);
            kinds.push(Calibrated {
                model: fit(wanted, &strokes, &options)?,
                calibration: calibrate(wanted, &strokes, &options)?,
            });
        }
        if kinds.is_empty() {
            return Err(BehaviorError::TooFew {
                what: "people with 12 strokes of a kind",
                needed: MIN_PEOPLE,
                got: most,
            });
        }
        let background = Self { kinds };
        background.check()?;
        Ok(background)
    }

    /// How many of these strokes, of how many people, a fit on them takes.
    pub fn used(samples: &[TrainingSample<'_>]) -> (usize, usize) {
        let leans = leans(samples);
        let kinds = Kind::ALL.map(|wanted| of_kind(wanted, samples, &leans));
        let fitted = || kinds.iter().filter(|(_, people)| people.len() >= MIN_PEOPLE);
        let people: BTreeSet<u32> = fitted().flat_map(|(_, people)| people).copied().collect();
        (fitted().map(|(strokes, _)| strokes.len()).sum(), people.len())
    }
}

/// The strokes of a kind, of those people who have enough of them.
fn of_kind<'a>(
    wanted: Kind,
    samples: &[TrainingSample<'a>],
    leans: &BTreeMap<(u32, u32), f64>,
) -> (Vec<Stroke<'a>>, BTreeSet<u32>) {
    let mut strokes: Vec<Stroke<'_>> = Vec::new();
    for s in samples {
        let company = leans.get(&(s.person, s.session)).copied().unwrap_or_default();
        let own = s.sample.iter().filter(|row| kind(row, company) == wanted);
        let (person, session, device) = (s.person, s.session, s.device);
        strokes.extend(own.map(|row| Stroke { person, session, device, row }));
    }
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for stroke in &strokes {
        *counts.entry(stroke.person).or_default() += 1;
    }
    counts.retain(|_, n| *n >= MIN_STROKES);
    strokes.retain(|s| counts.contains_key(&s.person));
    (strokes, counts.into_keys().collect())
}

fn leans(samples: &[TrainingSample<'_>]) -> BTreeMap<(u32, u32), f64> {
    let mut rows: BTreeMap<(u32, u32), Vec<&[f32]>> = BTreeMap::new();
    for s in samples {
        rows.entry((s.person, s.session)).or_default().extend(s.sample.iter());
    }
    rows.into_iter().map(|(key, rows)| (key, mean_lean(rows.into_iter()))).collect()
}
