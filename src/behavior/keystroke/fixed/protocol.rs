//! The protocol that judges fixed texts: people are dealt into folds; those of a fold are targets and impostors of each
//! other, and the background is fitted on everybody else. Killourhy and Maxion (DSN 2009) is the case of 200 enrolled
//! typings, tests 201 to 400, and the first 5 typings of others.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::behavior::keystroke::fixed::components::Scratch;
use crate::behavior::keystroke::fixed::fit::{TrainOptions, dealt};
use crate::behavior::keystroke::fixed::moments::{FIRST, seven_eighths};
use crate::behavior::keystroke::fixed::{Background, Template, extract};
use crate::behavior::motion::Holding;
use crate::behavior::trial::{ScoredTrial, TrialSet};
use crate::behavior::{BehaviorError, Capture, Sample};

/// One typing with who made it and in which sitting.
pub type Typed<'c> = (u32, u32, &'c Capture);

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    /// With a background that knows the text.
    Known,
    /// With a background fitted on other texts only.
    OtherTexts,
    /// Without a background.
    Fallback,
}

/// How a run goes. Typings are counted from 0 in the order they were made.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Protocol {
    /// `text_id` of the text that is judged.
    pub text: String,
    /// Of the dealing.
    pub seed: u64,
    /// Folds of a dealing, at least 2.
    pub folds: usize,
    /// How many times people are dealt anew.
    pub repeats: usize,
    /// First typings that are enrolled.
    pub enrolled: usize,
    /// Typings of the enrolled person that are tested, from and up to but without; those of sittings after the last enrolled
    /// one without it.
    pub tested: Option<[usize; 2]>,
    /// Typings that are compared together, one after the other; 1 without it.
    #[serde(default = "single")]
    pub window: usize,
    /// What it counts how a device is held; 0 without it.
    #[serde(default)]
    pub motion_weight: f64,
    /// Conditions: which typings of the others are tested, by name.
    pub impostors: Vec<Impostors>,
    /// What is judged.
    pub system: System,
}

fn single() -> usize {
    1
}

/// Impostors of one condition.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Impostors {
    /// `novice`, `practiced`, …
    pub name: String,
    /// Which of their typings, from and up to but without; five from seven eighths on without it.
    pub typings: Option<[usize; 2]>,
}

impl Protocol {
    /// Killourhy and Maxion with so many enrolled typings, four folds dealt three times; novices are the impostors' first
    /// five typings, the practiced their 351st to 355th (of fewer, five from seven eighths on).
    pub fn killourhy_maxion(text: &str, enrolled: usize, tested: Option<[usize; 2]>) -> Self {
        let impostors = |name: &str, typings| Impostors { name: name.to_owned(), typings };
        Self {
            text: text.to_owned(),
            seed: 1,
            folds: 4,
            repeats: 3,
            enrolled,
            tested,
            window: 1,
            motion_weight: 0.0,
            impostors: vec![impostors("novice", Some([0, 5])), impostors("practiced", None)],
            system: System::Known,
        }
    }

    fn condition(&self, impostors: &Impostors) -> String {
        let Self { text, enrolled, window, motion_weight, .. } = self;
        let window = if *window == 1 { String::new() } else { format!(", windows of {window}") };
        let motion = if *motion_weight > 0.0 { ", with motion" } else { "" };
        format!("{text}, {enrolled} enrolled{window}{motion}, {} impostors", impostors.name)
    }
}

/// Backgrounds of one list of captures, by who is left out and which text: protocols that deal alike share fits, which
/// take longer than all comparisons.
#[derive(Default)]
pub struct Fits(BTreeMap<(Vec<u32>, Option<String>), Background>);

/// Runs the protocol on captures, each person's the oldest first; `names` are those of people by number. Captures of other
/// texts only train. One set of trials a condition; a trial's capture is `dealing/capture`, since each dealing has backgrounds
/// of its own.
///
/// # Errors
/// Too few people for a background, or captures that cannot be used.
pub fn run(
    captures: &[Typed<'_>],
    names: &[String],
    protocol: &Protocol,
    options: &TrainOptions,
    fits: &mut Fits,
) -> Result<Vec<TrialSet>, BehaviorError> {
    let is_text = |c: &Capture| c.text_id.as_deref() == Some(protocol.text.as_str());
    let judged: Vec<Typed<'_>> = captures.iter().filter(|t| is_text(t.2)).copied().collect();
    let mut people: Vec<u32> = judged.iter().map(|t| t.0).collect();
    people.sort_unstable();
    people.dedup();
    let set = |i: &Impostors| TrialSet {
        name: protocol.condition(i),
        people: names.to_vec(),
        trials: Vec::new(),
        groupings: Vec::new(),
    };
    let mut sets: Vec<TrialSet> = protocol.impostors.iter().map(set).collect();
    for repeat in 0..protocol.repeats {
        let seed = protocol.seed.wrapping_add(repeat as u64);
        for fold in dealt(&people, seed, protocol.folds) {
            let background = match protocol.system {
                System::Fallback => None,
                System::Known => Some(fits.of(captures, &fold, None, options)?),
                System::OtherTexts => {
                    Some(fits.of(captures, &fold, Some(&protocol.text), options)?)
                }
            };
            let dealing = format!("{}", repeat + 1);
            judge(&judged, &fold, background, protocol, &dealing, &mut sets)?;
        }
    }
    Ok(sets)
}

impl Fits {
    /// The background of everybody but `fold`, without the captures of a text.
    fn of(
        &mut self,
        captures: &[Typed<'_>],
        fold: &[u32],
        without: Option<&str>,
        options: &TrainOptions,
    ) -> Result<&Background, BehaviorError> {
        let mut left_out = fold.to_vec();
        left_out.sort_unstable();
        match self.0.entry((left_out, without.map(str::to_owned))) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let trains = |t: &&Typed<'_>| {
                    let own_text = without.is_some() && t.2.text_id.as_deref() == without;
                    !fold.contains(&t.0) && !own_text
                };
                let training: Vec<Typed<'_>> = captures.iter().filter(trains).copied().collect();
                Ok(place.insert(Background::train(&training, options)?))
            }
        }
    }
}

