//! The evidence of a session by modality, and the notice of somebody else taking over.
//!
//! What is kept is the newest comparison of each modality: a comparison covers all that was captured since
//! the person last changed, so adding an older one would count the same speech twice. How evidence fades is
//! the policy's word; here stands when it was measured and what came before a change.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{ArtifactRef, DurationMs, Llr, Modality, PadOutcome, Timestamp};
use crate::policy::session::ModalityEvidence;
use crate::session::call::limits::CallRules;
use crate::session::call::watch::{Watch, Window, WindowOutcome};

/// One comparison.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measured {
    /// Calibrated; `None` when nothing was compared.
    pub llr: Option<Llr>,
    /// As much was captured as the modality needs.
    pub enough: bool,
    /// Milliseconds of net speech, keys, strokes, movements or words.
    pub amount: u32,
    /// What made it.
    pub model: ArtifactRef,
    /// Whether the input was looked at for attacks.
    pub pad: PadOutcome,
}

/// A comparison as it stands now.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Which modality.
    pub modality: Modality,
    /// What was measured.
    pub measured: Measured,
    /// Since then, in milliseconds.
    pub age_ms: DurationMs,
    /// Measured before another person took over.
    pub before_change: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    measured: Measured,
    at: Timestamp,
    before_change: bool,
}

/// The store.
#[derive(Debug, Clone, Default)]
pub struct EvidenceStore {
    entries: BTreeMap<Modality, Entry>,
    watches: BTreeMap<Modality, Watch>,
    changed_at: Option<Timestamp>,
    /// Since when the last windows are in doubt.
    doubted_at: Option<Timestamp>,
    changes: u32,
}

impl EvidenceStore {
    /// Keeps a comparison in place of the one before it. One that compared nothing, or whose LLR is not a
    /// number, replaces nothing: it is absence, not evidence. That its input was an attack is news all the same.
    pub fn put(&mut self, modality: Modality, measured: Measured, now: Timestamp) -> bool {
        let absent = measured.llr.is_none_or(|llr| llr.0.is_nan());
        if absent && measured.pad != PadOutcome::Attack {
            return false;
        }
        self.entries.insert(modality, Entry { measured, at: now, before_change: false });
        true
    }

    /// What was compared with may not be used any more: what came of it goes, and so do doubts about it. Whether
    /// there was any. An attack that was found stays: it was found without it.
    pub fn withdraw(&mut self, modality: Modality) -> bool {
        let mut any = self.watches.remove(&modality).is_some_and(|watch| watch.doubts());
        self.dispel();
        match self.entries.get_mut(&modality) {
            Some(entry) if entry.measured.pad == PadOutcome::Attack => {
                any |= entry.measured.llr.take().is_some();
            }
            Some(_) => any |= self.entries.remove(&modality).is_some(),
            None => {}
        }
        any
    }

    /// Without a window in doubt there is no doubt.
    fn dispel(&mut self) {
        if self.watches.values().all(|watch| !watch.doubts()) {
            self.doubted_at = None;
        }
    }

    /// A window of a modality was compared with what was captured before it. While windows are in doubt all
    /// evidence counts as from before a change, so that nothing is accepted on it meanwhile.
    pub fn window(
        &mut self,
        modality: Modality,
        window: Window,
        rules: &CallRules,
        now: Timestamp,
    ) -> WindowOutcome {
        let outcome =
            self.watches.entry(modality).or_default().take(window, rules.change(modality));
        match outcome {
            WindowOutcome::Same => self.dispel(),
            _ => self.doubted_at = self.doubted_at.or(Some(now)),
        }
        outcome
    }

    /// Whether a window of this modality was found to be the same person's, and none in doubt since.
    pub fn fits(&self, modality: Modality) -> bool {
        self.watches.get(&modality).is_some_and(Watch::fits)
    }

    /// Somebody else is there: what was measured stays, as what came before.
    pub fn change(&mut self, now: Timestamp) {
        self.changed_at = Some(now);
        self.doubted_at = None;
        self.changes = self.changes.saturating_add(1);
        self.watches.clear();
        for entry in self.entries.values_mut() {
            entry.before_change = true;
        }
    }

