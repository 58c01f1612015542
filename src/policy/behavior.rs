//! Decisions by behavior. Behavior alone is a risk signal, not a login: at the FMR a login needs, too many
//! genuine people would be refused (FNMR at 0.1 % FMR: 32 to 86 % for a password, 38 % for free text of 50 keys, over 80 % for
//! strokes, 52 % for a pointer; `models/behavior-*/CARD.md`), so a claim that nothing else vouches for is stepped up however
//! well the behavior matches, unless `accept_alone` says otherwise.

use serde::{Deserialize, Serialize};

use crate::behavior::SampleKind;
use crate::behavior::kinds::MAX_MOTION_WEIGHT;
use crate::domain::{Decision, DurationMs, Llr, Reason};
use crate::policy::rules::{DAY_MS, LLR_LIMIT, within};
use crate::policy::{Outcome, PolicyError, add};

/// Most captures and units that any enrollment can need, whatever is configured.
pub const MAX_NEEDED: u32 = 512;
/// Most fingerprints of captures that can be remembered, whatever is configured.
pub const MAX_REMEMBERED: u32 = 1_024;

/// What a profile needs, when a claim is accepted, and how a profile may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BehaviorRules {
    /// LLR (natural log) from which on behavior matches. 4.6 is a likelihood ratio of 100.
    pub accept_llr: Llr,
    /// LLR under which a claim is rejected.
    pub reject_llr: Llr,
    /// Accept what matches without another factor.
    pub accept_alone: bool,
    /// LLR of a capture against those collected before it, at least. Low: it keeps another person's
    /// captures out of an enrollment that somebody authorized, not unusual ones of the right person.
    pub consistency_llr: Llr,
    /// Captures that must have been collected before a further one is held against them.
    pub consistency_captures: u32,
    /// Repetitions of a fixed text.
    pub fixed_text_captures: u32,
    /// Captures of free text, and keys in all of them.
    pub free_text_captures: u32,
    /// See `free_text_captures`.
    pub free_text_keys: u32,
    /// Strokes of a finger.
    pub touch_strokes: u32,
    /// Movements of a pointer.
    pub pointer_actions: u32,
    /// A profile may be used this long, in milliseconds. Shorter than a voiceprint: practice changes how a
    /// text is typed.
    pub profile_lifetime_ms: DurationMs,
    /// Largest share of a profile that may have come by adaptation. What an impostor could bring in stays
    /// a minority, whatever the other factor was.
    pub max_adapted_share: f64,
    /// LLR of captures to adapt, taken together, against the enrolled ones alone, at least: a profile
    /// cannot walk away from them in small steps.
    pub adapt_llr: Llr,
    /// LLR of one capture among several that are adapted, at least: a stroke alone says little, but must
    /// not speak against.
    pub adapt_sample_llr: Llr,
    /// Accepted captures whose fingerprints are remembered for a profile, to recognize a replay. Those of
    /// its own samples are never forgotten.
    pub remembered_captures: u32,
    /// What the LLR of how a phone or tablet is held counts beside the rest, where the client sends motion; 0 leaves it
    /// out. It was measured on one set of tablets only and adds little.
    pub motion_weight: f64,
}

impl Default for BehaviorRules {
    fn default() -> Self {
        Self {
            accept_llr: Llr(4.6),
            reject_llr: Llr(-2.0),
            accept_alone: false,
            consistency_llr: Llr(-6.0),
            consistency_captures: 3,
            fixed_text_captures: 10,
            free_text_captures: 5,
            free_text_keys: 200,
            touch_strokes: 30,
            pointer_actions: 100,
            profile_lifetime_ms: 365 * DAY_MS,
            max_adapted_share: 0.3,
            adapt_llr: Llr(4.6),
            adapt_sample_llr: Llr(0.0),
            remembered_captures: 256,
            motion_weight: 0.0,
        }
    }
}

