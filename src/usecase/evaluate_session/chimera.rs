//! Chimeric people and their sessions, put together from comparisons of disjoint sets of real people.
//!
//! Modalities of one real person may depend on each other; those of a chimeric one do not. Figures of a fusion over chimeric
//! people are therefore what it reaches where errors are independent.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::domain::{Llr, Modality};
use crate::usecase::evaluate_session::EvaluateSessionError;
use crate::usecase::evaluate_session::parts::Source;
use crate::usecase::evaluate_session::protocol::ProtocolFile;

/// How often modalities of a session are drawn anew because nobody could attack by them.
const MAX_DRAWS: usize = 100;

/// One session: what each modality that it holds says about the claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// The person who is claimed.
    pub person: u32,
    /// The person who acts; the same one in a genuine session.
    pub actor: u32,
    /// Fold of both.
    pub fold: usize,
    /// Calibrated LLRs; a modality that is not listed was missing.
    pub llrs: BTreeMap<Modality, Llr>,
}

impl Session {
    /// The claim is true.
    pub fn genuine(&self) -> bool {
        self.person == self.actor
    }
}

/// Everybody's sessions.
#[derive(Debug, Clone, PartialEq)]
pub struct Chimeras {
    /// In order of people.
    pub sessions: Vec<Session>,
    /// Real people behind each modality.
    pub real: BTreeMap<Modality, usize>,
}

/// Place of a real person: number of the source, number in it.
type Place = (usize, usize);

/// A chimeric person: a real one for each modality they have.
type Person = BTreeMap<Modality, Place>;

/// Puts people together and draws their sessions.
///
/// # Errors
/// People that nobody could attack.
pub fn assemble(
    protocol: &ProtocolFile,
    sources: &BTreeMap<Modality, Vec<Source>>,
) -> Result<Chimeras, EvaluateSessionError> {
    let mut rng = ChaCha8Rng::seed_from_u64(protocol.seed);
    let count = protocol.families * protocol.family;
    let mut people: Vec<Person> = vec![Person::new(); count];
    let mut real = BTreeMap::new();
    for part in &protocol.modalities {
        let of_modality = sources.get(&part.modality).map(Vec::as_slice).unwrap_or_default();
        let places = in_line(of_modality, &mut rng);
        // Families take neighbors in line, who are compared with each other; within one the order is drawn, so that
        // it does not tell who else has what.
        for (family, taken) in
            people.chunks_mut(protocol.family).zip(places.chunks(protocol.family))
        {
            let mut seats: Vec<usize> = (0..family.len()).collect();
            shuffle(&mut seats, &mut rng);
            for (seat, place) in seats.into_iter().zip(taken) {
                family[seat].insert(part.modality, *place);
            }
        }
        real.insert(part.modality, places.len().min(count));
    }
    let draw = Draw { protocol, sources, people: &people };
    let mut sessions = Vec::new();
    for person in 0..count {
        draw.sessions_of(person, &mut rng, &mut sessions);
    }
    if sessions.is_empty() {
        return Err(EvaluateSessionError::Protocol("nobody is compared with anybody".to_owned()));
    }
    Ok(Chimeras { sessions, real })
}

/// Everybody of a modality, group by group, in drawn order within each source.
fn in_line(sources: &[Source], rng: &mut ChaCha8Rng) -> Vec<Place> {
    let mut line = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        let mut groups = source.groups();
        shuffle(&mut groups, rng);
        for mut group in groups {
            shuffle(&mut group, rng);
            line.extend(group.into_iter().map(|person| (number, person)));
        }
    }
    line
}

fn shuffle<T>(all: &mut [T], rng: &mut ChaCha8Rng) {
    for i in (1..all.len()).rev() {
        all.swap(i, rng.random_range(0..=i));
    }
}

struct Draw<'a> {
    protocol: &'a ProtocolFile,
    sources: &'a BTreeMap<Modality, Vec<Source>>,
    people: &'a [Person],
}

