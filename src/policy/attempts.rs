//! Unsuccessful attempts and the lock, as a state machine: (state, outcome, now) -> state.

use serde::{Deserialize, Serialize};

use crate::domain::{Decision, DurationMs, Timestamp};
use crate::policy::AttemptRules;

/// What is remembered of a subject's attempts; persisted. A count that an older version did not keep is
/// zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempts {
    /// Rejections since the last acceptance or lock.
    pub failed: u32,
    /// Comparisons since the last acceptance or lock that accepted nobody; rejections included.
    pub unsuccessful: u32,
    /// The last of them.
    pub last_failed_at: Option<Timestamp>,
    /// Locked until then.
    pub locked_until: Option<Timestamp>,
    /// Locks since the last acceptance.
    pub locks: u32,
    /// There were so many locks that this modality alone is not enough any more: another factor must be passed.
    /// Time does not forget it.
    pub factor_needed: bool,
}

/// How an attempt ended, as far as the lock is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The right voice: forgets what was unsuccessful.
    Passed,
    /// Another voice: counts as a rejection.
    Failed,
    /// Compared, but the evidence lies between the thresholds: counts, with more patience.
    Uncertain,
    /// Nothing was compared. Whoever tries has learned nothing about the voice, so it does not count;
    /// a genuine caller who says too little is not locked out.
    Neutral,
}

impl From<Decision> for Outcome {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Accept => Self::Passed,
            Decision::Reject => Self::Failed,
            Decision::StepUp => Self::Uncertain,
            Decision::Inconclusive
            | Decision::NoMatch
            | Decision::NotEnrolled
            | Decision::OptedOut
            | Decision::Expired
            | Decision::Locked => Self::Neutral,
        }
    }
}

impl Attempts {
    /// Whether nothing may be compared now.
    pub fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    /// The state after one more attempt. While locked nothing changes, so that attempts during a
    /// lock neither prolong nor end it.
    pub fn after(self, outcome: Outcome, now: Timestamp, rules: &AttemptRules) -> Self {
        if self.is_locked(now) {
            return self;
        }
        match outcome {
            Outcome::Neutral => self,
            Outcome::Passed => Self { factor_needed: self.factor_needed, ..Self::default() },
            Outcome::Uncertain => self.after_unsuccessful(0, now, rules),
            Outcome::Failed => self.after_unsuccessful(1, now, rules),
        }
    }

    /// The state after one more attempt; `vouched`: another factor was passed beside it.
    pub fn counted(
        self,
        outcome: Outcome,
        vouched: bool,
        now: Timestamp,
        rules: &AttemptRules,
    ) -> Self {
        match vouched {
            true => self.after_vouched(outcome, now, rules),
            false => self.after(outcome, now, rules),
        }
    }

    /// The same for an attempt beside which another factor was passed. Unless it was rejected, or came during a lock,
    /// no other factor is needed for the next one, and locks begin anew with the shortest.
    fn after_vouched(self, outcome: Outcome, now: Timestamp, rules: &AttemptRules) -> Self {
        if outcome == Outcome::Failed || self.is_locked(now) {
            return self.after(outcome, now, rules);
        }
        Self { factor_needed: false, locks: 0, ..self }.after(outcome, now, rules)
    }

    /// Counts one unsuccessful attempt, of which `rejections` (0 or 1) were rejections.
    fn after_unsuccessful(self, rejections: u32, now: Timestamp, rules: &AttemptRules) -> Self {
        let before = self.recent(now, rules);
        let failed = before.failed.saturating_add(rejections);
        let unsuccessful = before.unsuccessful.saturating_add(1);
        let locks = failed >= rules.limit || unsuccessful >= rules.unsuccessful_limit;
        let number = before.locks.saturating_add(u32::from(locks));
        Self {
            failed,
            unsuccessful,
            last_failed_at: Some(now),
            locked_until: locks.then(|| now.plus_ms(rules.lock_of(number))),
            locks: number,
            factor_needed: before.factor_needed || (locks && rules.needs_factor(number)),
        }
    }

    /// What still counts now: after a lock the counts start again and the locks go on; after a window
    /// without an unsuccessful attempt, and without a lock, all is forgotten but that another factor is needed.
    fn recent(self, now: Timestamp, rules: &AttemptRules) -> Self {
        let since = self.locked_until.or(self.last_failed_at);
        let factor_needed = self.factor_needed;
        if since.is_none_or(|since| now.since(since) >= rules.window_ms) {
            return Self { factor_needed, ..Self::default() };
        }
        match self.locked_until {
            Some(_) => Self { locks: self.locks, factor_needed, ..Self::default() },
            None => self,
        }
    }
}

