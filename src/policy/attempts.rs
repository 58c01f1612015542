//! Failed attempts and the lock, as a state machine: (state, outcome, now) -> state.

use serde::{Deserialize, Serialize};

use crate::domain::{Decision, Timestamp};
use crate::policy::AttemptRules;

/// What is remembered of a subject's attempts; persisted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attempts {
    /// Failures, none further from the next than the window.
    pub failed: u32,
    /// The last of them.
    pub last_failed_at: Option<Timestamp>,
    /// Locked until then.
    pub locked_until: Option<Timestamp>,
}

/// How an attempt ended, as far as the lock is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The right voice: forgets failures.
    Passed,
    /// Another voice: counts.
    Failed,
    /// Neither.
    Neutral,
}

impl From<Decision> for Outcome {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Accept => Self::Passed,
            Decision::Reject => Self::Failed,
            Decision::StepUp
            | Decision::Inconclusive
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
            Outcome::Passed => Self::default(),
            Outcome::Failed => self.after_failure(now, rules),
        }
    }

    fn after_failure(self, now: Timestamp, rules: &AttemptRules) -> Self {
        let counts_on = self.locked_until.is_none()
            && self.last_failed_at.is_some_and(|last| now.since(last) < rules.window_ms);
        let failed = if counts_on { self.failed.saturating_add(1) } else { 1 };
        Self {
            failed,
            last_failed_at: Some(now),
            locked_until: (failed >= rules.limit).then(|| now.plus_ms(rules.lock_ms)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: AttemptRules = AttemptRules { limit: 3, window_ms: 1_000, lock_ms: 500 };

    fn run(steps: &[(Outcome, i64)]) -> Attempts {
        steps.iter().fold(Attempts::default(), |state, (outcome, at)| {
            state.after(*outcome, Timestamp::from_unix_ms(*at), &RULES)
        })
    }

    #[test]
    fn locks_follow_the_table() {
        use Outcome::{Failed, Neutral, Passed};
        type Case = (&'static [(Outcome, i64)], i64, bool);
        let cases: [Case; 9] = [
            (&[(Failed, 0), (Failed, 1)], 2, false),
            (&[(Failed, 0), (Failed, 1), (Failed, 2)], 2, true),
            (&[(Failed, 0), (Failed, 1), (Failed, 2)], 501, true),
            (&[(Failed, 0), (Failed, 1), (Failed, 2)], 502, false),
            (&[(Failed, 0), (Failed, 1), (Failed, 1_001)], 1_001, false),
            (&[(Failed, 0), (Failed, 1), (Passed, 2), (Failed, 3)], 3, false),
            (&[(Failed, 0), (Neutral, 1), (Failed, 2), (Failed, 3)], 3, true),
            (&[(Failed, 0), (Failed, 1), (Failed, 2), (Passed, 3)], 3, true),
            // After a lock has run out the count starts again.
            (&[(Failed, 0), (Failed, 1), (Failed, 2), (Failed, 502)], 503, false),
        ];
        for (steps, now, locked) in cases {
            let now = Timestamp::from_unix_ms(now);
            assert_eq!(run(steps).is_locked(now), locked, "{steps:?} at {now}");
        }
    }

    proptest! {
        #[test]
        fn never_more_failures_than_the_limit_in_one_lock_period(
            gaps in prop::collection::vec(0i64..600, 1..60)
        ) {
            let mut state = Attempts::default();
            let mut now = 0;
            let mut compared: Vec<i64> = Vec::new();
            for gap in gaps {
                now += gap;
                let at = Timestamp::from_unix_ms(now);
                if !state.is_locked(at) {
                    compared.push(now);
                }
                state = state.after(Outcome::Failed, at, &RULES);
            }
            // Failures that were compared within any span as long as the lock never exceed two
            // windows' worth.
            for (i, first) in compared.iter().enumerate() {
                let within = compared[i..].iter().filter(|t| **t - first < 500).count();
                prop_assert!(within < 2 * RULES.limit as usize);
            }
        }
    }
}