/// What an enrollment needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BehaviorNeeds {
    /// Captures.
    pub captures: u32,
    /// Keys, strokes or movements in them.
    pub units: u32,
}

impl BehaviorRules {
    /// Whether every number is in its range.
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let reject = self.reject_llr.0;
        within("behavior.reject_llr", reject, -LLR_LIMIT, LLR_LIMIT)?;
        within("behavior.accept_llr", self.accept_llr.0, reject, LLR_LIMIT)?;
        within("behavior.consistency_llr", self.consistency_llr.0, -LLR_LIMIT, LLR_LIMIT)?;
        within("behavior.adapt_llr", self.adapt_llr.0, reject, LLR_LIMIT)?;
        within("behavior.adapt_sample_llr", self.adapt_sample_llr.0, reject, LLR_LIMIT)?;
        let most = f64::from(MAX_NEEDED);
        for (field, value, least) in [
            ("behavior.consistency_captures", self.consistency_captures, 1.0),
            ("behavior.fixed_text_captures", self.fixed_text_captures, 2.0),
            ("behavior.free_text_captures", self.free_text_captures, 1.0),
            ("behavior.touch_strokes", self.touch_strokes, 2.0),
        ] {
            within(field, f64::from(value), least, most)?;
        }
        within("behavior.free_text_keys", f64::from(self.free_text_keys), 1.0, 100_000.0)?;
        within("behavior.pointer_actions", f64::from(self.pointer_actions), 1.0, 100_000.0)?;
        let lifetime = self.profile_lifetime_ms as f64;
        within("behavior.profile_lifetime_ms", lifetime, 1_000.0, (10 * 366 * DAY_MS) as f64)?;
        within("behavior.max_adapted_share", self.max_adapted_share, 0.0, 0.5)?;
        within("behavior.motion_weight", self.motion_weight, 0.0, MAX_MOTION_WEIGHT)?;
        let remembered = f64::from(self.remembered_captures);
        within("behavior.remembered_captures", remembered, 0.0, f64::from(MAX_REMEMBERED))
    }

    /// What an enrollment of this kind needs.
    pub fn needs(&self, kind: SampleKind) -> BehaviorNeeds {
        let (captures, units) = match kind {
            SampleKind::FixedText => (self.fixed_text_captures, 0),
            SampleKind::FreeText => (self.free_text_captures, self.free_text_keys),
            SampleKind::Touch => (self.touch_strokes, self.touch_strokes),
            SampleKind::Pointer => (1, self.pointer_actions),
        };
        BehaviorNeeds { captures, units }
    }

    /// Most adapted samples beside this many enrolled ones.
    pub fn adapted_limit(&self, enrolled: usize) -> usize {
        let share = self.max_adapted_share;
        // Adapted / (adapted + enrolled) <= share; a hair more, so that a whole number stays itself.
        (share / (1.0 - share) * enrolled as f64 + 1e-9).floor() as usize
    }
}

impl BehaviorNeeds {
    /// Whether this much is enough.
    pub fn met(&self, captures: u32, units: u32) -> bool {
        captures >= self.captures && units >= self.units
    }
}

/// What is known when a claim by behavior is decided.
#[derive(Debug, Clone, Copy)]
pub struct BehaviorEvidence<'a> {
    /// Calibrated evidence; absent when nothing was compared.
    pub llr: Option<Llr>,
    /// Profile and probe hold what the calibration was made for.
    pub enough: bool,
    /// Cues of attacks that were detected.
    pub detected: &'a [Reason],
    /// Another factor vouches for the person.
    pub other_factor: bool,
}

/// A decision by behavior.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BehaviorVerdict {
    /// What was concluded.
    pub decision: Decision,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What it counts as. Not the same as the decision: behavior that matches but is stepped up because
    /// it stands alone is no unsuccessful attempt.
    pub outcome: Outcome,
}

