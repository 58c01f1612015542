//! The protocol that judges touch models. Targets and impostors of a comparison are never among the people that its
//! background, calibration included, is fitted on.

use std::collections::BTreeMap;

use crate::behavior::touch::train::TrainingSample;
use crate::behavior::touch::{Background, Template};
use crate::behavior::trial::{ScoredTrial, TrialSet};
use crate::behavior::{BehaviorError, Sample};

/// One person's strokes.
#[derive(Debug, Clone)]
pub struct Person {
    /// Whose.
    pub subject: String,
    /// Model of the device, where known.
    pub device: Option<u32>,
    /// Number of the sitting, and its strokes in order.
    pub sessions: Vec<(u32, Vec<Sample>)>,
}

/// Who is left out of a background.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveOut {
    /// For every two people with one device, a background of all others: for sets with few people.
    Pairs,
    /// People are dealt into so many folds, in turn; those of a fold are targets and impostors of each other. One fold is
    /// everybody: for a background that has seen none of them, or none at all.
    Folds(usize),
}

/// How a run goes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Protocol {
    /// Strokes of a probe: a set of trials for each.
    pub windows: Vec<usize>,
    /// Sessions that enroll, the others test; empty: the first half of each session's strokes enrolls, the rest tests.
    pub enroll_sessions: Vec<u32>,
    /// Most windows of a size that a person's session is tested with, evenly over all.
    pub max_windows: usize,
    /// Who is left out.
    pub leave_out: LeaveOut,
    /// Fits backgrounds; without them the fallback is judged.
    pub background: bool,
}

impl Protocol {
    /// Touchalytics: the first two texts and the first pictures enroll; the third text, the second pictures and what
    /// came a week later test; impostors have the same phone.
    pub fn touchalytics() -> Self {
        Self {
            windows: vec![1, 5, 11],
            enroll_sessions: vec![1, 2, 4],
            max_windows: 12,
            leave_out: LeaveOut::Pairs,
            background: true,
        }
    }

    /// How We Swipe, and other sets of one sitting.
    pub fn one_sitting() -> Self {
        Self {
            windows: vec![1, 5, 11],
            enroll_sessions: Vec::new(),
            max_windows: 12,
            leave_out: LeaveOut::Folds(5),
            background: true,
        }
    }
}

/// Runs the protocol, with backgrounds of its own or with a fixed one that must not have seen these people. A window of strokes
/// of which none is of an enrolled kind and direction is a trial without evidence.
///
/// # Errors
/// Too few people for a background, or samples that cannot be used.
pub fn run(
    people: &[Person],
    protocol: &Protocol,
    fixed: Option<&Background>,
) -> Result<Vec<TrialSet>, BehaviorError> {
    let sides: Vec<Sides> = people.iter().map(|p| Sides::of(p, protocol)).collect();
    let mut sets: Vec<TrialSet> = protocol
        .windows
        .iter()
        .map(|n| TrialSet {
            name: format!("{n} strokes"),
            people: people.iter().map(|p| p.subject.clone()).collect(),
            trials: Vec::new(),
            groupings: Vec::new(),
        })
        .collect();
    for group in groups(people, protocol) {
        let fitted = match fixed {
            None if protocol.background => Some(others(people, &group)?),
            _ => None,
        };
        let background = fixed.or(fitted.as_ref());
        for target in &group {
            let Some(own) = sides.get(*target).filter(|s| !s.enroll.is_empty()) else { continue };
            let template = Template::new(&own.enroll, background)?;
            for probe in &group {
                if people[*probe].device != people[*target].device {
                    continue;
                }
                for (set, windows) in sets.iter_mut().zip(&sides[*probe].windows) {
                    for (name, window) in windows {
                        let name = format!("{name}-{}", group_name(people, &group));
                        let (a, b) = (*target as u32, *probe as u32);
                        let trial = ScoredTrial::answered(a, b, name, template.score(window))?;
                        set.trials.push(trial);
                    }
                }
            }
        }
    }
    Ok(sets)
}

fn group_name(people: &[Person], group: &[usize]) -> String {
    match group {
        [a, b] => format!("without-{}-{}", people[*a].subject, people[*b].subject),
        _ => format!("fold-of-{}", group.first().map_or("nobody", |i| &people[*i].subject)),
    }
}

/// People who are left out together.
fn groups(people: &[Person], protocol: &Protocol) -> Vec<Vec<usize>> {
    match protocol.leave_out {
        LeaveOut::Pairs => {
            let mut pairs = Vec::new();
            for a in 0..people.len() {
                let same = |b: &usize| people[*b].device == people[a].device;
                pairs.extend((a + 1..people.len()).filter(same).map(|b| vec![a, b]));
            }
            pairs
        }
        LeaveOut::Folds(folds) => {
            let folds = folds.max(1);
            (0..folds).map(|f| (f..people.len()).step_by(folds).collect()).collect()
        }
    }
}

fn others(people: &[Person], left_out: &[usize]) -> Result<Background, BehaviorError> {
    let mut samples = Vec::new();
    for (i, person) in people.iter().enumerate().filter(|(i, _)| !left_out.contains(i)) {
        for (session, own) in &person.sessions {
            samples.extend(own.iter().map(|sample| TrainingSample {
                person: i as u32,
                session: *session,
                device: person.device,
                sample,
            }));
        }
    }
    Background::train(&samples)
}

/// What a person enrolls and is tested with.
struct Sides {
    enroll: Vec<Sample>,
    /// By size, each with a name.
    windows: Vec<Vec<(String, Vec<Sample>)>>,
}

impl Sides {
    fn of(person: &Person, protocol: &Protocol) -> Self {
        let mut enroll = Vec::new();
        let mut test: BTreeMap<u32, &[Sample]> = BTreeMap::new();
        for (session, strokes) in &person.sessions {
            if protocol.enroll_sessions.is_empty() {
                let (a, b) = strokes.split_at(strokes.len() / 2);
                enroll.extend_from_slice(a);
                test.insert(*session, b);
            } else if protocol.enroll_sessions.contains(session) {
                enroll.extend_from_slice(strokes);
            } else {
                test.insert(*session, strokes);
            }
        }
        let windows = protocol.windows.iter().map(|size| {
            let mut all = Vec::new();
            for (session, strokes) in &test {
                let chunks: Vec<&[Sample]> = strokes.chunks_exact((*size).max(1)).collect();
                let count = chunks.len().min(protocol.max_windows);
                for i in 0..count {
                    let at = i * chunks.len() / count;
                    all.push((format!("session-{session}-{}", at + 1), chunks[at].to_vec()));
                }
            }
            all
        });
        Self { windows: windows.collect(), enroll }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(subject: &str, device: u32) -> Person {
        Person { subject: subject.to_owned(), device: Some(device), sessions: Vec::new() }
    }

    #[test]
    fn pairs_share_a_device_and_folds_hold_everybody_once() {
        let people: Vec<Person> =
            [("a", 1), ("b", 2), ("c", 1), ("d", 1)].map(|(s, d)| person(s, d)).into();
        let pairs = groups(&people, &Protocol::touchalytics());
        assert_eq!(pairs, [vec![0, 2], vec![0, 3], vec![2, 3]]);
        let mut dealt: Vec<usize> =
            groups(&people, &Protocol::one_sitting()).into_iter().flatten().collect();
        dealt.sort_unstable();
        assert_eq!(dealt, [0, 1, 2, 3]);
    }
}
