//! Chimeric people and their sessions, put together from comparisons of disjoint sets of real people.
//!
//! Modalities of one real person may depend on each other; those of a chimeric one do not. Figures of a fusion over chimeric
//! people are therefore what it reaches where errors are independent.

use std::collections::{BTreeMap, VecDeque};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::domain::{Llr, Modality};
use crate::usecase::evaluate_session::EvaluateSessionError;
use crate::usecase::evaluate_session::parts::{Source, Sources};
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
    /// A fusion is fitted on both; otherwise it is judged on them.
    pub fitted: bool,
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
    /// Real people behind each modality: of those fitted on, of those judged on.
    pub real: BTreeMap<Modality, [usize; 2]>,
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
    sources: &BTreeMap<Modality, Sources>,
) -> Result<Chimeras, EvaluateSessionError> {
    let mut rng = ChaCha8Rng::seed_from_u64(protocol.seed);
    let count = protocol.families * protocol.family;
    let mut people: Vec<Person> = vec![Person::new(); count];
    let mut real = BTreeMap::new();
    for part in &protocol.modalities {
        let Some(found) = sources.get(&part.modality) else { continue };
        let mut lines = Lines::of(found, &mut rng);
        let mut counts = [0, 0];
        for (number, family) in people.chunks_mut(protocol.family).enumerate() {
            let fitted = is_fitted(number);
            // A family takes neighbors in line, who are compared with each other; within one the order is drawn, so that
            // it does not tell who else has what.
            let taken = lines.take(fitted, protocol.family);
            counts[usize::from(!fitted)] += taken.len();
            let mut seats: Vec<usize> = (0..family.len()).collect();
            shuffle(&mut seats, &mut rng);
            for (seat, place) in seats.into_iter().zip(taken) {
                if let Some(person) = family.get_mut(seat) {
                    person.insert(part.modality, place);
                }
            }
        }
        real.insert(part.modality, counts);
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

/// A fusion is fitted on every other family.
fn is_fitted(family: usize) -> bool {
    family.is_multiple_of(2)
}

/// Who is still to be dealt.
enum Lines {
    /// To whichever family comes next.
    Shared(VecDeque<Place>),
    /// To families that are fitted on, and to those that are judged on.
    Apart([VecDeque<Place>; 2]),
}

impl Lines {
    fn of(sources: &Sources, rng: &mut ChaCha8Rng) -> Self {
        let numbered = || sources.all.iter().enumerate();
        match sources.judged {
            None => Self::Shared(in_line(numbered(), rng)),
            Some(judged) => Self::Apart([
                in_line(numbered().skip(judged), rng),
                in_line(numbered().take(judged), rng),
            ]),
        }
    }

    fn take(&mut self, fitted: bool, count: usize) -> Vec<Place> {
        let line = match self {
            Self::Shared(line) => line,
            Self::Apart([fit, judged]) => match fitted {
                true => fit,
                false => judged,
            },
        };
        line.drain(..count.min(line.len())).collect()
    }
}

/// Everybody of some sources, group by group, in drawn order within each source.
fn in_line<'a>(
    sources: impl Iterator<Item = (usize, &'a Source)>,
    rng: &mut ChaCha8Rng,
) -> VecDeque<Place> {
    let mut line = VecDeque::new();
    for (number, source) in sources {
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
    sources: &'a BTreeMap<Modality, Sources>,
    people: &'a [Person],
}

impl Draw<'_> {
    /// Genuine and impostor sessions of a person hold a set of modalities with the same probability, so that it says nothing.
    fn sessions_of(&self, person: usize, rng: &mut ChaCha8Rng, sessions: &mut Vec<Session>) {
        let fitted = is_fitted(person / self.protocol.family);
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
            sessions.push(Session { person: person as u32, actor: actor as u32, fitted, llrs });
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
        let found = self.sources.get(&modality)?.all.get(source)?;
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
    use crate::usecase::evaluate_session::fused::{Fused, fit, fuse};
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

    pub(in crate::usecase::evaluate_session) fn sources() -> BTreeMap<Modality, Sources> {
        // Voice has sets of its own for the fit and ends before the families do; touch has two sets.
        let voice = Sources { all: vec![source(75, 2.0, 0), source(60, 2.0, 5)], judged: Some(1) };
        let shared = |all| Sources { all, judged: None };
        [
            (Modality::Voice, voice),
            (Modality::Keystroke, shared(vec![source(200, 1.5, 1)])),
            (Modality::Touch, shared(vec![source(20, 1.0, 2), source(170, 1.5, 3)])),
        ]
        .into()
    }

    /// The sessions that are judged, fused.
    pub(in crate::usecase::evaluate_session) fn judged(
        protocol: &ProtocolFile,
    ) -> (Vec<Session>, Fused) {
        let mut sessions = assemble(protocol, &sources()).unwrap().sessions;
        let fusion = fit(protocol, &sessions).unwrap();
        sessions.retain(|session| !session.fitted);
        let fused = fuse(fusion, &sessions);
        (sessions, fused)
    }

    #[test]
    fn nobody_is_in_two_and_missing_says_nothing() {
        let protocol = protocol();
        let made = assemble(&protocol, &sources()).unwrap();
        assert_eq!(made, assemble(&protocol, &sources()).unwrap(), "the same seed");
        assert_eq!(made.real[&Modality::Voice], [60, 75]);
        assert_eq!(made.real[&Modality::Keystroke], [84, 84]);
        let all = protocol.families * protocol.family;
        assert_eq!(made.sessions.len(), all * (protocol.genuine + protocol.impostor));
        for session in &made.sessions {
            let family = |person: u32| person as usize / protocol.family;
            assert_eq!(family(session.person), family(session.actor));
            assert_eq!(session.fitted, family(session.person) % 2 == 0);
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
        let sources =
            BTreeMap::from([(Modality::Voice, Sources { all: vec![alone], judged: None })]);
        assert!(assemble(&protocol(), &sources).is_err());
    }
}