/// Decides a claim. A replay is rejected whatever the score: it matches because it is a copy. Too little
/// input concludes nothing; an LLR that is not a number is no evidence either.
pub fn decide_behavior(rules: &BehaviorRules, evidence: BehaviorEvidence<'_>) -> BehaviorVerdict {
    let detected = evidence.detected;
    let verdict = |decision, first: &[Reason], outcome| {
        let mut reasons = first.to_vec();
        add(&mut reasons, detected);
        BehaviorVerdict { decision, reasons, outcome }
    };
    if detected.contains(&Reason::InputReplayed) {
        return verdict(Decision::Reject, &[], Outcome::Failed);
    }
    let llr = evidence.llr.filter(|llr| evidence.enough && !llr.0.is_nan());
    let Some(llr) = llr else {
        return verdict(Decision::Inconclusive, &[Reason::MoreInput], Outcome::Neutral);
    };
    if llr < rules.reject_llr {
        return verdict(Decision::Reject, &[Reason::BehaviorMismatch], Outcome::Failed);
    }
    if llr < rules.accept_llr {
        return verdict(Decision::StepUp, &[Reason::BehaviorUncertain], Outcome::Uncertain);
    }
    if !detected.is_empty() {
        return verdict(Decision::StepUp, &[Reason::BehaviorMatch], Outcome::Uncertain);
    }
    if evidence.other_factor || rules.accept_alone {
        return verdict(Decision::Accept, &[Reason::BehaviorMatch], Outcome::Passed);
    }
    let why = [Reason::BehaviorMatch, Reason::BehaviorAlone];
    verdict(Decision::StepUp, &why, Outcome::Passed)
}

