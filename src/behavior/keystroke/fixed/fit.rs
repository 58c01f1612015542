//! Fitting a background of fixed texts on captures of many people.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::behavior::event::Device;
use crate::behavior::keystroke::fixed::background::{Background, Kind, KindCombiner, VERSION};
use crate::behavior::keystroke::fixed::combine::{Combiner, STAGES, Stage};
use crate::behavior::keystroke::fixed::extract::extract_to_fit;
use crate::behavior::keystroke::fixed::fallback;
use crate::behavior::keystroke::fixed::keys::{KeySequence, typed};
use crate::behavior::keystroke::fixed::layout::{Layout, TIMING, TOUCH};
use crate::behavior::keystroke::fixed::moments::{
    Person, Summary, TextShape, fit_text, short, shorter,
};
use crate::behavior::keystroke::fixed::rows::{Row, compare};
use crate::behavior::keystroke::fixed::stats::median;
use crate::behavior::keystroke::fixed::text::TextModel;
use crate::behavior::limits::MAX_ID_BYTES;
use crate::behavior::{BehaviorError, Capture, Events};
use crate::scoring::ScoringError;
use crate::scoring::logistic::{Logistic, LogisticOptions, LogisticRow};

/// Fewest people of a text that a background learns, and fewest typings of each.
pub const LEAST_PEOPLE: usize = 8;
/// Fewest typings of a person that counts.
pub const LEAST_TYPINGS: usize = 8;
/// Fewest people whose comparisons a regression is fitted on.
const LEAST_COMPARED: usize = 8;

/// How a background is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// Of the dealing of people into folds.
    pub seed: u64,
    /// Folds of people; the comparisons of each are made with texts fitted on the others.
    pub folds: usize,
    /// How many times people are dealt anew.
    pub repeats: usize,
    /// Numbers of enrolled typings that regressions are fitted for, rising.
    pub stages: Vec<u32>,
    /// Penalty on squared weights.
    pub ridge: f64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self { seed: 1, folds: 6, repeats: 4, stages: STAGES.to_vec(), ridge: 1e-2 }
    }
}

/// All people of one text.
struct Group {
    shape: TextShape,
    people: Vec<Person>,
}

impl Background {
    /// Fits a background on `(person, sitting, capture)`, each person's captures the oldest first. Captures with
    /// corrections, and those whose keys few people typed, are left out.
    ///
    /// # Errors
    /// No text that at least [`LEAST_PEOPLE`] people typed [`LEAST_TYPINGS`] times, or a fit without a result.
    pub fn train(
        captures: &[(u32, u32, &Capture)],
        options: &TrainOptions,
    ) -> Result<Self, BehaviorError> {
        let groups = group(captures)?;
        let practice = practice_stages(options);
        let summaries: Vec<Vec<Summary<'_>>> = groups
            .iter()
            .map(|g| {
                let of = |p| Summary::of(p, &g.shape.layout, &practice);
                g.people.iter().map(of).collect()
            })
            .collect();
        let mut texts = Vec::new();
        for (group, people) in groups.iter().zip(&summaries) {
            let people: Vec<&Summary<'_>> = people.iter().collect();
            texts.push(fit_text(&group.shape, &people, &practice)?);
        }
        let (usual_log, usual_ms) = usual(&texts);
        let mut background =
            Self { version: VERSION, texts, usual_log, usual_ms, combiners: Vec::new() };
        let mut rows = Rows::default();
        collect(&groups, &summaries, &background, options, &mut rows)?;
        background.combiners = combiners(rows, options)?;
        background.check()?;
        Ok(background)
    }

    /// How many of these captures, of how many people, a fit on them takes.
    ///
    /// # Errors
    /// As [`Self::train`], where no text is left.
    pub fn used(captures: &[(u32, u32, &Capture)]) -> Result<(usize, usize), BehaviorError> {
        let groups = group(captures)?;
        let people = || groups.iter().flat_map(|g| &g.people);
        let distinct: BTreeSet<u32> = people().map(|p| p.subject).collect();
        Ok((people().map(|p| p.typings.len()).sum(), distinct.len()))
    }
}

/// Numbers of enrolled typings after which practice is looked at: every text has the first, whatever regressions are fitted.
fn practice_stages(options: &TrainOptions) -> Vec<u32> {
    let mut stages = options.stages.clone();
    stages.push(1);
    stages.sort_unstable();
    stages.dedup();
    stages
}

