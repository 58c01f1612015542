use super::*;
use crate::policy::Outcome::{Failed, Neutral, Passed, Uncertain};
use crate::policy::VoicePolicy;
use proptest::prelude::*;

const RULES: SourceRules = SourceRules {
    rejected_limit: 4,
    unsuccessful_limit: 6,
    least_share: 0.0,
    delays: 2,
    delay_ms: 10,
    window_ms: 1_000,
    lock_ms: 200,
    max_lock_ms: 500,
};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

/// Runs steps; how long after the last one the source is held up, in milliseconds.
fn run(rules: &SourceRules, steps: &[(Outcome, i64)]) -> (SourceAttempts, DurationMs) {
    let mut state = SourceAttempts::default();
    let mut last = 0;
    for (outcome, ms) in steps {
        state = state.after(*outcome, at(*ms), rules).0;
        last = *ms;
    }
    let held = state.held_until.map_or(0, |until| until.since(at(last)));
    (state, held)
}

#[test]
fn delays_grow_and_a_lock_follows() {
    type Case = (&'static [(Outcome, i64)], DurationMs);
    let cases: [Case; 11] = [
        (&[(Failed, 0)], 0),
        (&[(Failed, 0), (Failed, 1)], 10),
        // The second delay is twice the first, then comes the lock.
        (&[(Failed, 0), (Failed, 1), (Failed, 20)], 20),
        (&[(Failed, 0), (Failed, 1), (Failed, 20), (Failed, 50)], 200),
        // What comes during a delay is no comparison and counts for nothing.
        (&[(Failed, 0), (Failed, 1), (Failed, 5)], 6),
        // An acceptance makes nothing undone.
        (&[(Failed, 0), (Passed, 1), (Passed, 2), (Failed, 3)], 10),
        (&[(Failed, 0), (Neutral, 1), (Neutral, 2)], 0),
        // Doubt counts for its own limit.
        (&[(Uncertain, 0), (Uncertain, 1), (Uncertain, 2)], 0),
        (&[(Uncertain, 0), (Uncertain, 1), (Uncertain, 2), (Uncertain, 3)], 10),
        // Half a window later the earlier half still counts, a whole one later it does not.
        (&[(Failed, 0), (Failed, 600)], 10),
        (&[(Failed, 0), (Failed, 1_000)], 0),
    ];
    for (steps, held) in cases {
        assert_eq!(run(&RULES, steps).1, held, "{steps:?}");
    }
}

#[test]
fn locks_double_within_a_window_and_are_forgotten_after_it() {
    let lock = |state: &mut SourceAttempts, mut ms: i64| {
        for _ in 0..RULES.rejected_limit {
            let (next, hold) = state.after(Failed, at(ms), &RULES);
            *state = next;
            match hold {
                Some(SourceHold::Locked(until)) => return (until.since(at(ms)), until.unix_ms()),
                Some(SourceHold::Delayed(until)) => ms = until.unix_ms(),
                None => ms += 1,
            }
        }
        panic!("not locked: {state:?}");
    };
    let mut state = SourceAttempts::default();
    let (first, end) = lock(&mut state, 0);
    let (second, end) = lock(&mut state, end);
    let (third, end) = lock(&mut state, end);
    assert_eq!((first, second, third), (200, 400, 500));
    assert_eq!(state.locks, 3);
    let mut later = state;
    assert_eq!(lock(&mut later, end + 1_000).0, 200);
    assert_eq!(state.forgotten_at(&RULES), Some(at(end + 1_000)));
}

#[test]
fn regular_traffic_of_one_key_is_never_held_up() {
    let rules = SourceLimits::default().api_key;
    let mut state = SourceAttempts::default();
    // 20 claims a second for two hours, one in five rejected: 14,400 rejections an hour.
    for n in 0..144_000i64 {
        let outcome = if n % 5 == 0 { Failed } else { Passed };
        let (next, hold) = state.after(outcome, at(n * 50), &rules);
        assert_eq!(hold, None, "claim {n}");
        state = next;
    }
    // Somebody goes through customers and fails with nearly all of them.
    let mut state = SourceAttempts::default();
    let held = (0..2_000i64).find(|n| {
        let outcome = if n % 10 == 0 { Passed } else { Failed };
        let (next, hold) = state.after(outcome, at(n * 50), &rules);
        state = next;
        hold.is_some()
    });
    // The 997th rejection is followed by the first delay.
    assert_eq!(held, Some(1_107));
}

#[test]
fn a_limit_of_zero_is_none_and_nothing_is_kept() {
    let off = SourceRules { rejected_limit: 0, unsuccessful_limit: 0, ..RULES };
    for outcome in [Failed, Uncertain, Passed, Neutral] {
        assert!(!off.counts(outcome));
        assert_eq!(
            SourceAttempts::default().after(outcome, at(0), &off),
            (SourceAttempts::default(), None)
        );
    }
    let shares = SourceRules { least_share: 0.1, ..RULES };
    assert!(shares.counts(Passed) && !RULES.counts(Passed));
}

#[test]
fn a_file_gives_a_part_of_each_kind_and_ranges_are_held() {
    let text = "[sources.api_key]\nrejected_limit = 50\n[sources.phone_number]\ndelays = 1\n";
    let policy: VoicePolicy = toml::from_str(text).expect("a valid part");
    let limits = policy.checked().expect("in range").sources;
    let api_key = SourceRules { rejected_limit: 50, ..SourceRules::of_api_key() };
    let phone_number = SourceRules { delays: 1, ..SourceRules::of_phone_number() };
    assert_eq!(limits, SourceLimits { api_key, phone_number });
    assert!(toml::from_str::<VoicePolicy>("[sources.api_key]\nlimit = 5\n").is_err());
    type Change = fn(&mut SourceLimits);
    let cases: [(&str, Change); 4] = [
        ("sources.api_key.least_share", |l| l.api_key.least_share = f64::NAN),
        ("sources.api_key.max_lock_ms", |l| l.api_key.max_lock_ms = 1),
        ("sources.phone_number.delays", |l| l.phone_number.delays = 17),
        ("sources.phone_number.delay_ms", |l| l.phone_number.delay_ms = 86_400_000),
    ];
    for (field, change) in cases {
        let mut policy = VoicePolicy::default();
        change(&mut policy.sources);
        assert_eq!(policy.checked().expect_err(field).field, field);
    }
}

proptest! {
    /// However outcomes and pauses are chosen, no span as long as the shortest lock sees more rejections than the
    /// limit permits.
    #[test]
    fn rejections_in_a_lock_period_are_bounded(
        steps in prop::collection::vec((0i64..300, any::<bool>()), 1..120)
    ) {
        let mut state = SourceAttempts::default();
        let mut now = 0;
        let mut rejected: Vec<i64> = Vec::new();
        for (gap, fails) in steps {
            now += gap;
            let held = state.is_held(at(now));
            if fails && !held {
                rejected.push(now);
            }
            let outcome = if fails { Failed } else { Passed };
            let (next, hold) = state.after(outcome, at(now), &RULES);
            prop_assert!(!(held && hold.is_some()));
            state = next;
        }
        for (i, first) in rejected.iter().enumerate() {
            // A lock begins the count anew, so the span is as long as the shortest lock.
            let span = rejected[i..].iter().take_while(|ms| **ms - first < 200).count();
            prop_assert!(span <= RULES.rejected_limit as usize);
        }
    }
}
