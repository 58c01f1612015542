//! The protocol that judges free text: people are dealt into folds; those of a fold are targets and impostors of
//! each other, and the background is fitted on everybody else. A person's first captures are enrolled, the later
//! ones tested one by one, cut to their first keys.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::behavior::keystroke::free::keyboard::{hidden, slot};
use crate::behavior::keystroke::free::press::{RESOLUTION_MS, Sight};
use crate::behavior::keystroke::free::{Background, Template, extract};
use crate::behavior::trial::{ScoredTrial, TrialSet};
use crate::behavior::{BehaviorError, Capture, Events, Key, Sample};

/// How a run goes.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Protocol {
    /// Of the dealing.
    pub seed: u64,
    /// Folds, at least 2.
    pub folds: usize,
    /// First captures of a person that are enrolled.
    pub enrolled: usize,
    /// First keys of a tested capture that are used; all without it.
    pub probe_keys: Option<usize>,
    /// Tested captures of each impostor against each target.
    pub impostor_captures: usize,
    /// Fits a background on the others; without it the fallback is judged.
    pub background: bool,
    /// Grid of times that the background is fitted with, ms.
    pub resolution_ms: f64,
    /// What the client shows of its keys: their names, their classes, or hashed codes.
    pub shown: Sight,
}

impl Default for Protocol {
    /// Five sentences enrolled, sentences of at most 50 keys tested, five folds.
    fn default() -> Self {
        Self {
            seed: 1,
            folds: 5,
            enrolled: 5,
            probe_keys: Some(50),
            impostor_captures: 1,
            background: true,
            resolution_ms: RESOLUTION_MS,
            shown: Sight::Named,
        }
    }
}

/// One person's captures, in order of time.
#[derive(Debug, Clone)]
pub struct Person {
    /// Whose.
    pub subject: String,
    /// The captures.
    pub captures: Vec<Capture>,
}

/// Groups captures by subject, in order of first appearance.
pub fn people(captures: Vec<Capture>) -> Vec<Person> {
    let mut at: std::collections::HashMap<String, usize> = Default::default();
    let mut people: Vec<Person> = Vec::new();
    for capture in captures {
        let next = people.len();
        let place = *at.entry(capture.subject.clone()).or_insert(next);
        if place == next {
            people.push(Person { subject: capture.subject.clone(), captures: Vec::new() });
        }
        if let Some(person) = people.get_mut(place) {
            person.captures.push(capture);
        }
    }
    people
}

impl Protocol {
    /// Deals `count` people into folds.
    pub fn dealt(&self, count: usize) -> Vec<Vec<usize>> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut order: Vec<usize> = (0..count).collect();
        for i in (1..count).rev() {
            order.swap(i, rng.random_range(0..=i));
        }
        let folds = self.folds.max(2);
        (0..folds).map(|f| order.iter().skip(f).step_by(folds).copied().collect()).collect()
    }

    fn set(&self, people: &[Person], trials: Vec<ScoredTrial>) -> TrialSet {
        let keys = self.probe_keys.map_or("all".to_owned(), |n| n.to_string());
        let name = format!("{} enrolled, {keys} keys tested", self.enrolled);
        let people = people.iter().map(|p| p.subject.clone()).collect();
        TrialSet { name, people, trials, groupings: Vec::new() }
    }

    fn cut(&self, capture: &Capture, keys: Option<usize>) -> Capture {
        let mut capture = capture.clone();
        if let Events::Keystroke(events) = &mut capture.events {
            events.truncate(keys.unwrap_or(usize::MAX));
            for event in events {
                event.key = match self.shown {
                    Sight::Named => event.key,
                    Sight::Classes => hidden(event.key),
                    Sight::Timing => Key::parse(&format!("h:{}", slot(event.key))),
                };
            }
        }
        capture
    }
}

/// Runs a protocol. Captures with too few keys are passed over; a person without enough of them is no target.
///
/// # Errors
/// A background that cannot be fitted.
pub fn run(people: &[Person], protocol: &Protocol) -> Result<TrialSet, BehaviorError> {
    let mut trials = Vec::new();
    for fold in protocol.dealt(people.len()) {
        trials
            .extend(run_fold(people, &fold, std::slice::from_ref(protocol))?.into_iter().flatten());
    }
    Ok(protocol.set(people, trials))
}

