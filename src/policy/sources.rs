//! Failed claims by who makes them, as a state machine: (state, outcome, now) -> state. A caller who fails as one
//! person after the other never reaches the limit of any of them; here they are slowed down, then locked. What a
//! source failed at is forgotten by time alone: an acceptance would let a caller with an account of their own
//! begin anew.

use serde::{Deserialize, Serialize};

use crate::domain::{DurationMs, SourceKind, Timestamp};
use crate::policy::rules::{DAY_MS, MINUTE_MS, within};
use crate::policy::{Outcome, PolicyError};

/// Most claims that a limit can ask for.
const MAX_LIMIT: u32 = 1_000_000;
/// Most delays before a lock: as often as the first one can double within a day and some.
const MAX_DELAYS: u32 = 16;

/// When a source is slowed down and locked. A limit of 0 is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceRules {
    /// Rejections within the window that lock.
    pub rejected_limit: u32,
    /// Comparisons within the window that lock, rejected or stepped up for evidence between the thresholds.
    pub unsuccessful_limit: u32,
    /// A limit counts only where what it counts is at least this share of all comparisons within the window.
    pub least_share: f64,
    /// How many of the failures before a lock are each followed by a delay. NIST SP 800-63B section 5.2.3: at least
    /// 30 seconds, growing with each failure.
    pub delays: u32,
    /// The first delay, in milliseconds; each further one is twice as long, up to `lock_ms`.
    pub delay_ms: DurationMs,
    /// How far back is counted, in milliseconds: the current half of it and the one before.
    pub window_ms: DurationMs,
    /// How long the first lock holds, in milliseconds; each further one within the window twice as long.
    pub lock_ms: DurationMs,
    /// Longest lock, in milliseconds.
    pub max_lock_ms: DurationMs,
}

/// The limits of all kinds of sources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceLimits {
    /// Of one API key. A contact centre makes all its calls with one: it is only held up when most of what it asks
    /// is rejected, and not for long, because everybody who calls meanwhile is.
    #[serde(deserialize_with = "api_key_rules")]
    pub api_key: SourceRules,
    /// Of one calling number: as patient as with one subject.
    #[serde(deserialize_with = "phone_number_rules")]
    pub phone_number: SourceRules,
}

impl SourceRules {
    /// Of an API key.
    fn of_api_key() -> Self {
        Self {
            rejected_limit: 1_000,
            unsuccessful_limit: 0,
            least_share: 0.5,
            delays: 3,
            delay_ms: MINUTE_MS / 2,
            window_ms: 60 * MINUTE_MS,
            lock_ms: 5 * MINUTE_MS,
            max_lock_ms: 60 * MINUTE_MS,
        }
    }

    /// Of a calling number.
    fn of_phone_number() -> Self {
        Self {
            rejected_limit: 5,
            unsuccessful_limit: 10,
            least_share: 0.0,
            delays: 2,
            delay_ms: MINUTE_MS / 2,
            window_ms: DAY_MS,
            lock_ms: 30 * MINUTE_MS,
            max_lock_ms: DAY_MS,
        }
    }

    /// Whether there is any limit.
    pub fn is_on(&self) -> bool {
        self.rejected_limit > 0 || self.unsuccessful_limit > 0
    }

    /// Whether an outcome is of interest: an acceptance is only where shares count.
    pub fn counts(&self, outcome: Outcome) -> bool {
        self.is_on()
            && match outcome {
                Outcome::Neutral => false,
                Outcome::Passed => self.least_share > 0.0,
                Outcome::Failed | Outcome::Uncertain => true,
            }
    }

    /// Half of the window, in milliseconds.
    fn half_ms(&self) -> DurationMs {
        (self.window_ms / 2).max(1)
    }

    fn doubled(first: DurationMs, times: u32, most: DurationMs) -> DurationMs {
        first.saturating_mul(1u64.checked_shl(times).unwrap_or(u64::MAX)).min(most)
    }
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self { api_key: SourceRules::of_api_key(), phone_number: SourceRules::of_phone_number() }
    }
}

