//! `vouch evaluate keystroke`: fixed texts and free text.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::behavior::datasets::{aalto, cmu_dsl, meu_mobile, sapientia};
use crate::behavior::keystroke::{fixed, free};
use crate::behavior::trial::{Grouping, ScoredTrial, TrialSet};
use crate::behavior::{BehaviorError, Capture, Device};
use crate::usecase::evaluate_behavior::{DEVICE, EvaluateBehaviorError, SESSION};

/// The protocol that ships.
pub const PROTOCOL: &str = include_str!("../../../models/protocols/keystroke.toml");

/// What the data do not say.
const UNKNOWN: &str = "unknown";

/// A data set whose reader is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataSet {
    /// Killourhy and Maxion, DSN 2009.
    CmuDsl,
    /// Antal et al.: three passwords on tablets.
    Sapientia,
    /// Al-Obaidi and Al-Jarrah: a password on one tablet model.
    MeuMobile,
    /// Dhakal et al., CHI 2018: sentences on desktops.
    Aalto,
}

impl DataSet {
    /// Name of its file.
    pub fn file(self) -> &'static str {
        match self {
            Self::CmuDsl => "cmu_dsl.csv.gz",
            Self::Sapientia => "sapientia_tablet_keys.csv.gz",
            Self::MeuMobile => "meu_mobile.csv.gz",
            Self::Aalto => "aalto_desktop_freetext.csv.gz",
        }
    }

    fn captures(self, csv: &str) -> Result<Vec<Capture>, BehaviorError> {
        match self {
            Self::CmuDsl => cmu_dsl::captures(csv.as_bytes()),
            Self::Sapientia => sapientia::captures(csv.as_bytes()),
            Self::MeuMobile => meu_mobile::captures(csv.as_bytes()),
            Self::Aalto => aalto::captures(csv.as_bytes()),
        }
    }
}

/// A protocol file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtocolFile {
    /// Of the file's layout: 1.
    pub version: u32,
    /// Fixed texts.
    #[serde(default)]
    pub fixed: Vec<FixedCase>,
    /// Free text.
    #[serde(default)]
    pub free: Vec<FreeCase>,
}

/// One case of a fixed text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FixedCase {
    /// Put before the names of its conditions where two cases share them.
    #[serde(default)]
    pub name: Option<String>,
    /// Data sets that are read; texts that are not judged only train.
    pub data: Vec<DataSet>,
    /// How it runs.
    #[serde(flatten)]
    pub protocol: fixed::Protocol,
}

/// One case of free text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FreeCase {
    /// Its name.
    pub name: String,
    /// Data set that is read.
    pub data: DataSet,
    /// How it runs.
    #[serde(flatten)]
    pub protocol: free::Protocol,
}

/// Scores every case; `read` gives the text of a data set's file.
///
/// # Errors
/// Data that cannot be read, and too few people.
pub fn run(
    read: &dyn Fn(&str) -> Result<String, EvaluateBehaviorError>,
    protocol: &ProtocolFile,
) -> Result<Vec<TrialSet>, EvaluateBehaviorError> {
    let fixed = protocol.fixed.iter().flat_map(|case| &case.data);
    let wanted = fixed.chain(protocol.free.iter().map(|case| &case.data));
    let mut data: BTreeMap<DataSet, Vec<Capture>> = BTreeMap::new();
    for set in wanted {
        if !data.contains_key(set) {
            data.insert(*set, set.captures(&read(set.file())?)?);
        }
    }
    let mut sets = Vec::new();
    // Cases over the same data share backgrounds.
    for alike in protocol.fixed.chunk_by(|a, b| a.data == b.data) {
        sets.extend(run_fixed(&data, alike)?);
    }
    sets.extend(run_free(&data, &protocol.free)?);
    Ok(sets)
}

