//! Fitting what a background knows of one text: moments over people, practice, and projections.

use crate::behavior::BehaviorError;
use crate::behavior::event::Device;
use crate::behavior::keystroke::fixed::keys::KeySequence;
use crate::behavior::keystroke::fixed::layout::{Layout, Typing};
use crate::behavior::keystroke::fixed::stats::median;
use crate::behavior::keystroke::fixed::text::{
    MOST_COHORT, Normal, Practice, Projection, TextModel, UsualModel,
};
use crate::scoring::plda::{Plda, PldaOptions, PldaSample};

/// First typings of a person that count as a novice's.
pub const FIRST: usize = 5;
/// Most typings of a person in the fit of a projection, evenly spread.
const PROJECTED: usize = 120;
/// Dimensions of a projection.
const DIMENSIONS: usize = 24;
/// Share of its own diagonal in the covariance within a person.
const SHRINKAGE: f64 = 0.3;
/// Fewest typings of a sitting whose mean counts.
const SITTING_TYPINGS: usize = 5;
/// Limits and default of the share of a sitting in the variance within a person.
const SITTING_SHARE: (f64, f64, f64) = (0.02, 0.7, 0.3);
/// Least deviation of any value.
const FLOOR: f64 = 1e-4;

/// All typings of one text by one person, the oldest first.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// Whose.
    pub subject: u32,
    /// The typings.
    pub typings: Vec<Typing>,
    /// The sitting of each.
    pub sessions: Vec<u32>,
}

/// What is needed of a person again and again.
#[derive(Debug, Clone)]
pub struct Summary<'p> {
    /// Whose.
    pub person: &'p Person,
    mean: Vec<f64>,
    variance: Vec<f64>,
    median: Vec<f64>,
    /// Mean absolute deviation of the compressed values and of those in ms.
    usual: [Vec<f64>; 2],
    /// For each stage, the medians of the enrolled typings and of those tested.
    practice: Vec<Option<[Vec<f64>; 2]>>,
}

/// The shape of a text and its name.
#[derive(Debug, Clone)]
pub struct TextShape {
    /// Its name.
    pub id: String,
    /// Where it is typed.
    pub device: Device,
    /// Shape of its vectors.
    pub layout: Layout,
    /// Its keys.
    pub keys: KeySequence,
}

impl Person {
    /// Indices of typings after the first `enrolled`: of later sittings where there are any.
    pub fn tested(&self, enrolled: usize) -> Vec<usize> {
        let last = enrolled.checked_sub(1).and_then(|i| self.sessions.get(i));
        let after = enrolled..self.typings.len();
        let later: Vec<usize> = after.clone().filter(|i| self.sessions.get(*i) != last).collect();
        if later.is_empty() { after.collect() } else { later }
    }

    /// Indices of typings by somebody who has practiced, see [`seven_eighths`].
    pub fn practiced(&self) -> std::ops::Range<usize> {
        let start = seven_eighths(self.typings.len());
        start..(start + FIRST).min(self.typings.len())
    }
}

/// Where five typings of somebody who has practiced begin: seven eighths into all, the 351st of 400.
pub fn seven_eighths(count: usize) -> usize {
    (count * 7 / 8).min(count.saturating_sub(FIRST))
}

impl<'p> Summary<'p> {
    /// Summarizes a person for a list of numbers of enrolled typings.
    pub fn of(person: &'p Person, layout: &Layout, stages: &[u32]) -> Self {
        let n = layout.len();
        let all: Vec<usize> = (0..person.typings.len()).collect();
        let column = |i: usize| person.typings.iter().filter_map(move |t| t.log.get(i).copied());
        let count = all.len().max(1) as f64;
        let mean: Vec<f64> = (0..n).map(|i| column(i).sum::<f64>() / count).collect();
        let spread =
            |(i, m): (usize, &f64)| column(i).map(|x| (x - m).powi(2)).sum::<f64>() / count;
        let variance = mean.iter().enumerate().map(spread).collect();
        let log = medians(person, &all, n, |t| &t.log);
        let raw = medians(person, &all, layout.timing_len(), |t| &t.raw);
        let away = |at: &[f64], values: fn(&Typing) -> &[f64]| -> Vec<f64> {
            let of = |(i, m): (usize, &f64)| {
                let terms = person.typings.iter().filter_map(|t| values(t).get(i));
                terms.map(|x| (x - m).abs()).sum::<f64>() / count
            };
            at.iter().enumerate().map(of).collect()
        };
        let usual = [away(&log, |t| &t.log), away(&raw, |t| &t.raw)];
        let practice = stages.iter().map(|stage| {
            let enrolled = *stage as usize;
            let tested = person.tested(enrolled);
            let enough = person.typings.len() > enrolled && !tested.is_empty();
            enough.then(|| {
                let first = all.get(..enrolled).unwrap_or_default();
                [medians(person, first, n, |t| &t.log), medians(person, &tested, n, |t| &t.log)]
            })
        });
        let practice = practice.collect();
        Self { person, mean, variance, median: log, usual, practice }
    }
}