/// A part of the rules, as a file gives them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    rejected_limit: Option<u32>,
    unsuccessful_limit: Option<u32>,
    least_share: Option<f64>,
    delays: Option<u32>,
    delay_ms: Option<DurationMs>,
    window_ms: Option<DurationMs>,
    lock_ms: Option<DurationMs>,
    max_lock_ms: Option<DurationMs>,
}

impl Given {
    /// What is not given is as it was.
    fn over(self, rules: SourceRules) -> SourceRules {
        SourceRules {
            rejected_limit: self.rejected_limit.unwrap_or(rules.rejected_limit),
            unsuccessful_limit: self.unsuccessful_limit.unwrap_or(rules.unsuccessful_limit),
            least_share: self.least_share.unwrap_or(rules.least_share),
            delays: self.delays.unwrap_or(rules.delays),
            delay_ms: self.delay_ms.unwrap_or(rules.delay_ms),
            window_ms: self.window_ms.unwrap_or(rules.window_ms),
            lock_ms: self.lock_ms.unwrap_or(rules.lock_ms),
            max_lock_ms: self.max_lock_ms.unwrap_or(rules.max_lock_ms),
        }
    }
}

fn api_key_rules<'de, D: serde::Deserializer<'de>>(from: D) -> Result<SourceRules, D::Error> {
    Ok(Given::deserialize(from)?.over(SourceRules::of_api_key()))
}

fn phone_number_rules<'de, D: serde::Deserializer<'de>>(from: D) -> Result<SourceRules, D::Error> {
    Ok(Given::deserialize(from)?.over(SourceRules::of_phone_number()))
}

macro_rules! check_rules {
    ($rules:expr, $kind:literal) => {{
        let r = $rules;
        let (lock, month) = (r.lock_ms as f64, 30.0 * DAY_MS as f64);
        let most = f64::from(MAX_LIMIT);
        let limit = f64::from(r.rejected_limit);
        within(concat!("sources.", $kind, ".rejected_limit"), limit, 0.0, most)?;
        let limit = f64::from(r.unsuccessful_limit);
        within(concat!("sources.", $kind, ".unsuccessful_limit"), limit, 0.0, most)?;
        within(concat!("sources.", $kind, ".least_share"), r.least_share, 0.0, 1.0)?;
        let delays = f64::from(r.delays);
        within(concat!("sources.", $kind, ".delays"), delays, 0.0, f64::from(MAX_DELAYS))?;
        within(concat!("sources.", $kind, ".window_ms"), r.window_ms as f64, 1_000.0, month)?;
        within(concat!("sources.", $kind, ".lock_ms"), lock, 1_000.0, month)?;
        within(concat!("sources.", $kind, ".max_lock_ms"), r.max_lock_ms as f64, lock, month)?;
        within(concat!("sources.", $kind, ".delay_ms"), r.delay_ms as f64, 1_000.0, lock)?;
    }};
}

impl SourceLimits {
    /// Those of a kind.
    pub fn of(&self, kind: SourceKind) -> &SourceRules {
        match kind {
            SourceKind::ApiKey => &self.api_key,
            SourceKind::PhoneNumber => &self.phone_number,
        }
    }

    /// Whether every number is in its range.
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        check_rules!(&self.api_key, "api_key");
        check_rules!(&self.phone_number, "phone_number");
        Ok(())
    }
}

/// Comparisons in half a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceCounts {
    /// All of them.
    pub compared: u32,
    /// Rejections.
    pub rejected: u32,
    /// Rejections, and what was stepped up for evidence between the thresholds.
    pub unsuccessful: u32,
}

impl SourceCounts {
    fn plus(self, more: Self) -> Self {
        Self {
            compared: self.compared.saturating_add(more.compared),
            rejected: self.rejected.saturating_add(more.rejected),
            unsuccessful: self.unsuccessful.saturating_add(more.unsuccessful),
        }
    }

    fn one(outcome: Outcome) -> Self {
        let (rejected, unsuccessful) = match outcome {
            Outcome::Failed => (1, 1),
            Outcome::Uncertain => (0, 1),
            Outcome::Passed | Outcome::Neutral => (0, 0),
        };
        Self { compared: 1, rejected, unsuccessful }
    }
}

