//! What a background of the text adds to a profile, and the components that it gives.

use crate::behavior::BehaviorError;
use crate::behavior::keystroke::fixed::components::{DISTANCE_CUT, Scratch, clipped};
use crate::behavior::keystroke::fixed::layout::{Group, TIMING, TOUCH, Typing};
use crate::behavior::keystroke::fixed::stats::Middle;
use crate::behavior::keystroke::fixed::template::Own;
use crate::behavior::keystroke::fixed::text::{Normal, Projection, TextModel};

/// The likelihood ratio of one value counts no more than this, in nats.
const TERM_CUT: f64 = 3.0;
/// Distances to other people are cut here.
const COHORT_CUT: f64 = 5.0;
/// Nearest people that a distance is compared with.
const NEAREST_PEOPLE: usize = 5;
/// Deviations from which a value counts no further: against everybody, and where practice has been guessed.
const OTHERS_CUT: f64 = 4.0;
const LATER_CUT: f64 = 3.0;
/// Mean absolute deviation to standard deviation of a normal distribution.
const TO_SIGMA: f64 = 1.25;
/// Typings of one sitting; a sitting's own shift shrinks only with more of them.
const SITTING: f64 = 50.0;
/// A sitting's variance when both sides may be of the same one.
const SAME_SITTING: f64 = 0.2;

/// A person's profile against a background of the text.
#[derive(Debug, Clone)]
pub struct Known<'b> {
    text: &'b TextModel,
    everybody: Adapted,
    novice: Adapted,
    practiced: Adapted,
    /// The person's mean drawn towards everybody's, and deviation, of all and of the latest typings.
    adapted: [Adapted; 2],
    /// Where practice will have led.
    later: Adapted,
    /// What is unusual about the person, in usual deviations.
    unusual: Vec<f64>,
    timing: Projected,
    touch: Option<Projected>,
}

/// A normal distribution of each value, with everything a comparison needs of it at hand.
#[derive(Debug, Clone)]
struct Adapted {
    mean: Vec<f64>,
    /// One over the deviation.
    inverse: Vec<f64>,
    /// Logarithm of the deviation.
    ln: Vec<f64>,
    /// How far from the mean still counts, in deviations.
    cut: f64,
}

impl Adapted {
    fn new(mean: Vec<f64>, deviation: &[f64], cut: f64) -> Self {
        let inverse = deviation.iter().map(|d| 1.0 / d).collect();
        let ln = deviation.iter().map(|d| d.ln()).collect();
        Self { mean, inverse, ln, cut }
    }

    fn of(normal: &Normal, cut: f64) -> Self {
        let mean = normal.mean.iter().map(|x| f64::from(*x)).collect();
        let deviation: Vec<f64> =
            normal.deviation.iter().map(|x| f64::from(*x).max(1e-9)).collect();
        Self::new(mean, &deviation, cut)
    }

    /// Log-likelihood of a value, up to a constant; beyond the cut it does not fall further.
    fn log(&self, i: usize, x: f64) -> f64 {
        let get = |v: &[f64]| v.get(i).copied().unwrap_or_default();
        let z = ((x - get(&self.mean)) * get(&self.inverse)).abs().min(self.cut);
        -0.5 * z * z - get(&self.ln)
    }
}

/// Enrolled means in a projection, as they are and as they will be with practice.
#[derive(Debug, Clone)]
struct Projected {
    plain: Vec<f64>,
    later: Vec<f64>,
}

impl<'b> Known<'b> {
    /// Prepares a profile of `typings`.
    ///
    /// # Errors
    /// A projection that does not fit the text; [`TextModel::check`] rules it out.
    pub fn new(text: &'b TextModel, own: &Own, typings: &[Typing]) -> Result<Self, BehaviorError> {
        let [all, _] = &own.views;
        let practice = text.practice(all.count);
        let n = own.layout.len();
        let at = |v: &[f32], i: usize| v.get(i).copied().map_or(0.0, f64::from);
        let get = |v: &[f64], i: usize| v.get(i).copied().unwrap_or_default();
        let later = |i: usize| {
            at(&practice.late, i)
                + at(&practice.slope, i) * (get(&all.log, i) - at(&practice.early, i))
        };
        let spread: Vec<f64> = (0..n)
            .map(|i| at(&practice.rest, i).hypot(TO_SIGMA * get(&own.usual.log, i)).max(1e-6))
            .collect();
        let shift: Vec<f32> =
            practice.late.iter().zip(&practice.early).map(|(l, e)| l - e).collect();
        let everybody = &text.everybody;
        let unusual = (0..n).map(|i| {
            let off = get(&all.log, i) - at(&everybody.mean, i);
            (off * get(&own.inverse_usual, i)).clamp(-DISTANCE_CUT, DISTANCE_CUT)
        });
        let touch = text.touch.as_ref().filter(|_| own.touch);
        let mut known = Self {
            text,
            everybody: Adapted::of(everybody, OTHERS_CUT),
            novice: Adapted::of(&text.novice, LATER_CUT),
            practiced: Adapted::of(&text.practiced, LATER_CUT),
            adapted: [adapt(text, &own.views[0]), adapt(text, &own.views[1])],
            later: Adapted::new((0..n).map(later).collect(), &spread, LATER_CUT),
            unusual: unusual.collect(),
            timing: Projected { plain: Vec::new(), later: Vec::new() },
            touch: None,
        };
        known.timing = Projected {
            plain: project(&text.timing, typings, |t, z| text.standard_timing(&t.log, &[], z))?,
            later: project(&text.timing, typings, |t, z| text.standard_timing(&t.log, &shift, z))?,
        };
        if let Some(touch) = touch {
            known.touch = Some(Projected {
                plain: project(touch, typings, |t, z| text.standard_touch(&t.log, &[], z))?,
                later: project(touch, typings, |t, z| text.standard_touch(&t.log, &shift, z))?,
            });
        }
        Ok(known)
    }