fn medians(person: &Person, which: &[usize], n: usize, values: fn(&Typing) -> &[f64]) -> Vec<f64> {
    let mut column = Vec::with_capacity(which.len());
    (0..n)
        .map(|i| {
            column.clear();
            let typings = which.iter().filter_map(|t| person.typings.get(*t));
            column.extend(typings.filter_map(|t| values(t).get(i).copied()));
            median(&mut column)
        })
        .collect()
}

/// Fits a text on people.
///
/// # Errors
/// Fewer than two people, or values of which no projection can be made.
pub fn fit_text(
    shape: &TextShape,
    people: &[&Summary<'_>],
    stages: &[u32],
) -> Result<TextModel, BehaviorError> {
    if people.len() < 2 {
        let what = "a background of a text: people";
        return Err(BehaviorError::TooFew { what, needed: 2, got: people.len() });
    }
    let n = shape.layout.len();
    let over = |f: &dyn Fn(&Summary<'_>, usize) -> f64, i: usize| -> Vec<f64> {
        people.iter().map(|p| f(p, i)).collect()
    };
    let each = |f: &dyn Fn(usize) -> f64| -> Vec<f32> { (0..n).map(|i| short(f(i))).collect() };
    let mean = |i: usize| average(&over(&|p, i| p.mean[i], i));
    let between = |i: usize| deviation(&over(&|p, i| p.mean[i], i)).max(FLOOR);
    let within = |i: usize| average(&over(&|p, i| p.variance[i], i)).sqrt().max(FLOOR);
    let usual = |which: usize, n: usize| -> Vec<f32> {
        let of = |i| median(&mut over(&|p, i| p.usual[which][i], i)).max(FLOOR);
        (0..n).map(|i| short(of(i))).collect()
    };
    let everybody = Normal { mean: each(&mean), deviation: each(&|i| between(i).hypot(within(i))) };
    let mut text = TextModel {
        id: shape.id.clone(),
        device: shape.device,
        layout: shape.layout,
        keys: shape.keys.clone(),
        people: people.len() as u32,
        everybody,
        within: each(&within),
        between: each(&between),
        usual: UsualModel { log: usual(0, n), raw: usual(1, shape.layout.timing_len()) },
        novice: normal(people, n, |p| 0..FIRST.min(p.typings.len())),
        practiced: normal(people, n, |p| p.typings.len() / 2..p.typings.len()),
        cohort: people
            .iter()
            .take(MOST_COHORT)
            .map(|p| p.median.iter().map(|x| short(*x)).collect())
            .collect(),
        practice: practices(people, stages, n),
        timing: Projection {
            plda: Plda { mean: Vec::new(), projection: Vec::new(), between: Vec::new() },
            session: 0.0,
        },
        touch: None,
    };
    text.timing = projection(people, |t, z| text.standard_timing(&t.log, &[], z))?;
    if shape.layout.has_touch() {
        text.touch = Some(projection(people, |t, z| text.standard_touch(&t.log, &[], z))?);
    }
    Ok(text)
}

fn normal(
    people: &[&Summary<'_>],
    n: usize,
    which: impl Fn(&Person) -> std::ops::Range<usize>,
) -> Normal {
    let chosen: Vec<&Typing> = people
        .iter()
        .flat_map(|p| p.person.typings.get(which(p.person)).unwrap_or_default())
        .collect();
    let column = |i: usize| -> Vec<f64> { chosen.iter().map(|t| t.log[i]).collect() };
    Normal {
        mean: (0..n).map(|i| short(average(&column(i)))).collect(),
        deviation: (0..n).map(|i| short(deviation(&column(i)).max(FLOOR))).collect(),
    }
}

fn practices(people: &[&Summary<'_>], stages: &[u32], n: usize) -> Vec<Practice> {
    let mut fitted = Vec::new();
    for (s, stage) in stages.iter().enumerate() {
        let pairs: Vec<&[Vec<f64>; 2]> =
            people.iter().filter_map(|p| p.practice.get(s)?.as_ref()).collect();
        // One stage is always there: whoever has two typings counts in the first.
        if pairs.len() < 2 || (2 * pairs.len() < people.len() && !fitted.is_empty()) {
            continue;
        }
        let mut practice = Practice { typings: *stage, ..Practice::default() };
        for i in 0..n {
            let early: Vec<f64> = pairs.iter().map(|p| p[0][i]).collect();
            let late: Vec<f64> = pairs.iter().map(|p| p[1][i]).collect();
            let (early_mean, late_mean) = (average(&early), average(&late));
            let between = deviation(&people.iter().map(|p| p.mean[i]).collect::<Vec<_>>());
            // As if two more people had kept 0.8 of a usual distance from the mean.
            let prior = 2.0 * between.powi(2) + FLOOR * FLOOR;
            let (mut product, mut square) = (0.8 * prior, prior);
            for (e, l) in early.iter().zip(&late) {
                product += (e - early_mean) * (l - late_mean);
                square += (e - early_mean).powi(2);
            }
            let slope = (product / square).clamp(0.0, 1.2);
            let rest = early.iter().zip(&late).map(|(e, l)| l - slope * e);
            practice.early.push(short(early_mean));
            practice.late.push(short(late_mean));
            practice.slope.push(short(slope));
            practice.rest.push(short(deviation(&rest.collect::<Vec<_>>()).max(FLOOR)));
        }
        fitted.push(practice);
    }
    fitted
}

fn projection(
    people: &[&Summary<'_>],
    standard: impl Fn(&Typing, &mut Vec<f32>),
) -> Result<Projection, BehaviorError> {
    let mut rows: Vec<(u32, u32, Vec<f32>)> = Vec::new();
    for (index, summary) in people.iter().enumerate() {
        let person = summary.person;
        let step = person.typings.len().div_ceil(PROJECTED).max(1);
        for (typing, session) in person.typings.iter().zip(&person.sessions).step_by(step) {
            let mut z = Vec::new();
            standard(typing, &mut z);
            rows.push((index as u32, *session, z));
        }
    }
    let samples: Vec<PldaSample<'_>> =
        rows.iter().map(|(person, _, x)| PldaSample { person: *person, x }).collect();
    let options = PldaOptions { dim: DIMENSIONS, shrinkage: SHRINKAGE };
    let mut plda = Plda::fit(&samples, &options)?;
    for part in [&mut plda.mean, &mut plda.projection, &mut plda.between] {
        part.iter_mut().for_each(|x| *x = short(f64::from(*x)));
    }
    let session = session_share(&plda, &rows)?;
    Ok(Projection { plda, session: short(session) })
}

/// Share of a sitting in the variance within a person: variance of sittings' means beyond what their typings explain.
fn session_share(plda: &Plda, rows: &[(u32, u32, Vec<f32>)]) -> Result<f64, BehaviorError> {
    let mut sittings: std::collections::BTreeMap<(u32, u32), (f64, Vec<f64>)> = Default::default();
    let mut y = Vec::new();
    for (person, session, z) in rows {
        plda.project(z, &mut y)?;
        let (count, sum) =
            sittings.entry((*person, *session)).or_insert_with(|| (0.0, vec![0.0; y.len()]));
        *count += 1.0;
        sum.iter_mut().zip(&y).for_each(|(s, y)| *s += y);
    }
    let people = rows.iter().map(|r| r.0).max().map_or(0, |m| m + 1);
    let mut shares = Vec::new();
    for person in 0..people {
        let own: Vec<_> = sittings
            .range((person, 0)..=(person, u32::MAX))
            .map(|(_, s)| s)
            .filter(|(count, _)| *count >= SITTING_TYPINGS as f64)
            .collect();
        if own.len() < 2 {
            continue;
        }
        let noise = average(&own.iter().map(|(c, _)| 1.0 / c).collect::<Vec<_>>());
        for d in 0..plda.dim() {
            let means: Vec<f64> = own.iter().map(|(c, s)| s[d] / c).collect();
            let unbiased = own.len() as f64 / (own.len() as f64 - 1.0);
            shares.push(deviation(&means).powi(2) * unbiased - noise);
        }
    }
    let (least, most, default) = SITTING_SHARE;
    if shares.is_empty() { Ok(default) } else { Ok(average(&shares).clamp(least, most)) }
}

pub(super) fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = average(values);
    (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len().max(1) as f64).sqrt()
}

/// Five significant digits, so that a number is short in a file.
pub(super) fn short(x: f64) -> f32 {
    shorter(x) as f32
}

/// The same at full precision.
pub(super) fn shorter(x: f64) -> f64 {
    format!("{x:.4e}").parse().unwrap_or(x)
}
