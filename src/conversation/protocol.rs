//! How well styles tell people apart, measured: profile from some days, probe from others, everybody against
//! everybody, people that no background was fitted on.

use crate::conversation::ConversationError;
use crate::conversation::background::Background;
use crate::conversation::dataset::{Author, Line};
use crate::conversation::message::Message;
use crate::conversation::profile::{Style, style_of};
use crate::conversation::train::{AuthorTexts, TrainOptions};

/// A protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextProtocol {
    /// Words of a profile, blank-separated as sent.
    pub profile_words: u32,
    /// Words of a probe.
    pub probe_words: u32,
    /// Most probes of a person.
    pub max_probes: usize,
}

impl TextProtocol {
    /// 500 words enrolled, up to five probes of the given length a person.
    pub fn new(probe_words: u32) -> Self {
        Self { profile_words: 500, probe_words, max_probes: 5 }
    }
}

/// A scored comparison. Authors are places in the list that was given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextTrial {
    /// Whose profile.
    pub profile: u32,
    /// Whose probe.
    pub probe: u32,
    /// Which of that person's probes, from 0.
    pub number: u32,
    /// Before calibration.
    pub raw: f64,
    /// Calibrated.
    pub llr: f64,
}

impl TextTrial {
    /// Same person.
    pub fn is_target(&self) -> bool {
        self.profile == self.probe
    }
}

/// What a person takes part with.
struct Part {
    author: u32,
    profile: Vec<Message>,
    probes: Vec<Vec<Message>>,
}

/// People that a shipped background was not fitted on: every third by the FNV-1a-64 hash of the id.
pub fn held_back(id: &str) -> bool {
    fnv(id).is_multiple_of(3)
}

fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// Scores a background on people it was not fitted on: that is for the caller to see to.
///
/// # Errors
/// Fewer than two people with enough text.
pub fn score(
    background: &Background,
    authors: &[(u32, &Author)],
    protocol: &TextProtocol,
) -> Result<Vec<TextTrial>, ConversationError> {
    let parts: Vec<Part> =
        authors.iter().filter_map(|(index, author)| part(*index, author, protocol)).collect();
    let profiles = parts
        .iter()
        .map(|p| Ok((p.author, style_of(background, &p.profile)?)))
        .collect::<Result<Vec<(u32, Style)>, ConversationError>>()?;
    if profiles.len() < 2 {
        let (what, needed, got) = ("people with enough text", 2, profiles.len());
        return Err(ConversationError::TooFew { what, needed, got });
    }
    let mut trials = Vec::new();
    for part in &parts {
        for (number, messages) in part.probes.iter().enumerate() {
            let probe = style_of(background, messages)?;
            for (owner, profile) in &profiles {
                let evidence = background.compare(profile, &probe)?;
                trials.push(TextTrial {
                    profile: *owner,
                    probe: part.author,
                    number: number as u32,
                    raw: evidence.raw.0,
                    llr: evidence.llr.0,
                });
            }
        }
    }
    Ok(trials)
}

/// Cross-validation: people are dealt into folds by the hash of their id; each fold is scored under a background
/// fitted on all others, calibration included. One list of trials for each protocol.
///
/// # Errors
/// What [`Background::train`] and [`score`] refuse.
pub fn cross_validate(
    authors: &[Author],
    protocols: &[TextProtocol],
    options: &TrainOptions,
    folds: u64,
) -> Result<Vec<Vec<TextTrial>>, ConversationError> {
    let texts: Vec<AuthorTexts> = authors.iter().map(texts_of).collect();
    let fold_of = |author: &Author| fnv(&author.id) / 3 % folds.max(2);
    let mut trials = vec![Vec::new(); protocols.len()];
    for fold in 0..folds.max(2) {
        let others: Vec<&AuthorTexts> = authors
            .iter()
            .zip(&texts)
            .filter(|(a, _)| fold_of(a) != fold)
            .map(|(_, t)| t)
            .collect();
        let background = Background::train(&others, options)?;
        let own: Vec<(u32, &Author)> =
            (0u32..).zip(authors).filter(|(_, a)| fold_of(a) == fold).collect();
        for (protocol, trials) in protocols.iter().zip(&mut trials) {
            trials.extend(score(&background, &own, protocol)?);
        }
    }
    Ok(trials)
}

/// The texts of an author of the chat set, for [`Background::train`].
pub fn texts_of(author: &Author) -> AuthorTexts {
    AuthorTexts::new(author.days.iter().map(|(_, lines)| lines.iter().map(|l| &l.message)))
}

/// Profile and probes of a person: whole days are gone through in the first order that leaves text for a probe;
/// the first days give the profile, and what they hold beyond it is not used.
fn part(index: u32, author: &Author, protocol: &TextProtocol) -> Option<Part> {
    let days: Vec<&[Line]> = author.days.iter().map(|(_, lines)| lines.as_slice()).collect();
    let size = |day: &&[Line]| day.iter().map(|l| l.words).sum::<u32>();
    let mut orders = vec![days.clone(), days.iter().rev().copied().collect()];
    let mut by_size = days;
    by_size.sort_by_key(|day| std::cmp::Reverse(size(day)));
    orders.push(by_size.clone());
    by_size.sort_by_key(size);
    orders.push(by_size);
    orders.into_iter().find_map(|order| split(index, &order, protocol))
}

fn split(author: u32, days: &[&[Line]], protocol: &TextProtocol) -> Option<Part> {
    let mut profile = Vec::new();
    let mut words = 0;
    let mut used = 0;
    for day in days {
        used += 1;
        for line in *day {
            if words < protocol.profile_words {
                profile.push(line.message.clone());
                words += line.words;
            }
        }
        if words >= protocol.profile_words {
            break;
        }
    }
    let mut probes = Vec::new();
    let (mut probe, mut probe_words) = (Vec::new(), 0);
    for line in days.get(used..)?.iter().flat_map(|day| day.iter()) {
        probe.push(line.message.clone());
        probe_words += line.words;
        if probe_words >= protocol.probe_words && probes.len() < protocol.max_probes {
            probes.push(std::mem::take(&mut probe));
            probe_words = 0;
        }
    }
    (words >= protocol.profile_words && !probes.is_empty()).then_some(Part {
        author,
        profile,
        probes,
    })
}