    /// Likelihood ratio of one value of the probe against everybody, cut; for explanations.
    pub fn term(&self, probe: &Typing, i: usize) -> f64 {
        against(&self.adapted[0], &self.everybody, probe, i)
    }

    pub(super) fn components(&self, own: &Own, probe: &Typing, scratch: &mut Scratch) {
        for (view, adapted) in own.views.iter().zip(&self.adapted) {
            for group in TIMING {
                let range = own.layout.range(group);
                scratch.out.push(mean_term(adapted, &self.everybody, probe, range));
            }
            for group in [Group::Hold, Group::Step] {
                self.relative(own, view, probe, group, scratch);
            }
        }
        for group in [Group::Hold, Group::Step] {
            scratch.out.extend(self.agreement(own, probe, group));
        }
        for group in TIMING {
            let range = own.layout.range(group);
            let usual = &own.usual.log;
            let middle = &self.later.mean;
            scratch.out.push(clipped(range.clone(), &probe.log, middle, usual, DISTANCE_CUT));
            for other in [&self.novice, &self.practiced] {
                scratch.out.push(mean_term(&self.later, other, probe, range.clone()));
            }
        }
        self.text.standard_timing(&probe.log, &[], &mut scratch.standard);
        let count = own.views[0].count;
        let enrolled = &self.timing;
        let projection = &self.text.timing;
        let Some([plain, later, same]) = plda(projection, enrolled, count, scratch) else { return };
        scratch.out.extend([plain, later, same]);
    }

    pub(super) fn touch_components(&self, own: &Own, probe: &Typing, scratch: &mut Scratch) {
        let (Some(projection), Some(enrolled)) = (&self.text.touch, &self.touch) else { return };
        for group in TOUCH {
            let range = own.layout.range(group);
            let own = &self.adapted[0];
            scratch.out.push(mean_term(own, &self.everybody, probe, range.clone()));
            scratch.out.push(mean_term(&self.later, &self.practiced, probe, range));
        }
        self.text.standard_touch(&probe.log, &[], &mut scratch.standard);
        let count = own.views[0].count;
        let Some([plain, later, _]) = plda(projection, enrolled, count, scratch) else { return };
        scratch.out.extend([plain, later]);
    }

    /// Distance to the person relative to that to other people: to the nearest ones, and to all.
    fn relative(
        &self,
        own: &Own,
        view: &Middle,
        probe: &Typing,
        group: Group,
        scratch: &mut Scratch,
    ) {
        let range = own.layout.range(group);
        let weights = own.inverse_usual.get(range.clone()).unwrap_or_default();
        let probe = probe.log.get(range.clone()).unwrap_or_default();
        let scale = 1.0 / range.len().max(1) as f64;
        let mine = view.log.get(range.clone()).unwrap_or_default();
        let own_terms = probe.iter().zip(mine).zip(weights);
        let distance: f64 =
            own_terms.map(|((p, m), w)| ((p - m).abs() * w).min(COHORT_CUT)).sum::<f64>() * scale;
        let mut nearest = [f64::INFINITY; NEAREST_PEOPLE];
        let mut sum = 0.0;
        for person in &self.text.cohort {
            let person = person.get(range.clone()).unwrap_or_default();
            let terms = probe.iter().zip(person).zip(weights);
            let away: f64 = terms
                .map(|((p, m), w)| ((p - f64::from(*m)).abs() * w).min(COHORT_CUT))
                .sum::<f64>()
                * scale;
            sum += away;
            // Insertion into the few nearest.
            let mut candidate = away;
            for kept in &mut nearest {
                if candidate < *kept {
                    std::mem::swap(kept, &mut candidate);
                }
            }
        }
        let found = nearest.iter().filter(|x| x.is_finite());
        let count = found.clone().count().max(1) as f64;
        let close = found.sum::<f64>() / count;
        let people = self.text.cohort.len().max(1) as f64;
        scratch.out.push(((distance + 0.1) / (close + 0.1)).ln());
        scratch.out.push(distance - sum / people);
    }