/// The typings of one person as samples.
struct Enrollee<'c> {
    person: u32,
    typings: Vec<(u32, &'c str, Sample)>,
}

impl<'c> Enrollee<'c> {
    fn of(judged: &[Typed<'c>], person: u32, background: Option<&Background>) -> Self {
        let own = judged.iter().filter(|t| t.0 == person);
        // What is no clean typing of the text cannot be compared and is left out, as an application would ask again.
        let typings = own.filter_map(|(_, session, capture)| {
            let sample = extract(capture, background).ok()?;
            Some((*session, capture.capture.as_str(), sample))
        });
        let mut typings: Vec<_> = typings.collect();
        let shape = |s: &Sample| (s.units, s.dim, s.text.clone());
        let mut counts = BTreeMap::new();
        for (_, _, sample) in &typings {
            *counts.entry(shape(sample)).or_insert(0) += 1;
        }
        let usual = counts.into_iter().max_by_key(|(_, n)| *n).map(|(s, _)| s);
        typings.retain(|(_, _, s)| Some(shape(s)) == usual);
        Self { person, typings }
    }

    fn range(&self, [from, to]: [usize; 2]) -> &[(u32, &'c str, Sample)] {
        let n = self.typings.len();
        self.typings.get(from.min(n)..to.clamp(from.min(n), n)).unwrap_or_default()
    }

    fn tested(&self, protocol: &Protocol) -> &[(u32, &'c str, Sample)] {
        if let Some(range) = protocol.tested {
            return self.range(range);
        }
        let last = protocol.enrolled.checked_sub(1).and_then(|i| self.typings.get(i)).map(|t| t.0);
        let n = self.typings.len();
        let after = (protocol.enrolled..n).find(|i| self.typings.get(*i).map(|t| t.0) != last);
        self.range([after.unwrap_or(protocol.enrolled), n])
    }

    fn impostor(&self, impostors: &Impostors) -> &[(u32, &'c str, Sample)] {
        let start = seven_eighths(self.typings.len());
        self.range(impostors.typings.unwrap_or([start, start + FIRST]))
    }
}

fn judge(
    judged: &[Typed<'_>],
    fold: &[u32],
    background: Option<&Background>,
    protocol: &Protocol,
    dealing: &str,
    sets: &mut [TrialSet],
) -> Result<(), BehaviorError> {
    let people: Vec<Enrollee<'_>> =
        fold.iter().map(|p| Enrollee::of(judged, *p, background)).collect();
    let mut scratch = Scratch::default();
    for target in &people {
        let enrolled = target.range([0, protocol.enrolled]);
        if enrolled.len() < protocol.enrolled {
            continue;
        }
        let samples: Vec<Sample> = enrolled.iter().map(|(_, _, s)| s.clone()).collect();
        let template = Template::new(&samples, background)?;
        let holding = Holding::of(&samples).filter(|_| protocol.motion_weight > 0.0);
        let shape = samples.first().map(|s| (s.units, s.dim));
        for (set, impostors) in sets.iter_mut().zip(&protocol.impostors) {
            for probe in &people {
                let own = probe.person == target.person;
                let typings = if own { target.tested(protocol) } else { probe.impostor(impostors) };
                let alike = typings.iter().filter(|t| Some((t.2.units, t.2.dim)) == shape);
                let alike: Vec<&(u32, &str, Sample)> = alike.collect();
                for window in alike.chunks_exact(protocol.window.max(1)) {
                    let Some((_, capture, _)) = window.first() else { continue };
                    let samples: Vec<Sample> = window.iter().map(|t| t.2.clone()).collect();
                    let mut evidence = template.score_with(&samples, &mut scratch)?;
                    if let (Some(own), Some(seen)) = (holding, Holding::of(&samples)) {
                        own.add(&seen, protocol.motion_weight, &mut evidence);
                    }
                    let name = format!("{dealing}/{capture}");
                    set.trials.push(ScoredTrial::new(target.person, probe.person, name, &evidence));
                }
            }
        }
    }
    Ok(())
}
