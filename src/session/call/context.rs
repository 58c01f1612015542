//! What is known around a session. It shifts what is expected and is no evidence of who somebody is.

use std::collections::BTreeMap;

use crate::domain::{FactorName, Finding, FindingKind};
use crate::policy::session::{AniHistory, ContextSignals, FactorOutcome, Verstat};
use crate::session::call::words::ContextEvent;

/// Factors kept of one session: more names than any policy has.
pub const MAX_FACTORS: usize = 16;

/// What a fact led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// Something is different now.
    News,
    /// It was known.
    Known,
    /// Another person is there.
    PersonChanged,
    /// It is not kept: there are too many, or it is not a number that can be.
    Refused,
    /// It is not kept: it speaks for the person, and only an app says so.
    Disbelieved,
}

/// The surroundings so far.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    signals: ContextSignals,
    factors: BTreeMap<FactorName, FactorOutcome>,
}

impl Surroundings {
    /// Takes a fact.
    pub fn note(&mut self, event: ContextEvent) -> Noted {
        let before = (self.signals.clone(), self.factors.len());
        match event {
            ContextEvent::Ani(ani) => self.signals.ani = ani,
            ContextEvent::Verstat(verstat) => self.signals.verstat = verstat,
            ContextEvent::NewDevice(finding) => self.signals.new_device = finding,
            ContextEvent::SimSwapAgeMs(age) => self.signals.sim_swap_age_ms = Some(age),
            ContextEvent::GeoVelocityKmh(speed) => {
                if !(speed.is_finite() && speed >= 0.0) {
                    return Noted::Refused;
                }
                self.signals.geo_velocity_kmh = Some(speed);
            }
            ContextEvent::Finding { kind, finding } => {
                return self.find(kind, finding);
            }
            ContextEvent::PersonChanged => return Noted::PersonChanged,
            ContextEvent::Factor { factor, outcome } => {
                if self.factors.len() >= MAX_FACTORS && !self.factors.contains_key(&factor) {
                    return Noted::Refused;
                }
                return match self.factors.insert(factor, outcome) {
                    Some(known) if known == outcome => Noted::Known,
                    _ => Noted::News,
                };
            }
        }
        if before.0 == self.signals { Noted::Known } else { Noted::News }
    }

    /// Takes a fact on the word of an app, which may be in the hands of whoever claims to be the person: one that
    /// speaks for them is not believed, nor one that is milder than what it would take the place of.
    pub fn note_of_app(&mut self, event: ContextEvent) -> Noted {
        match event.is_favorable() || self.is_milder(&event) {
            true => Noted::Disbelieved,
            false => self.note(event),
        }
    }

    /// Whether a fact says less against the person than what is known of its kind. Factors and findings need no look:
    /// what is not favorable of them is never milder.
    fn is_milder(&self, event: &ContextEvent) -> bool {
        let known = &self.signals;
        match event {
            ContextEvent::Ani(ani) => suspicion_of_ani(*ani) < suspicion_of_ani(known.ani),
            ContextEvent::Verstat(verstat) => {
                suspicion_of_verstat(*verstat) < suspicion_of_verstat(known.verstat)
            }
            ContextEvent::NewDevice(finding) => {
                *finding == Finding::Unknown && known.new_device == Finding::Present
            }
            ContextEvent::SimSwapAgeMs(age) => known.sim_swap_age_ms.is_some_and(|is| *age > is),
            ContextEvent::GeoVelocityKmh(speed) => {
                known.geo_velocity_kmh.is_some_and(|is| *speed < is)
            }
            ContextEvent::Finding { .. }
            | ContextEvent::PersonChanged
            | ContextEvent::Factor { .. } => false,
        }
    }

    /// Takes a finding. What was found once stays found: that it is not seen in the next piece does not
    /// mean that it was never there.
    pub fn find(&mut self, kind: FindingKind, finding: Finding) -> Noted {
        let known = self.signals.finding(kind);
        if known == finding || known == Finding::Present || finding == Finding::Unknown {
            return Noted::Known;
        }
        self.signals.findings.insert(kind, finding);
        Noted::News
    }

    /// Another person is there: a factor that was passed was passed by the one before.
    pub fn person_changed(&mut self) {
        self.factors.retain(|_, outcome| *outcome == FactorOutcome::Failed);
    }

    /// For the policy.
    pub fn signals(&self) -> &ContextSignals {
        &self.signals
    }

    /// For the policy.
    pub fn factors(&self) -> &BTreeMap<FactorName, FactorOutcome> {
        &self.factors
    }
}

/// Order of what a number says, the most suspicious last. No policy need agree: it only says what an app may replace.
fn suspicion_of_ani(ani: AniHistory) -> u8 {
    match ani {
        AniHistory::Known => 0,
        AniHistory::Unknown => 1,
        AniHistory::New => 2,
        AniHistory::Withheld => 3,
        AniHistory::OtherSubject => 4,
    }
}

/// The same for what the network says.
fn suspicion_of_verstat(verstat: Verstat) -> u8 {
    match verstat {
        Verstat::PassedA | Verstat::PassedB | Verstat::PassedC => 0,
        Verstat::Unknown => 1,
        Verstat::NotValidated => 2,
        Verstat::Failed => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(name: &str, outcome: FactorOutcome) -> ContextEvent {
        ContextEvent::Factor { factor: FactorName::parse(name).expect("a name"), outcome }
    }

    #[test]
    fn facts_follow_the_table() {
        let remote = |finding| ContextEvent::Finding { kind: FindingKind::RemoteAccess, finding };
        let steps = [
            (ContextEvent::Ani(AniHistory::Known), Noted::News),
            (ContextEvent::Ani(AniHistory::Known), Noted::Known),
            (ContextEvent::Verstat(Verstat::Failed), Noted::News),
            (ContextEvent::SimSwapAgeMs(5), Noted::News),
            (ContextEvent::GeoVelocityKmh(-1.0), Noted::Refused),
            (ContextEvent::GeoVelocityKmh(f64::NAN), Noted::Refused),
            (ContextEvent::GeoVelocityKmh(900.0), Noted::News),
            (remote(Finding::Unknown), Noted::Known),
            (remote(Finding::Absent), Noted::News),
            (remote(Finding::Present), Noted::News),
            (remote(Finding::Absent), Noted::Known),
            (ContextEvent::PersonChanged, Noted::PersonChanged),
            (factor("otp", FactorOutcome::Failed), Noted::News),
            (factor("otp", FactorOutcome::Passed), Noted::News),
            (factor("otp", FactorOutcome::Passed), Noted::Known),
        ];
        let mut around = Surroundings::default();
        for (event, noted) in steps {
            assert_eq!(around.note(event.clone()), noted, "{event:?}");
        }
        assert_eq!(around.signals().finding(FindingKind::RemoteAccess), Finding::Present);
        assert_eq!(around.signals().geo_velocity_kmh, Some(900.0));
    }

    #[test]
    fn factors_are_bounded_and_a_change_forgets_what_was_passed() {
        let mut around = Surroundings::default();
        for i in 0..MAX_FACTORS {
            let outcome = if i == 0 { FactorOutcome::Failed } else { FactorOutcome::Passed };
            assert_eq!(around.note(factor(&format!("f{i}"), outcome)), Noted::News);
        }
        assert_eq!(around.note(factor("more", FactorOutcome::Passed)), Noted::Refused);
        around.person_changed();
        assert_eq!(around.factors().len(), 1);
    }
}