    /// Modalities whose evidence is of somebody who was there before the last change.
    pub fn earlier(&self) -> BTreeSet<Modality> {
        let before = self.entries.iter().filter(|(_, entry)| entry.before_change);
        before.map(|(modality, _)| *modality).collect()
    }

    /// Times another person was noticed.
    pub fn changes(&self) -> u32 {
        self.changes
    }

    /// Since another person was noticed or suspected, in milliseconds.
    pub fn changed_ms_ago(&self, now: Timestamp) -> Option<DurationMs> {
        self.last_change().map(|at| now.since(at))
    }

    fn last_change(&self) -> Option<Timestamp> {
        self.changed_at.max(self.doubted_at)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All of it, as it stands now.
    pub fn standing(&self, now: Timestamp) -> Vec<Standing> {
        let stands = |(modality, entry): (&Modality, &Entry)| Standing {
            modality: *modality,
            measured: entry.measured.clone(),
            age_ms: now.since(entry.at),
            // What is compared in doubt may hold speech of both.
            before_change: entry.before_change || self.doubted_at.is_some(),
        };
        self.entries.iter().map(stands).collect()
    }

    /// The same for the policy. Voice that found its own claim among `searched` voiceprints is the best
    /// of so many, so it is worth a factor of that many less (Bonferroni's bound on the chance that one of
    /// them reaches it).
    pub fn facts(
        &self,
        now: Timestamp,
        searched: Option<u32>,
    ) -> BTreeMap<Modality, ModalityEvidence> {
        let fact = |standing: Standing| {
            let Measured { llr, enough, model, pad, .. } = standing.measured;
            let penalty = match (standing.modality, searched) {
                (Modality::Voice, Some(among)) => best_of(among),
                _ => 0.0,
            };
            // At the same moment as the change means after it.
            let since_change = self.changed_ms_ago(now);
            let age_ms = match since_change {
                Some(changed) if standing.before_change => {
                    standing.age_ms.max(changed.saturating_add(1))
                }
                _ => standing.age_ms,
            };
            let llr = llr.map(|llr| Llr(llr.0 - penalty));
            (standing.modality, ModalityEvidence { llr, enough, age_ms, model, pad })
        };
        self.standing(now).into_iter().map(fact).collect()
    }
}

/// Nats that the best of so many is worth less than the only one.
pub fn best_of(among: u32) -> f64 {
    f64::from(among.max(1)).ln()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::IntentId;

    pub(crate) fn measured(llr: f64, amount: u32) -> Measured {
        Measured {
            llr: Some(Llr(llr)),
            enough: true,
            amount,
            model: ArtifactRef::new("test", 1),
            pad: PadOutcome::NotEvaluated,
        }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    fn compared(llr: f64, from: u32) -> Window {
        Window { llr: Llr(llr), like_last: None, from }
    }

    fn rules() -> CallRules {
        CallRules::new(IntentId::parse("session").expect("a name"))
    }

    #[test]
    fn the_newest_comparison_counts_and_absence_replaces_nothing() {
        let mut store = EvidenceStore::default();
        assert!(store.put(Modality::Voice, measured(1.0, 3_000), at(10)));
        assert!(store.put(Modality::Voice, measured(4.0, 5_000), at(20)));
        assert!(!store.put(Modality::Voice, Measured { llr: None, ..measured(0.0, 0) }, at(30)));
        assert!(!store.put(Modality::Voice, measured(f64::NAN, 9_000), at(30)));
        assert!(!store.put(Modality::Text, measured(f64::NAN, 9_000), at(30)));
        let facts = store.facts(at(120), None);
        assert_eq!(facts.len(), 1);
        assert_eq!(facts[&Modality::Voice].llr, Some(Llr(4.0)));
        assert_eq!(facts[&Modality::Voice].age_ms, 100);
    }

    #[test]
    fn what_may_not_be_used_any_more_goes_with_its_doubts() {
        let mut store = EvidenceStore::default();
        store.put(Modality::Voice, measured(4.0, 5_000), at(10));
        store.put(Modality::Touch, measured(2.0, 12), at(10));
        store.window(Modality::Touch, compared(-5.0, 12), &rules(), at(20));
        assert!(store.changed_ms_ago(at(20)).is_some());
        assert!(store.withdraw(Modality::Touch));
        assert!(!store.withdraw(Modality::Touch));
        assert_eq!(store.changed_ms_ago(at(20)), None);
        let left: Vec<Modality> = store.facts(at(30), None).into_keys().collect();
        assert_eq!(left, [Modality::Voice]);
    }

    #[test]
    fn an_attack_is_news_without_a_comparison_and_is_not_withdrawn() {
        let mut store = EvidenceStore::default();
        let attack = |llr| Measured { llr, pad: PadOutcome::Attack, ..measured(0.0, 9) };
        assert!(store.put(Modality::Touch, attack(None), at(10)));
        assert!(store.put(Modality::Touch, attack(Some(Llr(3.0))), at(20)));
        assert!(store.withdraw(Modality::Touch));
        let facts = store.facts(at(30), None);
        assert_eq!(facts[&Modality::Touch].pad, PadOutcome::Attack);
        assert_eq!(facts[&Modality::Touch].llr, None);
    }

    #[test]
    fn a_change_needs_windows_in_a_row() {
        use WindowOutcome::{Changed, Doubtful, Same};
        let mut store = EvidenceStore::default();
        let steps = [
            (2.0, 3_000, Same),
            (-5.0, 6_000, Doubtful),
            (-0.9, 9_000, Same),
            (-5.0, 12_000, Doubtful),
            (f64::NAN, 15_000, Doubtful),
            (-1.1, 18_000, Changed { from: 12_000 }),
        ];
        for (llr, from, outcome) in steps {
            let window = compared(llr, from);
            let got = store.window(Modality::Touch, window, &rules(), at(i64::from(from)));
            assert_eq!(got, outcome, "{llr} at {from}");
        }
        assert!(!store.fits(Modality::Touch));
    }

    #[test]
    fn doubt_counts_as_a_change_until_it_is_dispelled() {
        let mut store = EvidenceStore::default();
        store.put(Modality::Voice, measured(6.0, 6_000), at(6_000));
        store.window(Modality::Voice, compared(-5.0, 6_000), &rules(), at(9_000));
        assert_eq!(store.changed_ms_ago(at(10_000)), Some(1_000));
        assert!(store.standing(at(10_000))[0].before_change);
        store.window(Modality::Voice, compared(5.0, 9_000), &rules(), at(12_000));
        assert_eq!(store.changed_ms_ago(at(12_000)), None);
        assert!(!store.standing(at(12_000))[0].before_change);
        assert_eq!(store.changes(), 0);
    }

    #[test]
    fn what_came_before_a_change_is_known_as_such() {
        let mut store = EvidenceStore::default();
        store.put(Modality::Voice, measured(6.0, 8_000), at(1_000));
        store.change(at(5_000));
        store.put(Modality::Keystroke, measured(2.0, 80), at(5_000));
        let flags: Vec<bool> = store.standing(at(6_000)).iter().map(|s| s.before_change).collect();
        assert_eq!(flags, [true, false]);
        let facts = store.facts(at(6_000), None);
        let changed = store.changed_ms_ago(at(6_000)).expect("a change");
        assert!(facts[&Modality::Voice].age_ms > changed);
        assert!(facts[&Modality::Keystroke].age_ms <= changed);
        assert_eq!(store.changes(), 1);
    }

    #[test]
    fn the_best_of_many_is_worth_so_many_times_less() {
        let mut store = EvidenceStore::default();
        store.put(Modality::Voice, measured(6.0, 8_000), at(0));
        store.put(Modality::Touch, measured(6.0, 30), at(0));
        let facts = store.facts(at(0), Some(8));
        let voice = facts[&Modality::Voice].llr.expect("evidence").0;
        assert!((voice - (6.0 - 8f64.ln())).abs() < 1e-12);
        assert_eq!(facts[&Modality::Touch].llr, Some(Llr(6.0)));
    }
}
