//! Scored trials: of this run, and of an earlier one as a baseline.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::domain::Bandwidth;
use crate::scoring::metrics::Trial;
use crate::scoring::{Prepared, Scorer, UtteranceView};
use crate::usecase::embed_file::{Embedded, Embeddings, enrolled};
use crate::usecase::evaluate::groups::{GroupBy, SideFacts, key};
use crate::usecase::evaluate::plan::{Plan, PlannedSide, trial_lines};
use crate::usecase::evaluate::{EvaluateError, System, Systems};

/// Net speech a test must reach, relative to what it was cut to.
const LEAST_SHARE_OF_SPEECH: f64 = 0.9;

/// Who is compared in a trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Same person.
    pub target: bool,
    /// Index of the person on each side.
    pub speakers: [u32; 2],
    /// Line in the list of trials, from 1.
    pub line: usize,
}

/// Trials of one set under both systems of a model and a baseline; scores are LLRs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrialSet {
    /// The trials.
    pub pairs: Vec<Pair>,
    /// LLRs of the plain cosine.
    pub plain: Vec<f64>,
    /// LLRs of the back-end.
    pub full: Vec<f64>,
    /// LLRs of the baseline, NaN where it has none; empty without a baseline.
    pub baseline: Vec<f64>,
    /// Group of each trial, for each kind of group asked for.
    pub keys: Vec<Vec<Option<String>>>,
    /// Seed of the bootstrap for each speaker: one seed a data set.
    pub seeds: Vec<u64>,
}

impl TrialSet {
    /// The trials under given scores.
    pub fn trials(&self, scores: &[f64]) -> Vec<Trial> {
        let both = self.pairs.iter().zip(scores);
        both.map(|(p, s)| Trial { score: *s, target: p.target, speakers: p.speakers }).collect()
    }

    /// Trials chosen by position.
    pub fn choose(&self, chosen: impl Fn(usize) -> bool) -> Self {
        fn pick<T: Clone>(list: &[T], chosen: &impl Fn(usize) -> bool) -> Vec<T> {
            let numbered = list.iter().enumerate();
            numbered.filter(|(i, _)| chosen(*i)).map(|(_, x)| x.clone()).collect()
        }
        Self {
            pairs: pick(&self.pairs, &chosen),
            plain: pick(&self.plain, &chosen),
            full: pick(&self.full, &chosen),
            baseline: pick(&self.baseline, &chosen),
            keys: self.keys.iter().map(|keys| pick(keys, &chosen)).collect(),
            seeds: self.seeds.clone(),
        }
    }

    /// Adds trials of other people.
    pub fn extend(&mut self, other: &Self) {
        let next = self.seeds.len() as u32;
        let moved = |p: &Pair| Pair { speakers: p.speakers.map(|s| s + next), ..*p };
        self.pairs.extend(other.pairs.iter().map(moved));
        self.plain.extend(&other.plain);
        self.full.extend(&other.full);
        self.baseline.extend(&other.baseline);
        self.keys.resize(other.keys.len(), Vec::new());
        for (keys, more) in self.keys.iter_mut().zip(&other.keys) {
            keys.extend_from_slice(more);
        }
        self.seeds.extend(&other.seeds);
    }

    /// Names and trials of the groups of one kind.
    pub fn groups(&self, kind: usize) -> Vec<(String, Self)> {
        let Some(keys) = self.keys.get(kind) else {
            return Vec::new();
        };
        let names: BTreeSet<&String> = keys.iter().flatten().collect();
        let of = |name: &String| self.choose(|i| keys[i].as_ref() == Some(name));
        names.into_iter().map(|name| (name.clone(), of(name))).collect()
    }

    /// Number of people, targets and non-targets.
    pub fn counts(&self) -> (usize, usize, usize) {
        let people: BTreeSet<u32> = self.pairs.iter().flat_map(|p| p.speakers).collect();
        let targets = self.pairs.iter().filter(|p| p.target).count();
        (people.len(), targets, self.pairs.len() - targets)
    }
}

/// A side under both systems.
struct Ready {
    /// Number among the sides of the plan.
    number: usize,
    speaker: u32,
    plain: Prepared,
    full: Prepared,
    facts: SideFacts,
}

/// What a side is for: templates have telephone renditions.
#[derive(Clone, Copy)]
enum Role {
    Template,
    Test,
}

/// A side as a scorer takes it; `None` where a piece has no embedding.
fn views<'a>(
    side: &PlannedSide,
    role: Role,
    embeddings: &'a Embeddings,
) -> Option<Vec<UtteranceView<'a>>> {
    let view = |item| match role {
        Role::Template => enrolled(embeddings, item),
        Role::Test => Some(embeddings.get(item)?.as_ref().ok()?.view()),
    };
    side.items.iter().map(view).collect()
}

fn ready(
    number: usize,
    side: &PlannedSide,
    role: Role,
    embeddings: &Embeddings,
    systems: &Systems,
) -> Option<Ready> {
    let found: Option<Vec<&Embedded>> =
        side.items.iter().map(|item| embeddings.get(item)?.as_ref().ok()).collect();
    let found = found?;
    let views = views(side, role, embeddings)?;
    let full = systems.full.prepare(&views).ok()?;
    let ratios: Vec<f64> = found.iter().filter_map(|e| e.snr_db.map(f64::from)).collect();
    let (mut narrow_ms, mut all_ms) = (0u64, 0u64);
    for embedded in found {
        let ms = u64::from(embedded.net_speech_ms);
        all_ms += ms;
        narrow_ms += if embedded.bandwidth == Bandwidth::Narrow { ms } else { 0 };
    }
    let facts = SideFacts {
        narrow: 2 * narrow_ms > all_ms,
        snr_db: (!ratios.is_empty()).then(|| ratios.iter().sum::<f64>() / ratios.len() as f64),
        net_speech_ms: all_ms,
    };
    let plain = systems.plain.prepare(&views).ok()?;
    Some(Ready { number, speaker: side.speaker, plain, full, facts })
}