/// What is remembered of a source; persisted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceAttempts {
    /// The half of the window before the current one.
    pub before: SourceCounts,
    /// The current half.
    pub current: SourceCounts,
    /// When it began.
    pub half_from: Option<Timestamp>,
    /// Delayed or locked until then.
    pub held_until: Option<Timestamp>,
    /// Locks that followed each other within a window.
    pub locks: u32,
}

/// How a source is held up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceHold {
    /// Slowed down.
    Delayed(Timestamp),
    /// Locked.
    Locked(Timestamp),
}

impl SourceAttempts {
    /// Whether nothing is compared for the source now.
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.held_until.is_some_and(|until| now < until)
    }

    /// From when on nothing of this is of any interest.
    pub fn forgotten_at(&self, rules: &SourceRules) -> Option<Timestamp> {
        let counts = self.half_from.map(|from| from.plus_ms(rules.half_ms().saturating_mul(2)));
        let locks = self.held_until.map(|until| until.plus_ms(rules.window_ms));
        counts.max(locks)
    }

    /// The state after one more comparison, and how it is held up if this one led to that. While it is held up
    /// nothing changes.
    pub fn after(
        self,
        outcome: Outcome,
        now: Timestamp,
        rules: &SourceRules,
    ) -> (Self, Option<SourceHold>) {
        if self.is_held(now) || !rules.counts(outcome) {
            return (self, None);
        }
        let mut next = self.recent(now, rules);
        next.current = next.current.plus(SourceCounts::one(outcome));
        let Some(left) = next.left(outcome, rules) else { return (next, None) };
        if left == 0 {
            let locks = next.locks.saturating_add(1);
            let length = SourceRules::doubled(rules.lock_ms, locks - 1, rules.max_lock_ms);
            let until = now.plus_ms(length);
            let locked = Self { held_until: Some(until), locks, ..Self::default() };
            return (locked, Some(SourceHold::Locked(until)));
        }
        if left > rules.delays {
            return (next, None);
        }
        let length = SourceRules::doubled(rules.delay_ms, rules.delays - left, rules.lock_ms);
        let until = now.plus_ms(length);
        next.held_until = Some(until);
        (next, Some(SourceHold::Delayed(until)))
    }

    /// How many more failures lead to a lock, by the nearest limit that this outcome counts for; `None` where the
    /// failures are too small a share, or nothing failed.
    fn left(&self, outcome: Outcome, rules: &SourceRules) -> Option<u32> {
        let all = self.before.plus(self.current);
        let near = |limit: u32, count: u32| {
            let share = f64::from(count) / f64::from(all.compared.max(1));
            let counts = limit > 0 && share >= rules.least_share;
            counts.then(|| limit.saturating_sub(count))
        };
        let rejected = near(rules.rejected_limit, all.rejected);
        let unsuccessful = near(rules.unsuccessful_limit, all.unsuccessful);
        match outcome {
            Outcome::Failed => rejected.into_iter().chain(unsuccessful).min(),
            Outcome::Uncertain => unsuccessful,
            Outcome::Passed | Outcome::Neutral => None,
        }
    }

    /// What still counts now.
    fn recent(self, now: Timestamp, rules: &SourceRules) -> Self {
        let half = rules.half_ms();
        let begun = Self { half_from: Some(now), ..Self::default() };
        let counts = match self.half_from {
            Some(from) if now.since(from) < half => self,
            Some(from) if now.since(from) < half.saturating_mul(2) => Self {
                before: self.current,
                current: SourceCounts::default(),
                half_from: Some(from.plus_ms(half)),
                ..self
            },
            _ => begun,
        };
        let lately = self.held_until.is_some_and(|until| now.since(until) < rules.window_ms);
        let (held_until, locks) = if lately { (self.held_until, self.locks) } else { (None, 0) };
        Self { held_until, locks, ..counts }
    }
}

#[cfg(test)]
mod tests;