impl Draw<'_> {
    /// Genuine and impostor sessions of a person hold a set of modalities with the same probability, so that it says nothing.
    fn sessions_of(&self, person: usize, rng: &mut ChaCha8Rng, sessions: &mut Vec<Session>) {
        let family = person / self.protocol.family;
        let fold = family % self.protocol.folds;
        let all = self.protocol.genuine + self.protocol.impostor;
        for number in 0..all {
            let Some((held, attackers)) = self.held(person, rng) else { return };
            let actor = match number < self.protocol.genuine {
                true => person,
                false => attackers[rng.random_range(0..attackers.len())],
            };
            let llrs = held.into_iter().filter_map(|modality| {
                let found = self.llrs(modality, person, actor)?;
                Some((modality, Llr(found[rng.random_range(0..found.len())])))
            });
            let llrs = llrs.collect();
            sessions.push(Session { person: person as u32, actor: actor as u32, fold, llrs });
        }
    }

    /// Modalities of a session, and who of the family could attack by all of them.
    fn held(&self, person: usize, rng: &mut ChaCha8Rng) -> Option<(Vec<Modality>, Vec<usize>)> {
        let family = person / self.protocol.family * self.protocol.family;
        for _ in 0..MAX_DRAWS {
            let mut held = Vec::new();
            for part in &self.protocol.modalities {
                let kept = rng.random_bool(part.present);
                if kept && self.people[person].contains_key(&part.modality) {
                    held.push(part.modality);
                }
            }
            let able = |other: &usize| {
                *other != person && held.iter().all(|m| self.llrs(*m, person, *other).is_some())
            };
            let attackers: Vec<usize> =
                (family..family + self.protocol.family).filter(able).collect();
            if !held.is_empty() && !attackers.is_empty() {
                return Some((held, attackers));
            }
        }
        None
    }

    fn llrs(&self, modality: Modality, person: usize, actor: usize) -> Option<&[f64]> {
        let (source, own) = *self.people[person].get(&modality)?;
        let (other_source, other) = *self.people[actor].get(&modality)?;
        let found = self.sources.get(&modality)?.get(source)?;
        match person == actor {
            true => found.own.get(own),
            false if source == other_source => found.others.get(&(own, other)),
            false => None,
        }
        .map(Vec::as_slice)
        .filter(|llrs| !llrs.is_empty())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::scoring::metrics::probit;
    use crate::usecase::evaluate_session::protocol::PROTOCOL;

    /// People who are all compared, with calibrated normal LLRs of separation `d`.
    pub(in crate::usecase::evaluate_session) fn source(
        people: usize,
        d: f64,
        shift: usize,
    ) -> Source {
        let normal = |i: usize, mean: f64| {
            // A permutation of quantiles, so that nothing is drawn.
            let at = (i * 37 + shift * 11) % 101;
            mean + d * probit((at as f64 + 0.5) / 101.0)
        };
        let mut source = Source::default();
        for person in 0..people {
            source.people.push(person.to_string());
            source.own.push((0..7).map(|i| normal(person * 7 + i, d * d / 2.0)).collect());
            for other in (0..people).filter(|other| *other != person) {
                let llrs = (0..3).map(|i| normal(person * 131 + other * 17 + i, -d * d / 2.0));
                source.others.insert((person, other), llrs.collect());
            }
        }
        source
    }

    pub(in crate::usecase::evaluate_session) fn protocol() -> ProtocolFile {
        let mut protocol = ProtocolFile::parse(PROTOCOL).unwrap();
        protocol.modalities.truncate(3);
        protocol.replicates = 50;
        protocol
    }

    pub(in crate::usecase::evaluate_session) fn sources() -> BTreeMap<Modality, Vec<Source>> {
        // Voice ends in the eighth family and touch has two sets.
        [
            (Modality::Voice, vec![source(90, 2.0, 0)]),
            (Modality::Keystroke, vec![source(130, 1.5, 1)]),
            (Modality::Touch, vec![source(20, 1.0, 2), source(110, 1.5, 3)]),
        ]
        .into()
    }

    #[test]
    fn nobody_is_in_two_and_missing_says_nothing() {
        let protocol = protocol();
        let made = assemble(&protocol, &sources()).unwrap();
        assert_eq!(made, assemble(&protocol, &sources()).unwrap(), "the same seed");
        assert_eq!(made.real[&Modality::Voice], 90);
        assert_eq!(made.real[&Modality::Keystroke], 120);
        assert_eq!(made.sessions.len(), 120 * (6 + 24));
        for session in &made.sessions {
            let family = |person: u32| person as usize / protocol.family;
            assert_eq!(family(session.person), family(session.actor));
            assert_eq!(session.fold, family(session.person) % protocol.folds);
            assert!(!session.llrs.is_empty());
        }
        for modality in [Modality::Voice, Modality::Keystroke, Modality::Touch] {
            let share = |genuine: bool| {
                let of_kind = made.sessions.iter().filter(|s| s.genuine() == genuine);
                let held = of_kind.clone().filter(|s| s.llrs.contains_key(&modality)).count();
                held as f64 / of_kind.count() as f64
            };
            assert!((share(true) - share(false)).abs() < 0.05, "{modality:?}");
        }
    }

    #[test]
    fn people_without_comparisons_have_no_sessions() {
        let alone = Source { people: vec!["a".into()], own: vec![vec![1.0]], ..Source::default() };
        let sources = BTreeMap::from([(Modality::Voice, vec![alone])]);
        assert!(assemble(&protocol(), &sources).is_err());
    }
}