impl AttemptRules {
    /// Whether another factor is needed after this many locks.
    fn needs_factor(&self, locks: u32) -> bool {
        self.locks_before_factor > 0 && locks >= self.locks_before_factor
    }

    /// How long the lock of this number (from 1) holds, in milliseconds.
    fn lock_of(&self, number: u32) -> DurationMs {
        let doublings = number.saturating_sub(1);
        let factor = 1u64.checked_shl(doublings).unwrap_or(u64::MAX);
        self.lock_ms.saturating_mul(factor).min(self.max_lock_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::{Failed, Neutral, Passed, Uncertain};
    use super::*;
    use proptest::prelude::*;

    const RULES: AttemptRules = AttemptRules {
        limit: 3,
        unsuccessful_limit: 5,
        window_ms: 1_000,
        lock_ms: 500,
        max_lock_ms: 1_600,
        locks_before_factor: 0,
    };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    fn run(steps: &[(Outcome, i64)]) -> Attempts {
        steps.iter().fold(Attempts::default(), |state, (outcome, ms)| {
            state.after(*outcome, at(*ms), &RULES)
        })
    }

    #[test]
    fn locks_follow_the_table() {
        type Case = (&'static [(Outcome, i64)], i64, bool);
        let cases: [Case; 17] = [
            (&[(Failed, 0), (Failed, 1)], 2, false),
            (&[(Failed, 0), (Failed, 1), (Failed, 2)], 2, true),
            (&[(Failed, 0), (Failed, 1), (Failed, 2)], 501, true),
            (&[(Failed, 0), (Failed, 1), (Failed, 2)], 502, false),
            (&[(Failed, 0), (Failed, 1), (Failed, 1_001)], 1_001, false),
            (&[(Failed, 0), (Failed, 900), (Failed, 1_800)], 1_800, true),
            (&[(Failed, 0), (Failed, 1), (Passed, 2), (Failed, 3)], 3, false),
            (&[(Failed, 0), (Neutral, 1), (Failed, 2), (Failed, 3)], 3, true),
            (&[(Failed, 0), (Failed, 1), (Failed, 2), (Passed, 3)], 3, true),
            // After a lock has run out the count starts again.
            (&[(Failed, 0), (Failed, 1), (Failed, 2), (Failed, 502)], 503, false),
            // Evidence between the thresholds has a limit of its own, and rejections count to it.
            (&[(Uncertain, 0), (Uncertain, 1), (Uncertain, 2), (Uncertain, 3)], 4, false),
            (
                &[(Uncertain, 0), (Uncertain, 1), (Uncertain, 2), (Uncertain, 3), (Uncertain, 4)],
                4,
                true,
            ),
            (&[(Uncertain, 0), (Failed, 1), (Uncertain, 2), (Failed, 3)], 4, false),
            (&[(Uncertain, 0), (Failed, 1), (Uncertain, 2), (Failed, 3), (Uncertain, 4)], 4, true),
            (
                &[(Uncertain, 0), (Uncertain, 1), (Passed, 2), (Uncertain, 3), (Uncertain, 4)],
                5,
                false,
            ),
            (
                &[
                    (Uncertain, 0),
                    (Uncertain, 1),
                    (Uncertain, 2),
                    (Uncertain, 3),
                    (Uncertain, 1_003),
                ],
                1_003,
                false,
            ),
            (&[(Neutral, 0), (Neutral, 1), (Neutral, 2), (Neutral, 3), (Neutral, 4)], 5, false),
        ];
        for (steps, now, locked) in cases {
            assert_eq!(run(steps).is_locked(at(now)), locked, "{steps:?} at {now}");
        }
    }

    #[test]
    fn locks_grow_until_somebody_is_accepted_or_nobody_tries() {
        /// Three rejections from `ms` on; how long the lock is.
        fn lock(state: &mut Attempts, ms: i64) -> u64 {
            for _ in 0..3 {
                *state = state.after(Failed, at(ms), &RULES);
            }
            state.locked_until.map_or(0, |until| until.since(at(ms)))
        }
        let mut state = Attempts::default();
        // Each as soon as the one before has run out.
        for (ms, length) in [(0, 500), (500, 1_000), (1_500, 1_600), (3_100, 1_600)] {
            assert_eq!(lock(&mut state, ms), length, "at {ms}");
        }
        assert_eq!(state.locks, 4);
        // The last one ended at 4700: within the window it is remembered, after it forgotten.
        let (mut soon, mut late) = (state, state);
        assert_eq!(lock(&mut soon, 5_699), 1_600);
        assert_eq!(lock(&mut late, 5_700), 500);
        let mut accepted = state.after(Passed, at(4_700), &RULES);
        assert_eq!(accepted, Attempts::default());
        assert_eq!(lock(&mut accepted, 4_701), 500);
    }

    #[test]
    fn after_the_last_lock_only_another_factor_helps() {
        let rules = AttemptRules { locks_before_factor: 2, ..RULES };
        let lock = |state: Attempts, ms: i64| {
            (0..3).fold(state, |state, _| state.after(Failed, at(ms), &rules))
        };
        let once = lock(Attempts::default(), 0);
        assert!(once.is_locked(at(0)) && !once.factor_needed);
        let twice = lock(once, 500);
        assert!(twice.is_locked(at(500)) && twice.factor_needed);
        // Neither time nor another attempt changes that; a factor during the lock does not either.
        let later = 1_000_000;
        let needed = |state: Attempts| state.factor_needed;
        assert!(needed(twice.after(Neutral, at(later), &rules)));
        assert!(needed(twice.after(Failed, at(later), &rules)));
        assert!(needed(twice.after(Passed, at(later), &rules)));
        assert_eq!(twice.after_vouched(Passed, at(600), &rules), twice);
        // A factor beside the wrong voice is no way either.
        assert!(needed(twice.after_vouched(Failed, at(later), &rules)));
        for outcome in [Passed, Uncertain, Neutral] {
            let anew = twice.after_vouched(outcome, at(later), &rules);
            assert!(!anew.factor_needed && anew.locks == 0, "{outcome:?}");
        }
        // Then it takes as many locks as at first.
        let anew = lock(twice.after_vouched(Passed, at(1_500), &rules), 1_501);
        assert!(anew.is_locked(at(1_501)) && !anew.factor_needed);
    }

    #[test]
    fn no_number_of_locks_overflows() {
        let rules = AttemptRules { lock_ms: u64::MAX / 2, max_lock_ms: u64::MAX, ..RULES };
        for (number, length) in [(0, u64::MAX / 2), (1, u64::MAX / 2), (2, u64::MAX - 1)] {
            assert_eq!(rules.lock_of(number), length, "{number}");
        }
        for number in [3, 64, 65, u32::MAX] {
            assert_eq!(rules.lock_of(number), u64::MAX, "{number}");
        }
        let worn = Attempts { locks: u32::MAX, last_failed_at: Some(at(0)), ..Attempts::default() };
        assert_eq!(worn.after(Failed, at(1), &RULES).locks, u32::MAX);
    }

    #[test]
    fn what_was_stored_before_there_were_more_counts_is_read() {
        let old = r#"{"failed":2,"last_failed_at":5,"locked_until":null}"#;
        let read: Attempts = serde_json::from_str(old).expect("an old document");
        let known = Attempts { failed: 2, last_failed_at: Some(at(5)), ..Attempts::default() };
        assert_eq!(read, known);
    }

    proptest! {
        /// However outcomes and pauses are chosen, no span as long as the shortest lock sees more
        /// comparisons than a limit permits.
        #[test]
        fn comparisons_in_a_lock_period_are_bounded(
            steps in prop::collection::vec((0i64..300, any::<bool>()), 1..80)
        ) {
            let mut state = Attempts::default();
            let mut now = 0;
            let mut compared: Vec<(i64, bool)> = Vec::new();
            for (gap, rejected) in steps {
                now += gap;
                if !state.is_locked(at(now)) {
                    compared.push((now, rejected));
                }
                let outcome = if rejected { Failed } else { Uncertain };
                state = state.after(outcome, at(now), &RULES);
            }
            for (i, (first, _)) in compared.iter().enumerate() {
                let within = || compared[i..].iter().take_while(|(ms, _)| ms - first < 500);
                let rejected = within().filter(|(_, rejected)| *rejected).count();
                prop_assert!(within().count() <= RULES.unsuccessful_limit as usize);
                prop_assert!(rejected <= RULES.limit as usize);
            }
        }
    }
}