/// Scores the trials of a plan with both systems; trials with a side that has no embedding, or less net
/// speech than it was cut to, are left out.
pub fn score(
    plan: &Plan,
    embeddings: &Embeddings,
    systems: &Systems,
    by: &[GroupBy],
    seed: u64,
) -> TrialSet {
    let prepare = |sides: &[PlannedSide], role| -> Vec<Ready> {
        let numbered = sides.iter().enumerate();
        numbered.filter_map(|(i, side)| ready(i, side, role, embeddings, systems)).collect()
    };
    let sides = &plan.sides;
    let templates = prepare(&sides.templates, Role::Template);
    let mut tests = prepare(&sides.tests, Role::Test);
    if let Some(seconds) = plan.net_speech_s {
        let least = LEAST_SHARE_OF_SPEECH * f64::from(seconds) * 1_000.0;
        tests.retain(|t| t.facts.net_speech_ms as f64 >= least);
    }
    let mut set = TrialSet {
        keys: vec![Vec::new(); by.len()],
        seeds: vec![seed; sides.speakers.len()],
        ..TrialSet::default()
    };
    for template in &templates {
        for test in &tests {
            let scores = (
                systems.plain.score(&template.plain, &test.plain),
                systems.full.score(&template.full, &test.full),
            );
            let (Some((_, plain)), Some((_, full))) = scores else {
                continue;
            };
            let speakers = [template.speaker, test.speaker];
            set.pairs.push(Pair {
                target: speakers[0] == speakers[1],
                speakers,
                line: template.number * sides.tests.len() + test.number + 1,
            });
            set.plain.push(plain.0);
            set.full.push(full.0);
            let people = speakers.map(|s| &sides.speakers[s as usize]);
            for (keys, by) in set.keys.iter_mut().zip(by) {
                keys.push(key(*by, people, [&template.facts, &test.facts]));
            }
        }
    }
    set
}

/// LLRs of one system of another model on the trials of a set; NaN where it has none.
pub fn baseline_scores(
    set: &TrialSet,
    plan: &Plan,
    embeddings: &Embeddings,
    scorer: &Scorer,
) -> Vec<f64> {
    let prepare = |side: &PlannedSide, role| -> Option<Prepared> {
        scorer.prepare(&views(side, role, embeddings)?).ok()
    };
    let sides = &plan.sides;
    let [templates, tests] = [(&sides.templates, Role::Template), (&sides.tests, Role::Test)]
        .map(|(sides, role)| sides.iter().map(|side| prepare(side, role)).collect::<Vec<_>>());
    let one = |pair: &Pair| -> Option<f64> {
        let at = pair.line - 1;
        let template = templates.get(at / tests.len())?.as_ref()?;
        let test = tests.get(at % tests.len())?.as_ref()?;
        scorer.score(template, test).map(|(_, llr)| llr.0)
    };
    set.pairs.iter().map(|pair| one(pair).unwrap_or(f64::NAN)).collect()
}

/// Header of a file of scores.
const HEADER: &str = "trial\tplain_llr\tfull_llr\tlabel\tenroll_speaker\ttest_speaker";

/// File of scores: a line a trial, with its line in the list of trials.
pub fn score_lines(set: &TrialSet, plan: &Plan) -> String {
    let mut lines = format!("{HEADER}\n");
    for ((pair, plain), full) in set.pairs.iter().zip(&set.plain).zip(&set.full) {
        let label = if pair.target { "target" } else { "nontarget" };
        let [a, b] = pair.speakers.map(|s| &plan.sides.speakers[s as usize].id);
        lines += &format!("{}\t{plain:.9e}\t{full:.9e}\t{label}\t{a}\t{b}\n", pair.line);
    }
    lines
}

/// LLRs that an earlier run wrote into its results for the same trials; NaN where it has none.
///
/// # Errors
/// Files that cannot be read, other trials, or lines that are not scores.
pub fn earlier_scores(
    set: &TrialSet,
    plan: &Plan,
    folder: &Path,
    system: System,
) -> Result<Vec<f64>, EvaluateError> {
    let read = |name: String| {
        let path = folder.join(name);
        std::fs::read_to_string(&path)
            .map_err(|e| EvaluateError::Read(path.display().to_string(), e))
    };
    let name = plan.name();
    if read(format!("trials-{name}.tsv"))? != trial_lines(plan) {
        return Err(EvaluateError::OtherTrials(name));
    }
    let text = read(format!("scores-{name}.tsv"))?;
    let mut lines = text.lines();
    let wrong = |line: &str| EvaluateError::Scores(format!("scores-{name}.tsv"), line.to_owned());
    match lines.next() {
        Some(HEADER) => {}
        other => return Err(wrong(other.unwrap_or_default())),
    }
    let column = match system {
        System::Plain => 1,
        System::Full => 2,
    };
    let mut known = BTreeMap::new();
    for line in lines {
        let fields: Vec<&str> = line.split('\t').collect();
        let parsed = || Some((fields.first()?.parse().ok()?, fields.get(column)?.parse().ok()?));
        let (trial, llr): (usize, f64) = parsed().ok_or_else(|| wrong(line))?;
        known.insert(trial, llr);
    }
    let of = |pair: &Pair| known.get(&pair.line).copied().unwrap_or(f64::NAN);
    Ok(set.pairs.iter().map(of).collect())
}
