//! The protocol that judges pointer models: people are dealt into folds; those of a fold are targets and impostors
//! of each other, and the background is fitted on everybody else.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::behavior::pointer::{Background, Template};
use crate::behavior::trial::{ScoredTrial, TrialSet};
use crate::behavior::{BehaviorError, Sample};

/// One person's samples.
#[derive(Debug, Clone)]
pub struct Person {
    /// Whose.
    pub subject: String,
    /// Enrolled from.
    pub enroll: Vec<Sample>,
    /// Tested with, of another session.
    pub test: Vec<Sample>,
}

/// How a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Protocol {
    /// Of the dealing.
    pub seed: u64,
    /// Folds of a dealing, at least 2.
    pub folds: usize,
    /// How many times people are dealt anew.
    pub repeats: usize,
    /// First actions of the test that are used; all without it.
    pub probe_actions: Option<usize>,
    /// First actions of the enrollment that are used; all without it.
    pub enrolled_actions: Option<usize>,
    /// Fits a background on the others; without it the fallback is judged.
    pub background: bool,
}

impl Default for Protocol {
    /// Six folds dealt three times: 60 of 72 people in each background.
    fn default() -> Self {
        Self {
            seed: 1,
            folds: 6,
            repeats: 3,
            probe_actions: None,
            enrolled_actions: None,
            background: true,
        }
    }
}

impl Protocol {
    /// The folds of a dealing: every index below `people` once.
    pub fn dealt(&self, people: usize, repeat: usize) -> Vec<Vec<usize>> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed.wrapping_add(repeat as u64));
        let mut order: Vec<usize> = (0..people).collect();
        for i in (1..people).rev() {
            order.swap(i, rng.random_range(0..=i));
        }
        let folds = self.folds.max(2);
        (0..folds).map(|f| order.iter().copied().skip(f).step_by(folds).collect()).collect()
    }
}

/// Runs the protocol. A trial's capture names the dealing: `dealing-1` and on.
///
/// # Errors
/// Too few people for a background, or samples that cannot be used.
pub fn run(people: &[Person], protocol: &Protocol) -> Result<TrialSet, BehaviorError> {
    let mut trials = Vec::new();
    for repeat in 0..protocol.repeats {
        for fold in protocol.dealt(people.len(), repeat) {
            let background = if protocol.background { Some(others(people, &fold)?) } else { None };
            for target in &fold {
                let enrolled = first(&people[*target].enroll, protocol.enrolled_actions);
                let template = Template::new(&enrolled, background.as_ref())?;
                for probe in &fold {
                    let test = first(&people[*probe].test, protocol.probe_actions);
                    let evidence = template.score(&test)?;
                    let (enrolled, probe) = (*target as u32, *probe as u32);
                    let capture = format!("dealing-{}", repeat + 1);
                    trials.push(ScoredTrial::new(enrolled, probe, capture, &evidence));
                }
            }
        }
    }
    let amount = |limit: Option<usize>| limit.map_or("all".to_owned(), |n| n.to_string());
    let (enrolled, tested) = (amount(protocol.enrolled_actions), amount(protocol.probe_actions));
    Ok(TrialSet {
        name: format!("{enrolled} actions enrolled, {tested} tested"),
        people: people.iter().map(|p| p.subject.clone()).collect(),
        trials,
        groupings: Vec::new(),
    })
}

/// A background of everybody outside the fold.
fn others(people: &[Person], fold: &[usize]) -> Result<Background, BehaviorError> {
    let mut samples = Vec::new();
    for (i, person) in people.iter().enumerate().filter(|(i, _)| !fold.contains(i)) {
        samples.extend(person.enroll.iter().map(|s| (i as u32, 0, s)));
        samples.extend(person.test.iter().map(|s| (i as u32, 1, s)));
    }
    Background::train(&samples)
}

/// The first `limit` actions.
fn first(samples: &[Sample], limit: Option<usize>) -> Vec<Sample> {
    let mut left = limit.unwrap_or(usize::MAX);
    let mut kept = Vec::new();
    for sample in samples {
        let take = left.min(sample.rows.len() / sample.dim.max(1));
        if take > 0 {
            let rows = sample.rows.get(..take * sample.dim).unwrap_or_default().to_vec();
            kept.push(Sample { rows, units: take as u32, ..sample.clone() });
        }
        left -= take;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_dealt_once_and_the_same_way_again() {
        let protocol = Protocol::default();
        let folds = protocol.dealt(72, 0);
        assert_eq!(folds.len(), 6);
        assert!(folds.iter().all(|f| f.len() == 12));
        let mut all: Vec<usize> = folds.iter().flatten().copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..72).collect::<Vec<_>>());
        assert_eq!(folds, protocol.dealt(72, 0));
        assert_ne!(folds, protocol.dealt(72, 1));
    }
}