/// Sorts captures into texts by device and keys; the most common shape of each is kept.
fn group(captures: &[(u32, u32, &Capture)]) -> Result<Vec<Group>, BehaviorError> {
    type Key = (Device, Vec<i16>, Vec<u8>);
    let mut sorted: BTreeMap<Key, Vec<(u32, u32, &Capture)>> = BTreeMap::new();
    for (person, session, capture) in captures {
        let Events::Keystroke(events) = &capture.events else { continue };
        let keys = KeySequence::of(&typed(events, capture.device));
        let entry = sorted.entry((capture.device, keys.known, keys.classes)).or_default();
        entry.push((*person, *session, capture));
    }
    let mut groups = Vec::new();
    for ((device, known, classes), captures) in sorted {
        let mut shapes: BTreeMap<String, (Layout, BTreeMap<u32, Person>)> = BTreeMap::new();
        for (subject, session, capture) in &captures {
            let Ok(sample) = extract_to_fit(capture) else { continue };
            let layout = Layout::of(&sample)?;
            let (_, people) =
                shapes.entry(format!("{layout:?}")).or_insert_with(|| (layout, BTreeMap::new()));
            let person = people.entry(*subject).or_default();
            person.subject = *subject;
            person.typings.extend(sample.iter().map(|row| layout.typing(row)));
            person.sessions.push(*session);
        }
        let often = |p: &Person| p.typings.len() >= LEAST_TYPINGS;
        let Some((layout, people)) =
            shapes.into_values().max_by_key(|(_, p)| p.values().filter(|p| often(p)).count())
        else {
            continue;
        };
        let people: Vec<Person> = people.into_values().filter(often).collect();
        if people.len() >= LEAST_PEOPLE {
            let named = captures.iter().find_map(|(_, _, c)| c.text_id.clone());
            let id = named.unwrap_or_else(|| format!("text-{}", groups.len() + 1));
            let keys = KeySequence { known, classes };
            groups.push(Group { shape: TextShape { id, device, layout, keys }, people });
        }
    }
    if groups.is_empty() {
        let what = "fixed texts that 8 people typed 8 times each";
        return Err(BehaviorError::TooFew { what, needed: 1, got: 0 });
    }
    name_apart(&mut groups);
    Ok(groups)
}

/// Numbers the ids of texts that clients name alike on one class of device. None of them keeps the bare name: by it alone a
/// client that hashes its keys would be taken for a typist of any of them.
fn name_apart(groups: &mut [Group]) {
    let own = |g: &Group| (g.shape.device, g.shape.id.clone());
    let mut taken: BTreeSet<(Device, String)> = BTreeSet::new();
    let shared: BTreeSet<_> =
        groups.iter().map(own).filter(|id| !taken.insert(id.clone())).collect();
    for group in groups.iter_mut().filter(|g| shared.contains(&own(g))) {
        let (device, stem) = own(group);
        let free =
            (1..).map(|n| numbered_id(&stem, n)).find(|id| !taken.contains(&(device, id.clone())));
        group.shape.id = free.unwrap_or(stem);
        taken.insert(own(group));
    }
}

/// `stem-n`, with as much of the stem as an id has room for.
fn numbered_id(stem: &str, n: usize) -> String {
    let end = format!("-{n}");
    let room = stem.floor_char_boundary(MAX_ID_BYTES - end.len());
    format!("{}{end}", &stem[..room])
}

/// Medians over positions and texts of what is usual.
fn usual(texts: &[TextModel]) -> ([f32; 7], [f32; 3]) {
    let of = |log: bool, group| {
        let values = texts.iter().flat_map(|t| {
            let usual = if log { &t.usual.log } else { &t.usual.raw };
            usual.get(t.layout.range(group)).unwrap_or_default()
        });
        let mut values: Vec<f64> = values.map(|x| f64::from(*x)).collect();
        (!values.is_empty()).then(|| short(median(&mut values)))
    };
    let (mut log, mut ms) = ([0f32; 7], [0f32; 3]);
    let (default_log, default_ms) = fallback::defaults();
    for (i, group) in TIMING.into_iter().chain(TOUCH).enumerate() {
        log[i] = of(true, group).unwrap_or(default_log[i] as f32);
    }
    for (i, group) in TIMING.into_iter().enumerate() {
        ms[i] = of(false, group).unwrap_or(default_ms[i] as f32);
    }
    (log, ms)
}

/// Rows by kind, device and stage.
type Rows = BTreeMap<(bool, bool, Option<Device>, u32), Vec<Row>>;

