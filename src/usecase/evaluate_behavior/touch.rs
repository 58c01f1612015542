//! `vouch evaluate touch`: strokes of reading and comparing, and gestures of words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::behavior::builtin;
use crate::behavior::datasets::{how_we_swipe, mobile_banking, touchalytics};
use crate::behavior::touch::{self, Person, Protocol};
use crate::behavior::trial::{Grouping, ScoredTrial, TrialSet};
use crate::behavior::{BehaviorError, Capture, Sample};
use crate::usecase::evaluate_behavior::keystroke::numbered;
use crate::usecase::evaluate_behavior::{DEVICE, EvaluateBehaviorError, SESSION};

/// The protocol that ships.
pub const PROTOCOL: &str = include_str!("../../../models/protocols/touch.toml");

/// A data set whose reader is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataSet {
    /// Frank et al., IEEE TIFS 2013.
    Touchalytics,
    /// Leiva et al., MobileHCI 2021: gestures of words.
    HowWeSwipe,
    /// Swipes in a banking app; nothing is fitted on them.
    MobileBanking,
}

/// A protocol file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtocolFile {
    /// Of the file's layout: 1.
    pub version: u32,
    /// What is measured.
    #[serde(rename = "case")]
    pub cases: Vec<Case>,
}

/// One data set and how it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Put before the names of its conditions.
    pub name: String,
    /// Data set that is read.
    pub data: DataSet,
    /// The background is the one that ships: only for sets it was not fitted on.
    #[serde(default)]
    pub shipped: bool,
    /// How it runs.
    #[serde(flatten)]
    pub protocol: Protocol,
}

/// Scores every case; `read` gives the text of a data set's file.
///
/// # Errors
/// Data that cannot be read, and too few people.
pub fn run(
    read: &dyn Fn(&str) -> Result<String, EvaluateBehaviorError>,
    protocol: &ProtocolFile,
) -> Result<Vec<TrialSet>, EvaluateBehaviorError> {
    let shipped = builtin::all()?.touch;
    let mut sets = Vec::new();
    for case in &protocol.cases {
        let people = people(case.data, read)?;
        let fixed = shipped.as_ref().filter(|_| case.shipped);
        for set in touch::run(&people, &case.protocol, fixed)? {
            let name = format!("{}, {}", case.name, set.name);
            sets.push(TrialSet { name, groupings: groupings(&people, &set), ..set });
        }
    }
    Ok(sets)
}

/// By the device of the person enrolled, and by the sitting that names a probe (`session-7-1-…`).
fn groupings(people: &[Person], set: &TrialSet) -> Vec<Grouping> {
    let device = |t: &ScoredTrial| {
        let person = people.get(t.enrolled as usize);
        let sample = person.and_then(|p| p.sessions.first()?.1.first());
        let class = sample.map_or("unknown", |s| s.device.as_str());
        match person.and_then(|p| p.device) {
            Some(model) => format!("{class} model {model}"),
            None => class.to_owned(),
        }
    };
    let session = |t: &ScoredTrial| t.capture.split('-').nth(1).unwrap_or("unknown").to_owned();
    vec![
        Grouping::new(DEVICE, set.trials.iter().map(device)),
        Grouping::new(SESSION, set.trials.iter().map(session)),
    ]
}

fn people(
    set: DataSet,
    read: &dyn Fn(&str) -> Result<String, EvaluateBehaviorError>,
) -> Result<Vec<Person>, EvaluateBehaviorError> {
    match set {
        DataSet::Touchalytics => {
            let strokes = touchalytics::strokes(&read("touchalytics_features.csv.gz")?)?;
            let rows =
                strokes.into_iter().map(|s| (s.subject, Some(s.phone), s.document, s.sample));
            Ok(grouped(rows))
        }
        DataSet::HowWeSwipe => {
            of_captures(&how_we_swipe::captures(&read("how_we_swipe_raw.csv.gz")?)?)
        }
        DataSet::MobileBanking => {
            of_captures(&mobile_banking::swipes(&read("mobile_banking_touch_raw.csv.gz")?)?)
        }
    }
}

fn of_captures(captures: &[Capture]) -> Result<Vec<Person>, EvaluateBehaviorError> {
    let mut names = Vec::new();
    let rows = numbered(captures, &mut names).into_iter().map(|(_, sitting, capture)| {
        let sample = touch::extract(capture, None)?;
        Ok((capture.subject.clone(), None, sitting, sample))
    });
    Ok(grouped(rows.collect::<Result<Vec<_>, BehaviorError>>()?.into_iter()))
}

/// People in order of their names, with the strokes of each sitting in order.
fn grouped(rows: impl Iterator<Item = (String, Option<u32>, u32, Sample)>) -> Vec<Person> {
    let mut people: BTreeMap<(String, Option<u32>), BTreeMap<u32, Vec<Sample>>> = BTreeMap::new();
    for (subject, device, sitting, sample) in rows {
        people.entry((subject, device)).or_default().entry(sitting).or_default().push(sample);
    }
    let person = |((subject, device), sessions): ((String, Option<u32>), BTreeMap<_, _>)| Person {
        subject,
        device,
        sessions: sessions.into_iter().collect(),
    };
    people.into_iter().map(person).collect()
}