    /// How far the probe is unusual in the same way as the person: correlation, inner product, and its own mean.
    fn agreement(&self, own: &Own, probe: &Typing, group: Group) -> [f64; 3] {
        let range = own.layout.range(group);
        let n = range.len().max(1) as f64;
        let get = |v: &[f64], i: usize| v.get(i).copied().unwrap_or_default();
        let of_probe = |i: usize| {
            let mean = self.text.everybody.mean.get(i).copied().map_or(0.0, f64::from);
            let z = (get(&probe.log, i) - mean) * get(&own.inverse_usual, i);
            z.clamp(-DISTANCE_CUT, DISTANCE_CUT)
        };
        let (mut mine, mut theirs, mut product) = (0.0, 0.0, 0.0);
        let (mut mine_squared, mut theirs_squared) = (0.0, 0.0);
        for i in range {
            let (a, b) = (get(&self.unusual, i), of_probe(i));
            mine += a;
            theirs += b;
            product += a * b;
            mine_squared += a * a;
            theirs_squared += b * b;
        }
        let covariance = product - mine * theirs / n;
        let variances = (mine_squared - mine * mine / n) * (theirs_squared - theirs * theirs / n);
        let correlation = covariance / (variances.max(0.0).sqrt() + 1e-6);
        [correlation, product / n, theirs / n]
    }
}

/// The person's mean drawn towards everybody's as far as few typings demand.
fn adapt(text: &TextModel, view: &Middle) -> Adapted {
    let at = |v: &[f32], i: usize| v.get(i).copied().map_or(0.0, f64::from);
    let n = view.count;
    let mean = view.log.iter().enumerate().map(|(i, own)| {
        let pull = (at(&text.within, i) / at(&text.between, i).max(1e-9)).powi(2);
        (n * own + pull * at(&text.everybody.mean, i)) / (n + pull)
    });
    let widen = (1.0 + 1.0 / n.max(1.0)).sqrt();
    let deviation: Vec<f64> =
        view.log_deviation.iter().map(|d| (TO_SIGMA * d * widen).max(1e-6)).collect();
    // The cut is in deviations of the person alone, which the widening must not move.
    Adapted::new(mean.collect(), &deviation, OTHERS_CUT / widen)
}

fn against(own: &Adapted, other: &Adapted, probe: &Typing, i: usize) -> f64 {
    let x = probe.log.get(i).copied().unwrap_or_default();
    (own.log(i, x) - other.log(i, x)).clamp(-TERM_CUT, TERM_CUT)
}

fn mean_term(own: &Adapted, other: &Adapted, probe: &Typing, range: std::ops::Range<usize>) -> f64 {
    let n = range.len().max(1) as f64;
    range.map(|i| against(own, other, probe, i)).sum::<f64>() / n
}

/// Projection of the mean of standardized typings.
fn project(
    projection: &Projection,
    typings: &[Typing],
    standard: impl Fn(&Typing, &mut Vec<f32>),
) -> Result<Vec<f64>, BehaviorError> {
    let mut z = Vec::new();
    let mut sum = vec![0f64; projection.plda.input()];
    for typing in typings {
        standard(typing, &mut z);
        sum.iter_mut().zip(&z).for_each(|(s, z)| *s += f64::from(*z));
    }
    let n = typings.len().max(1) as f64;
    let mean: Vec<f32> = sum.iter().map(|s| (s / n) as f32).collect();
    let mut out = Vec::new();
    projection.plda.project(&mean, &mut out)?;
    Ok(out)
}

/// LLRs of `scratch.standard`: as it is, after practice, and as if of the same sitting.
fn plda(
    projection: &Projection,
    enrolled: &Projected,
    count: f64,
    scratch: &mut Scratch,
) -> Option<[f64; 3]> {
    let model = &projection.plda;
    model.project(&scratch.standard, &mut scratch.projected).ok()?;
    let llr = |mean: &[f64], weight: f64| -> f64 {
        let sitting = f64::from(projection.session) * weight;
        let variance =
            sitting / (count / SITTING).clamp(1.0, 4.0) + (1.0 - sitting) / count.max(1.0);
        let terms = model.terms((mean, variance), (&scratch.projected, 1.0));
        terms.map(|t| t.clamp(-TERM_CUT, TERM_CUT)).sum()
    };
    Some([llr(&enrolled.plain, 1.0), llr(&enrolled.later, 1.0), llr(&enrolled.plain, SAME_SITTING)])
}