fn collect(
    groups: &[Group],
    summaries: &[Vec<Summary<'_>>],
    background: &Background,
    options: &TrainOptions,
    rows: &mut Rows,
) -> Result<(), BehaviorError> {
    let mut subjects: Vec<u32> =
        groups.iter().flat_map(|g| g.people.iter().map(|p| p.subject)).collect();
    subjects.sort_unstable();
    subjects.dedup();
    for repeat in 0..options.repeats.max(1) {
        let folds = dealt(&subjects, options.seed.wrapping_add(repeat as u64), options.folds);
        for (group, people) in groups.iter().zip(summaries) {
            for fold in &folds {
                let of_fold = |s: &&Summary<'_>| fold.contains(&s.person.subject);
                let (inside, outside): (Vec<_>, Vec<_>) = people.iter().partition(of_fold);
                if inside.len() < 2 || outside.len() < 2 {
                    continue;
                }
                let text = fit_text(&group.shape, &outside, &practice_stages(options))?;
                fold_rows(group, &inside, &text, background, options, rows)?;
            }
        }
    }
    Ok(())
}

/// The comparisons of one fold, of every kind and stage.
fn fold_rows(
    group: &Group,
    inside: &[&Summary<'_>],
    text: &TextModel,
    background: &Background,
    options: &TrainOptions,
    rows: &mut Rows,
) -> Result<(), BehaviorError> {
    let shape = &group.shape;
    for kind in Kind::ALL.into_iter().filter(|k| !k.touch || shape.layout.has_touch()) {
        let layout = if kind.touch { shape.layout } else { shape.layout.timing_only() };
        let usual = if kind.known { text.usual(&layout) } else { background.usual(&layout) };
        let known = kind.known.then_some(text);
        let device = kind.known.then_some(shape.device);
        for stage in &options.stages {
            let here = rows.entry((kind.known, kind.touch, device, *stage)).or_default();
            compare(inside, known, &usual, layout, kind, *stage as usize, here)?;
        }
    }
    Ok(())
}

/// People dealt into folds.
pub(super) fn dealt(people: &[u32], seed: u64, folds: usize) -> Vec<Vec<u32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order = people.to_vec();
    for i in (1..order.len()).rev() {
        order.swap(i, rng.random_range(0..=i));
    }
    let folds = folds.clamp(2, (people.len() / 2).max(2));
    (0..folds).map(|f| order.iter().copied().skip(f).step_by(folds).collect()).collect()
}

/// What comparisons of the stages before and after count in the weights of a stage. They hold weights back that only fit how the
/// few people of a background typed at that very stage. For known texts only: with 10 typings of cmu_dsl it took the EER of novices from 7.5 to
/// 7.0 % and gained on all texts of sapientia; for texts that no background knows it was not measured.
const BESIDE: f64 = 0.5;

fn combiners(rows: Rows, options: &TrainOptions) -> Result<Vec<KindCombiner>, BehaviorError> {
    let mut made: BTreeMap<(bool, bool, Option<Device>), Combiner> = BTreeMap::new();
    let all: Vec<_> = rows.into_iter().collect();
    for (i, ((known, touch, device, typings), own)) in all.iter().enumerate() {
        let mut people: Vec<u32> = own.iter().map(|r| r.people[0]).collect();
        people.sort_unstable();
        people.dedup();
        if people.len() < LEAST_COMPARED {
            continue;
        }
        let alike = |((k, t, d, _), _): &&((bool, bool, Option<Device>, u32), Vec<Row>)| {
            (k, t, d) == (known, touch, device)
        };
        let beside = [i.checked_sub(1), Some(i + 1)].into_iter().flatten().filter(|_| *known);
        let beside = beside.filter_map(|j| all.get(j)).filter(alike).flat_map(|(_, rows)| rows);
        let beside: Vec<Row> = beside.map(|r| r.weighing(BESIDE)).collect();
        let stage = fit_stage(*typings, own, &beside, &people, options)?;
        made.entry((*known, *touch, *device)).or_default().stages.push(stage);
    }
    let part = |((known, touch, device), combiner)| KindCombiner {
        kind: Kind { known, touch },
        device,
        combiner,
    };
    Ok(made.into_iter().map(part).collect())
}

/// Folds of people for the calibration of a stage.
const CALIBRATION_FOLDS: usize = 5;

/// Fits weights on all rows, those of stages `beside` included, and the calibration on the stage's own raw scores of people that
/// the weights had not seen.
fn fit_stage(
    typings: u32,
    own: &[Row],
    beside: &[Row],
    people: &[u32],
    options: &TrainOptions,
) -> Result<Stage, BehaviorError> {
    let settings = LogisticOptions { ridge: options.ridge, prior: 0.5 };
    let mut held: Vec<LogisticRow> = Vec::with_capacity(own.len());
    for fold in dealt(people, options.seed, CALIBRATION_FOLDS) {
        let seen: Vec<LogisticRow> = own
            .iter()
            .chain(beside)
            .filter(|r| !r.people.iter().any(|p| fold.contains(p)))
            .map(|r| r.row.clone())
            .collect();
        let weights = Logistic::fit(&seen, &settings)?;
        let of_fold = own.iter().filter(|r| fold.contains(&r.people[0]));
        held.extend(of_fold.map(|r| LogisticRow {
            x: vec![weights.llr(&r.row.x)],
            target: r.row.target,
            weight: r.row.weight,
        }));
    }
    let line = Logistic::fit(&held, &LogisticOptions { ridge: 1e-6, prior: 0.5 })?;
    let of = |v: &[f64]| v.first().copied().unwrap_or_default();
    let slope = of(&line.weights) * of(&line.scale);
    if slope <= 0.0 {
        return Err(ScoringError::Fit("people are not told apart by their typing").into());
    }
    let offset = line.bias - slope * of(&line.mean);
    let rows: Vec<LogisticRow> = own.iter().chain(beside).map(|r| r.row.clone()).collect();
    let mut weights = Logistic::fit(&rows, &settings)?;
    for part in [&mut weights.mean, &mut weights.scale, &mut weights.weights] {
        part.iter_mut().for_each(|x| *x = shorter(*x));
    }
    weights.bias = shorter(weights.bias);
    Ok(Stage { typings, weights, slope: shorter(slope), offset: shorter(offset) })
}