/// Why a capture is not kept for an enrollment; empty when it is. `consistency` is its LLR against those
/// collected before it, where there were enough. Hesitation refuses nothing: a new text is typed so.
pub fn refuse_capture(
    rules: &BehaviorRules,
    detected: &[Reason],
    consistency: Option<Llr>,
) -> Vec<Reason> {
    let mut reasons: Vec<Reason> =
        detected.iter().copied().filter(|reason| *reason != Reason::Hesitation).collect();
    // What is not a number is not consistent.
    if consistency.is_some_and(|llr| llr.0.is_nan() || llr < rules.consistency_llr) {
        add(&mut reasons, &[Reason::CaptureInconsistent]);
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(llr: f64, detected: &[Reason], other_factor: bool) -> BehaviorVerdict {
        let llr = Some(Llr(llr));
        let evidence = BehaviorEvidence { llr, enough: true, detected, other_factor };
        decide_behavior(&BehaviorRules::default(), evidence)
    }

    #[test]
    fn decisions_follow_the_table() {
        use Decision::{Accept, Inconclusive, Reject, StepUp};
        let script = [Reason::InputScripted];
        let cases = [
            (4.6, &[][..], true, Accept, Reason::BehaviorMatch, Outcome::Passed),
            (4.6, &[], false, StepUp, Reason::BehaviorMatch, Outcome::Passed),
            (f64::INFINITY, &[], false, StepUp, Reason::BehaviorMatch, Outcome::Passed),
            (9.0, &script, true, StepUp, Reason::BehaviorMatch, Outcome::Uncertain),
            (4.5, &[], true, StepUp, Reason::BehaviorUncertain, Outcome::Uncertain),
            (-2.0, &[], true, StepUp, Reason::BehaviorUncertain, Outcome::Uncertain),
            (-2.1, &[], true, Reject, Reason::BehaviorMismatch, Outcome::Failed),
            (99.0, &[Reason::InputReplayed], true, Reject, Reason::InputReplayed, Outcome::Failed),
            (f64::NAN, &[], true, Inconclusive, Reason::MoreInput, Outcome::Neutral),
        ];
        for (llr, detected, factor, decision, first, outcome) in cases {
            let verdict = decide(llr, detected, factor);
            let got = (verdict.decision, verdict.reasons[0], verdict.outcome);
            assert_eq!(got, (decision, first, outcome), "{llr} {detected:?} {factor}");
            assert!(detected.iter().all(|reason| verdict.reasons.contains(reason)));
        }
        let alone = decide(9.0, &[], false).reasons;
        assert_eq!(alone, [Reason::BehaviorMatch, Reason::BehaviorAlone]);
    }

    #[test]
    fn too_little_input_concludes_nothing() {
        for (llr, enough) in [(None, true), (Some(Llr(-30.0)), false), (Some(Llr(30.0)), false)] {
            let evidence = BehaviorEvidence { llr, enough, detected: &[], other_factor: true };
            let verdict = decide_behavior(&BehaviorRules::default(), evidence);
            assert_eq!(verdict.decision, Decision::Inconclusive);
            assert_eq!(verdict.reasons, [Reason::MoreInput]);
        }
    }

    #[test]
    fn policy_may_let_behavior_stand_alone() {
        let rules = BehaviorRules { accept_alone: true, ..BehaviorRules::default() };
        let llr = Some(Llr(5.0));
        let evidence = BehaviorEvidence { llr, enough: true, detected: &[], other_factor: false };
        assert_eq!(decide_behavior(&rules, evidence).decision, Decision::Accept);
    }

    #[test]
    fn captures_are_refused_for_cause() {
        let rules = BehaviorRules::default();
        let refuse = |detected: &[Reason], llr| refuse_capture(&rules, detected, llr);
        assert_eq!(refuse(&[], None), []);
        assert_eq!(refuse(&[Reason::Hesitation], Some(Llr(-5.9))), []);
        assert_eq!(refuse(&[], Some(Llr(-6.1))), [Reason::CaptureInconsistent]);
        assert_eq!(refuse(&[], Some(Llr(f64::NAN))), [Reason::CaptureInconsistent]);
        assert_eq!(refuse(&[Reason::InputReplayed], Some(Llr(9.0))), [Reason::InputReplayed]);
    }

    #[test]
    fn the_adapted_share_is_never_exceeded() {
        let share = |max_adapted_share| BehaviorRules { max_adapted_share, ..Default::default() };
        assert_eq!(share(0.3).adapted_limit(10), 4);
        assert_eq!(share(0.5).adapted_limit(10), 10);
        assert_eq!(share(0.2).adapted_limit(4), 1);
        assert_eq!(share(0.0).adapted_limit(500), 0);
        for enrolled in 1..200 {
            let adapted = share(0.3).adapted_limit(enrolled);
            assert!(adapted as f64 / (adapted + enrolled) as f64 <= 0.3);
        }
    }

    #[test]
    fn needs_follow_the_kind() {
        let rules = BehaviorRules::default();
        assert!(rules.needs(SampleKind::FixedText).met(10, 0));
        assert!(!rules.needs(SampleKind::FreeText).met(5, 199));
        assert!(rules.needs(SampleKind::FreeText).met(5, 200));
        assert!(!rules.needs(SampleKind::Touch).met(29, 40));
        assert!(rules.needs(SampleKind::Pointer).met(1, 100));
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        type Change = fn(&mut BehaviorRules);
        let cases: [(&str, Change); 6] = [
            ("behavior.accept_llr", |r| r.accept_llr = Llr(-3.0)),
            ("behavior.reject_llr", |r| r.reject_llr = Llr(f64::NAN)),
            ("behavior.fixed_text_captures", |r| r.fixed_text_captures = 1),
            ("behavior.max_adapted_share", |r| r.max_adapted_share = 0.6),
            ("behavior.remembered_captures", |r| r.remembered_captures = 1_025),
            ("behavior.motion_weight", |r| r.motion_weight = 0.6),
        ];
        for (field, change) in cases {
            let mut rules = BehaviorRules::default();
            change(&mut rules);
            assert_eq!(rules.check().expect_err(field).field, field);
        }
        assert!(BehaviorRules::default().check().is_ok());
    }
}
