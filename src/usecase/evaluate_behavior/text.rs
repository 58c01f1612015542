//! `vouch evaluate text`: the style of chat messages.

use serde::{Deserialize, Serialize};

use crate::behavior::trial::{ScoredTrial, TrialSet};
use crate::conversation::dataset::ubuntu_irc_chat;
use crate::conversation::protocol::{TextProtocol, cross_validate};
use crate::conversation::train::TrainOptions;
use crate::domain::LicenseClass;
use crate::usecase::evaluate_behavior::EvaluateBehaviorError;

/// The protocol that ships.
pub const PROTOCOL: &str = include_str!("../../../models/protocols/text.toml");

/// A protocol file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtocolFile {
    /// Of the file's layout: 1.
    pub version: u32,
    /// Name of the data set's file.
    pub data: String,
    /// Folds of people, dealt by the hash of their ids.
    pub folds: u64,
    /// Words of a profile.
    pub profile_words: u32,
    /// Words of a probe: a condition each.
    pub probe_words: Vec<u32>,
    /// Most probes of a person.
    pub max_probes: usize,
}

/// Scores every condition on the text of the data set.
///
/// # Errors
/// Data that cannot be read, and too few people.
pub fn run(csv: &str, protocol: &ProtocolFile) -> Result<Vec<TrialSet>, EvaluateBehaviorError> {
    let authors = ubuntu_irc_chat(csv)?;
    let of_length = |probe_words: &u32| TextProtocol {
        profile_words: protocol.profile_words,
        probe_words: *probe_words,
        max_probes: protocol.max_probes,
    };
    let protocols: Vec<TextProtocol> = protocol.probe_words.iter().map(of_length).collect();
    let options = TrainOptions::new("evaluation", LicenseClass::Open, &protocol.data);
    let scored = cross_validate(&authors, &protocols, &options, protocol.folds)?;
    let people: Vec<String> = authors.iter().map(|a| a.id.clone()).collect();
    let set = |(protocol, trials): (&TextProtocol, Vec<_>)| {
        let name = format!("{} words against {}", protocol.probe_words, protocol.profile_words);
        let trial = |t: crate::conversation::protocol::TextTrial| ScoredTrial {
            enrolled: t.profile,
            probe: t.probe,
            capture: format!("probe-{}", t.number + 1),
            raw: t.raw,
            llr: t.llr,
            compared: true,
        };
        let trials = trials.into_iter().map(trial).collect();
        TrialSet { name, people: people.clone(), trials, groupings: Vec::new() }
    };
    Ok(protocols.iter().zip(scored).map(set).collect())
}