/// Runs protocols that deal and fit alike, with one fit a fold for all of them: the first one's.
///
/// # Errors
/// As [`run`].
pub fn run_alike(
    people: &[Person],
    protocols: &[Protocol],
) -> Result<Vec<TrialSet>, BehaviorError> {
    let Some(first) = protocols.first() else { return Ok(Vec::new()) };
    let mut trials = vec![Vec::new(); protocols.len()];
    for fold in first.dealt(people.len()) {
        let scored = run_fold(people, &fold, protocols)?;
        trials.iter_mut().zip(scored).for_each(|(all, fold)| all.extend(fold));
    }
    Ok(protocols.iter().zip(trials).map(|(p, trials)| p.set(people, trials)).collect())
}

/// The comparisons of one fold of [`Protocol::dealt`], for each of protocols that fit alike.
///
/// # Errors
/// As [`run`].
pub fn run_fold(
    people: &[Person],
    fold: &[usize],
    protocols: &[Protocol],
) -> Result<Vec<Vec<ScoredTrial>>, BehaviorError> {
    let Some(first) = protocols.first() else { return Ok(Vec::new()) };
    let background =
        if first.background { Some(background_of_others(people, fold, first)?) } else { None };
    protocols.iter().map(|p| score_fold(people, fold, background.as_ref(), p)).collect()
}

/// Fits a background on everybody outside the fold.
///
/// # Errors
/// Too few people.
pub fn background_of_others(
    people: &[Person],
    fold: &[usize],
    protocol: &Protocol,
) -> Result<Background, BehaviorError> {
    let mut inside = vec![false; people.len()];
    fold.iter().filter_map(|i| inside.get_mut(*i).map(|x| *x = true)).for_each(drop);
    let captures: Vec<(u32, u32, &Capture)> = people
        .iter()
        .enumerate()
        .filter(|(i, _)| inside.get(*i) == Some(&false))
        .flat_map(|(i, p)| p.captures.iter().map(move |c| (i as u32, 0, c)))
        .collect();
    Background::train_at(&captures, protocol.resolution_ms)
}

/// Scores every target of a fold against its own probes and those of everybody else there.
///
/// # Errors
/// Samples that cannot be compared, which [`extract`] does not make.
pub fn score_fold(
    people: &[Person],
    fold: &[usize],
    background: Option<&Background>,
    protocol: &Protocol,
) -> Result<Vec<ScoredTrial>, BehaviorError> {
    let persons: Vec<(u32, &Person)> =
        fold.iter().filter_map(|i| people.get(*i).map(|p| (*i as u32, p))).collect();
    let sample = |capture: &Capture, keys| extract(&protocol.cut(capture, keys), background).ok();
    let mut probes: Vec<(u32, Vec<(&str, Sample)>)> = Vec::new();
    for (who, person) in &persons {
        let tested = person.captures.iter().skip(protocol.enrolled);
        let own = tested
            .filter_map(|c| Some((c.capture.as_str(), sample(c, protocol.probe_keys)?)))
            .collect();
        probes.push((*who, own));
    }
    let mut trials = Vec::new();
    for (target, person) in &persons {
        let enrolled: Vec<Sample> = person
            .captures
            .iter()
            .take(protocol.enrolled)
            .filter_map(|c| sample(c, None))
            .collect();
        if enrolled.len() < protocol.enrolled {
            continue;
        }
        let template = Template::new(&enrolled, background)?;
        for (who, own) in &probes {
            let most = if who == target { usize::MAX } else { protocol.impostor_captures };
            for (capture, probe) in own.iter().take(most) {
                let answer = template.score(std::slice::from_ref(probe));
                trials.push(ScoredTrial::answered(*target, *who, *capture, answer)?);
            }
        }
    }
    Ok(trials)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_dealt_once_and_the_same_way_again() {
        let protocol = Protocol::default();
        let folds = protocol.dealt(988);
        let mut all: Vec<usize> = folds.iter().flatten().copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..988).collect::<Vec<_>>());
        assert_eq!(folds, protocol.dealt(988));
        assert_ne!(folds, Protocol { seed: 2, ..protocol }.dealt(988));
    }
}