/// Cases whose backgrounds are the same are run together: a fit takes longer than all comparisons.
fn run_free(
    data: &BTreeMap<DataSet, Vec<Capture>>,
    cases: &[FreeCase],
) -> Result<Vec<TrialSet>, EvaluateBehaviorError> {
    let fit = |case: &FreeCase| {
        let p = &case.protocol;
        (case.data, p.seed, p.folds, p.background, p.resolution_ms.to_bits())
    };
    let mut sets = Vec::new();
    for alike in cases.chunk_by(|a, b| fit(a) == fit(b)) {
        let captures = alike.first().and_then(|case| data.get(&case.data)).cloned();
        let people = free::protocol::people(captures.unwrap_or_default());
        let protocols: Vec<free::Protocol> = alike.iter().map(|case| case.protocol).collect();
        let scored = free::protocol::run_alike(&people, &protocols)?;
        let captures = people.iter().zip(0..).flat_map(|(person, number)| {
            person.captures.iter().map(move |capture| (number, capture))
        });
        let facts = Facts::of(captures);
        sets.extend(alike.iter().zip(scored).map(|(case, set)| {
            let groupings = facts.groupings(&set);
            TrialSet { name: case.name.clone(), groupings, ..set }
        }));
    }
    Ok(sets)
}

/// Device and sitting of each person's captures, by id.
struct Facts<'c>(HashMap<(u32, &'c str), (Device, &'c str)>);

impl<'c> Facts<'c> {
    fn of(captures: impl Iterator<Item = (u32, &'c Capture)>) -> Self {
        let fact = |(person, c): (u32, &'c Capture)| {
            let session = c.session.as_deref().unwrap_or(UNKNOWN);
            ((person, c.capture.as_str()), (c.device, session))
        };
        Self(captures.map(fact).collect())
    }

    /// The groups of trials by their probes.
    fn groupings(&self, set: &TrialSet) -> Vec<Grouping> {
        let of = |t: &ScoredTrial| {
            // A dealing may stand before the id.
            let id = t.capture.split_once('/').map_or(t.capture.as_str(), |(_, id)| id);
            let known = self.0.get(&(t.probe, id)).or_else(|| self.0.get(&(t.probe, &t.capture)));
            known.copied()
        };
        let device = |t| of(t).map_or(UNKNOWN, |(device, _)| device.as_str()).to_owned();
        let session = |t| of(t).map_or(UNKNOWN, |(_, session)| session).to_owned();
        vec![
            Grouping::new(DEVICE, set.trials.iter().map(device)),
            Grouping::new(SESSION, set.trials.iter().map(session)),
        ]
    }
}

fn run_fixed(
    data: &BTreeMap<DataSet, Vec<Capture>>,
    cases: &[FixedCase],
) -> Result<Vec<TrialSet>, EvaluateBehaviorError> {
    let mut names = Vec::new();
    let mut typed = Vec::new();
    for set in cases.first().map(|case| case.data.as_slice()).unwrap_or_default() {
        let captures = data.get(set).map(Vec::as_slice).unwrap_or_default();
        typed.extend(numbered(captures, &mut names));
    }
    let options = fixed::TrainOptions::default();
    let facts = Facts::of(typed.iter().map(|(person, _, capture)| (*person, *capture)));
    let mut fits = fixed::Fits::default();
    let mut all = Vec::new();
    for case in cases {
        let mut sets = fixed::run(&typed, &names, &case.protocol, &options, &mut fits)?;
        sets.iter_mut().for_each(|set| set.groupings = facts.groupings(set));
        if let Some(name) = &case.name {
            sets.iter_mut().for_each(|set| set.name = format!("{name}: {}", set.name));
        }
        all.extend(sets);
    }
    Ok(all)
}

/// Numbers the people of a data set, and each one's sittings; `names` are those of all people so far.
pub fn numbered<'c>(
    captures: &'c [Capture],
    names: &mut Vec<String>,
) -> Vec<(u32, u32, &'c Capture)> {
    let mut people: BTreeMap<&str, (u32, Vec<&str>)> = BTreeMap::new();
    let number = |capture: &'c Capture| {
        let (person, sittings) = people.entry(&capture.subject).or_insert_with(|| {
            names.push(capture.subject.clone());
            (names.len() as u32 - 1, Vec::new())
        });
        let sitting = capture.session.as_deref().unwrap_or_default();
        let place = sittings.iter().position(|s| *s == sitting).unwrap_or_else(|| {
            sittings.push(sitting);
            sittings.len() - 1
        });
        (*person, place as u32, capture)
    };
    captures.iter().map(number).collect()
}
