//! From an estimated age to a class and a routing hint. Nothing else may use an age.

use serde::{Deserialize, Serialize};

use crate::domain::{AgeClass, AgeEstimate, Quality, Reason, RoutingHint, RoutingQueue};
use crate::policy::PolicyError;
use crate::policy::rules::within;
use crate::policy::verification::add_quality;

/// When an age class is stated and when a queue is hinted at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgeRules {
    /// Net speech under which nothing is concluded, in milliseconds.
    pub min_net_speech_ms: u32,
    /// Probability from which on a class is stated. 0.8: a wrong class costs five times an undetermined
    /// one.
    pub class_probability: f64,
    /// Widest interval between the 10 % and 90 % quantile with which a class is stated, in years.
    pub max_interval_years: f64,
    /// Probability of a senior from which on the priority queue is hinted at. Lower than for the class:
    /// a false priority costs little, a missed senior much.
    pub priority_probability: f64,
}

impl Default for AgeRules {
    fn default() -> Self {
        Self {
            min_net_speech_ms: 3_000,
            class_probability: 0.8,
            max_interval_years: 40.0,
            priority_probability: 0.2,
        }
    }
}

impl AgeRules {
    /// Whether every number is in its range.
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let speech = f64::from(self.min_net_speech_ms);
        within("age.min_net_speech_ms", speech, 1_000.0, 30_000.0)?;
        // From 0.5 on, at most one class is likely enough.
        within("age.class_probability", self.class_probability, 0.5, 0.999)?;
        within("age.max_interval_years", self.max_interval_years, 1.0, 100.0)?;
        let most = self.class_probability;
        within("age.priority_probability", self.priority_probability, 0.001, most)
    }
}

/// A class, why, and where the call could go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgeVerdict {
    /// The class.
    pub class: AgeClass,
    /// Why it is undetermined, and what the quality says.
    pub reasons: Vec<Reason>,
    /// Absent where nothing speaks for another queue than the usual one.
    pub routing: Option<RoutingHint>,
}

/// Classifies a caller. Without an estimate, with too little speech, or with something else than speech
/// the class is UNDETERMINED and there is no hint.
pub fn classify_age(
    rules: &AgeRules,
    estimate: Option<&AgeEstimate>,
    quality: &Quality,
) -> AgeVerdict {
    let mut reasons = Vec::new();
    let enough = quality.net_speech_ms >= rules.min_net_speech_ms;
    if !enough {
        reasons.push(Reason::SpeakLonger);
    }
    let heard = enough && !quality.reasons.contains(&Reason::NotSpeech);
    let (mut class, mut routing) = (AgeClass::Undetermined, None);
    if let Some(estimate) = estimate.filter(|_| heard) {
        match class_of(rules, estimate) {
            Ok(stated) => class = stated,
            Err(why) => reasons.push(why),
        }
        routing = hint(rules, estimate);
    }
    add_quality(&mut reasons, quality);
    if enough {
        // The limit for classes may lie below the one the quality was held against.
        reasons.retain(|reason| *reason != Reason::SpeakLonger);
    }
    AgeVerdict { class, reasons, routing }
}

fn class_of(rules: &AgeRules, estimate: &AgeEstimate) -> Result<AgeClass, Reason> {
    if estimate.years.high - estimate.years.low > rules.max_interval_years {
        return Err(Reason::AgeIntervalWide);
    }
    let classes = [
        (AgeClass::Senior, estimate.p_senior),
        (AgeClass::Minor, estimate.p_minor),
        (AgeClass::Adult, estimate.p_adult()),
    ];
    let likely = classes.into_iter().find(|(_, p)| p.value() >= rules.class_probability);
    likely.map(|(class, _)| class).ok_or(Reason::AgeUncertain)
}

