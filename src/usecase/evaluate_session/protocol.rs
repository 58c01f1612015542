//! The protocol of `vouch evaluate session`: a file, so that a run can be repeated to the digit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{Amount, FactorName, IntentId, LicenseClass, Modality};
use crate::usecase::evaluate_session::EvaluateSessionError;

/// The protocol that ships.
pub const PROTOCOL: &str = include_str!("../../../models/protocols/session.toml");

/// Layout of protocol files.
const LAYOUT: u32 = 1;
/// Most families.
const MAX_FAMILIES: usize = 1_000;
/// Most people of a family.
const MAX_FAMILY: usize = 100;
/// Most sessions of a kind for each person.
const MAX_SESSIONS: usize = 1_000;

/// A protocol file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtocolFile {
    /// Of the file's layout: 1.
    pub version: u32,
    /// Of everything that is drawn.
    pub seed: u64,
    /// Families of chimeric people. A fusion is fitted on the first, third, … and judged on the second, fourth, ….
    pub families: usize,
    /// People of a family.
    pub family: usize,
    /// Sessions of each person with their own probes.
    pub genuine: usize,
    /// Sessions of others of the family under each person's name.
    pub impostor: usize,
    /// Replicates of the bootstrap over chimeric people.
    pub replicates: usize,
    /// What is fused.
    #[serde(rename = "modality")]
    pub modalities: Vec<ModalityPart>,
    /// How the fusion is fitted.
    pub fit: FitPart,
    /// Decisions that are counted.
    pub shares: SharesPart,
    /// Protocols of evaluations whose results are made where they are missing, by name of the kind.
    #[serde(default)]
    pub parts: BTreeMap<String, toml::Table>,
}

/// One modality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModalityPart {
    /// Which.
    pub modality: Modality,
    /// Probability with which a session of somebody who has it holds it.
    pub present: f64,
    /// Files of scores, relative to the results of the parts; people are taken from the first on.
    pub scores: Vec<String>,
    /// Those for the families that a fusion is fitted on, where nothing may be fitted on the others. Absent: the people of
    /// `scores` are dealt to both.
    #[serde(default)]
    pub fit_scores: Option<Vec<String>>,
}

/// How the fusion is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitPart {
    /// Penalty that draws weights to 1 and offsets to 0.
    pub ridge: f64,
    /// Prior at which the cost is least.
    pub prior: f64,
    /// Terms of the data behind the scores; those of the narrowest.
    pub license: LicenseClass,
    /// Weights over this are cut to it. Chimeric people cannot show that modalities depend on each other, so over 1, which
    /// is independence, nothing is taken for granted.
    pub most_weight: f64,
}

/// Decisions that are counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharesPart {
    /// Name of a shipped policy.
    pub policy: String,
    /// What is asked.
    #[serde(rename = "ask")]
    pub asks: Vec<Ask>,
    /// What else is known.
    #[serde(rename = "scenario")]
    pub scenarios: Vec<Scenario>,
}

/// What somebody wants to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Intent of the policy.
    pub intent: IntentId,
    /// The sum at stake.
    #[serde(default)]
    pub amount: Option<Amount>,
}

impl Ask {
    /// As tables name it.
    pub fn name(&self) -> String {
        match &self.amount {
            Some(sum) => format!("{} {:.0} {}", self.intent, sum.value(), sum.currency()),
            None => self.intent.to_string(),
        }
    }
}

/// What is known besides the evidence; the same for genuine and impostor sessions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// As tables name it.
    pub name: String,
    /// Whether there is evidence at all.
    #[serde(default = "yes")]
    pub evidence: bool,
    /// Input was checked for attacks and none was found.
    #[serde(default)]
    pub checked: bool,
    /// Other factors passed.
    #[serde(default)]
    pub factors: Vec<FactorName>,
}

fn yes() -> bool {
    true
}

impl ProtocolFile {
    /// Reads and checks a protocol.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, EvaluateSessionError> {
        let file: Self =
            toml::from_str(text).map_err(|e| EvaluateSessionError::Protocol(e.to_string()))?;
        file.check()?;
        Ok(file)
    }

    fn check(&self) -> Result<(), EvaluateSessionError> {
        let bad = |why: String| Err(EvaluateSessionError::Protocol(why));
        if self.version != LAYOUT {
            return bad(format!("version {LAYOUT} is read, got {}", self.version));
        }
        for (what, got, low, high) in [
            ("families", self.families, 2, MAX_FAMILIES),
            ("family", self.family, 2, MAX_FAMILY),
            ("genuine", self.genuine, 1, MAX_SESSIONS),
            ("impostor", self.impostor, 1, MAX_SESSIONS),
        ] {
            if !(low..=high).contains(&got) {
                return bad(format!("{what} must be {low} to {high}, got {got}"));
            }
        }
        for (i, part) in self.modalities.iter().enumerate() {
            let name = part.modality.as_str();
            if self.modalities[..i].iter().any(|other| other.modality == part.modality) {
                return bad(format!("{name} is listed twice"));
            }
            if !(part.present > 0.0 && part.present <= 1.0) {
                return bad(format!("{name}: present must be over 0 and at most 1"));
            }
        }
        if !(self.fit.most_weight > 0.0 && self.fit.most_weight <= 3.0) {
            return bad("most_weight must be over 0 and at most 3".to_owned());
        }
        if self.modalities.len() < 2 {
            return bad("a fusion needs two modalities".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_protocol_can_be_read() {
        let file = ProtocolFile::parse(PROTOCOL).unwrap();
        assert_eq!(file.modalities.len(), Modality::ALL.len());
        let again = ProtocolFile::parse(&toml::to_string(&file).unwrap()).unwrap();
        assert_eq!(again, file);
    }

    #[test]
    fn broken_protocols_are_refused_with_their_reason() {
        for (from, to, why) in [
            ("version = 1", "version = 2", "version 1 is read"),
            ("most_weight = 1.0", "most_weight = 0.0", "most_weight"),
            ("family = 12", "family = 1", "family"),
            ("present = 0.8", "present = 1.8", "voice"),
            ("modality = \"touch\"", "modality = \"voice\"", "twice"),
            ("seed = 1", "sead = 1", "sead"),
        ] {
            let error = ProtocolFile::parse(&PROTOCOL.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().contains(why), "{why}: {error}");
        }
    }
}
