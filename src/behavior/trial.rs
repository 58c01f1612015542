//! Scored comparisons of an evaluation.

use std::collections::BTreeMap;

use crate::behavior::{BehaviorError, Evidence};

/// One comparison of a profile with a probe, with its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredTrial {
    /// Number of the enrolled person.
    pub enrolled: u32,
    /// Number of the person who made the probe.
    pub probe: u32,
    /// Which of that person's probes: the capture's id, or the first one's of a window. `DEALING/ID` where people are
    /// dealt several times, each time with a background of its own.
    pub capture: String,
    /// Raw score.
    pub raw: f64,
    /// Calibrated.
    pub llr: f64,
    /// Whether anything could be compared. A trial without evidence counts with scores of 0, which leave it as likely as
    /// before: without it the figures would be of easier trials than there were.
    pub compared: bool,
}

impl ScoredTrial {
    /// From what a comparison said.
    pub fn new(enrolled: u32, probe: u32, capture: impl Into<String>, evidence: &Evidence) -> Self {
        let (raw, llr) = (evidence.raw.0, evidence.llr.0);
        Self { enrolled, probe, capture: capture.into(), raw, llr, compared: true }
    }

    /// From the answer of a template whose raw scores are neutral at 0: a probe that holds too little is a trial without evidence.
    ///
    /// # Errors
    /// Any other error of the comparison.
    pub fn answered(
        enrolled: u32,
        probe: u32,
        capture: impl Into<String>,
        answer: Result<Evidence, BehaviorError>,
    ) -> Result<Self, BehaviorError> {
        match answer {
            Ok(evidence) => Ok(Self::new(enrolled, probe, capture, &evidence)),
            Err(BehaviorError::TooFew { .. }) => {
                let capture = capture.into();
                Ok(Self { enrolled, probe, capture, raw: 0.0, llr: 0.0, compared: false })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether both sides are one person.
    pub fn target(&self) -> bool {
        self.enrolled == self.probe
    }
}

/// The comparisons of one condition of a protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialSet {
    /// Condition, e.g. `practiced impostors`.
    pub name: String,
    /// Names of people; trials count them from 0.
    pub people: Vec<String>,
    /// The comparisons.
    pub trials: Vec<ScoredTrial>,
    /// How they fall into groups, as far as the data say; empty as they come from a protocol.
    pub groupings: Vec<Grouping>,
}

/// The groups that the trials of a set fall into by one fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// The fact: `device`, `session`.
    pub by: &'static str,
    /// Groups.
    pub names: Vec<String>,
    /// For each trial, which of them.
    of: Vec<u32>,
}

impl Grouping {
    /// From the group of each trial.
    pub fn new(by: &'static str, groups: impl Iterator<Item = String>) -> Self {
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        let of = groups.map(|name| {
            let next = numbers.len() as u32;
            *numbers.entry(name).or_insert(next)
        });
        let of: Vec<u32> = of.collect();
        let mut names = vec![String::new(); numbers.len()];
        for (name, number) in numbers {
            names[number as usize] = name;
        }
        Self { by, names, of }
    }
}

impl TrialSet {
    /// The trials of each group by a fact, by name; none where the fact is not known.
    pub fn groups(&self, by: &str) -> Vec<(String, Self)> {
        let Some(grouping) = self.groupings.iter().find(|g| g.by == by) else { return Vec::new() };
        let of = |number: u32| Self {
            name: self.name.clone(),
            people: self.people.clone(),
            trials: self
                .trials
                .iter()
                .zip(&grouping.of)
                .filter(|(_, of)| **of == number)
                .map(|(trial, _)| trial.clone())
                .collect(),
            groupings: Vec::new(),
        };
        let mut groups: Vec<(String, Self)> = grouping
            .names
            .iter()
            .zip(0..)
            .map(|(name, number)| (name.clone(), of(number)))
            .collect();
        groups.sort_by(|a, b| a.0.cmp(&b.0));
        groups
    }
}