fn hint(rules: &AgeRules, estimate: &AgeEstimate) -> Option<RoutingHint> {
    (estimate.p_senior.value() >= rules.priority_probability).then_some(RoutingHint {
        queue: RoutingQueue::Priority,
        reason: Reason::SeniorLikely,
        confidence: estimate.p_senior,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AgeYears, Probability};
    use crate::policy::verification::tests::quality;

    fn estimate(p_minor: f64, p_senior: f64, low: f64, high: f64) -> AgeEstimate {
        let p = |value| Probability::new(value).expect("a probability");
        let years = AgeYears { estimate: (low + high) / 2.0, low, high };
        AgeEstimate { years, p_minor: p(p_minor), p_senior: p(p_senior) }
    }

    #[test]
    fn classes_follow_the_table() {
        let rules = AgeRules::default();
        let cases = [
            (estimate(0.0, 0.8, 60.0, 80.0), AgeClass::Senior, None),
            (estimate(0.9, 0.0, 7.0, 19.0), AgeClass::Minor, None),
            (estimate(0.05, 0.05, 20.0, 55.0), AgeClass::Adult, None),
            (estimate(0.0, 0.79, 60.0, 80.0), AgeClass::Undetermined, Some(Reason::AgeUncertain)),
            (estimate(0.3, 0.0, 14.0, 22.0), AgeClass::Undetermined, Some(Reason::AgeUncertain)),
            (estimate(0.0, 0.9, 39.0, 80.0), AgeClass::Undetermined, Some(Reason::AgeIntervalWide)),
        ];
        for (estimate, class, reason) in cases {
            let verdict = classify_age(&rules, Some(&estimate), &quality(5_000));
            assert_eq!(verdict.class, class, "{estimate:?}");
            assert_eq!(verdict.reasons.first().copied(), reason, "{estimate:?}");
        }
    }

    #[test]
    fn a_hint_needs_less_than_a_class() {
        let rules = AgeRules::default();
        let hint = |p_senior| {
            let estimate = estimate(0.0, p_senior, 40.0, 70.0);
            classify_age(&rules, Some(&estimate), &quality(3_000))
        };
        let verdict = hint(0.25);
        assert_eq!(verdict.class, AgeClass::Undetermined);
        let routing = verdict.routing.expect("a hint");
        assert_eq!((routing.queue, routing.reason), (RoutingQueue::Priority, Reason::SeniorLikely));
        assert_eq!(routing.confidence.value(), 0.25);
        assert_eq!(hint(0.19).routing, None);
    }

    #[test]
    fn what_was_hardly_heard_says_nothing() {
        let rules = AgeRules::default();
        let senior = estimate(0.0, 1.0, 70.0, 80.0);
        let short = classify_age(&rules, Some(&senior), &quality(2_999));
        assert_eq!(short.class, AgeClass::Undetermined);
        assert_eq!((short.reasons, short.routing), (vec![Reason::SpeakLonger], None));
        let mut music = quality(9_000);
        music.reasons = vec![Reason::NotSpeech];
        let verdict = classify_age(&rules, Some(&senior), &music);
        assert_eq!(verdict.class, AgeClass::Undetermined);
        assert_eq!((verdict.reasons, verdict.routing), (vec![Reason::NotSpeech], None));
        let none = classify_age(&rules, None, &quality(9_000));
        assert_eq!((none.class, none.routing), (AgeClass::Undetermined, None));
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let cases = [
            ("age.min_net_speech_ms", AgeRules { min_net_speech_ms: 999, ..Default::default() }),
            ("age.class_probability", AgeRules { class_probability: 0.4, ..Default::default() }),
            ("age.max_interval_years", AgeRules { max_interval_years: 0.0, ..Default::default() }),
            (
                "age.priority_probability",
                AgeRules { priority_probability: 0.9, ..Default::default() },
            ),
        ];
        for (field, rules) in cases {
            assert_eq!(rules.check().expect_err(field).field, field);
        }
        assert!(AgeRules::default().check().is_ok());
    }
}
