//! `vouch evaluate pointer`: SapiMouse, enrolled in one session and tested in the other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::behavior::datasets::sapimouse;
use crate::behavior::pointer::{self, Person, Protocol};
use crate::behavior::trial::{Grouping, ScoredTrial, TrialSet};
use crate::usecase::evaluate_behavior::{DEVICE, EvaluateBehaviorError};

/// The protocol that ships.
pub const PROTOCOL: &str = include_str!("../../../models/protocols/pointer.toml");
/// Session that enrolls; the other one tests.
const ENROLLED: &str = "3min";

/// A protocol file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtocolFile {
    /// Of the file's layout: 1.
    pub version: u32,
    /// Name of the data set's file.
    pub data: String,
    /// What is measured.
    #[serde(rename = "condition")]
    pub conditions: Vec<Condition>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Its name.
    pub name: String,
    /// How it runs.
    #[serde(flatten)]
    pub protocol: Protocol,
}

/// Scores every condition of a protocol on the text of the data set.
///
/// # Errors
/// Data that cannot be read, and too few people.
pub fn run(csv: &str, protocol: &ProtocolFile) -> Result<Vec<TrialSet>, EvaluateBehaviorError> {
    let people = people(csv)?;
    let score = |condition: &Condition| {
        let scored = pointer::run(&people, &condition.protocol)?;
        let device = |t: &ScoredTrial| {
            let sample = people.get(t.enrolled as usize).and_then(|p| p.enroll.first());
            sample.map_or("unknown", |s| s.device.as_str()).to_owned()
        };
        let groupings = vec![Grouping::new(DEVICE, scored.trials.iter().map(device))];
        Ok(TrialSet { name: condition.name.clone(), groupings, ..scored })
    };
    protocol.conditions.iter().map(score).collect()
}

fn people(csv: &str) -> Result<Vec<Person>, EvaluateBehaviorError> {
    let mut people: BTreeMap<String, Person> = BTreeMap::new();
    for capture in sapimouse::captures(csv)? {
        // A capture too short for one action holds no sample.
        let Ok(sample) = pointer::extract(&capture, None) else { continue };
        let subject = capture.subject;
        let person = people.entry(subject.clone()).or_insert_with(|| Person {
            subject,
            enroll: Vec::new(),
            test: Vec::new(),
        });
        match capture.session.as_deref() {
            Some(ENROLLED) => person.enroll.push(sample),
            _ => person.test.push(sample),
        }
    }
    let complete = |p: &Person| !p.enroll.is_empty() && !p.test.is_empty();
    Ok(people.into_values().filter(complete).collect())
}
