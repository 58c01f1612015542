//! Decisions by the style of texts. Style alone is a weaker signal than typing or voice (13.7 % EER with
//! 100 words, `models/behavior-text/CARD.md`), so the table of behavior holds with bounds of its own: a claim
//! that nothing else vouches for is stepped up however well the style matches.

use serde::{Deserialize, Serialize};

use crate::domain::{DurationMs, Llr, Reason};
use crate::policy::behavior::MAX_REMEMBERED;
use crate::policy::rules::{DAY_MS, LLR_LIMIT, within};
use crate::policy::{
    BehaviorEvidence, BehaviorRules, BehaviorVerdict, PolicyError, add, decide_behavior,
};

/// Most words that any enrollment can need, whatever is configured.
pub const MAX_NEEDED_WORDS: u32 = 10_000;

/// What a style profile needs, when a claim is accepted, and how a profile may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConversationRules {
    /// LLR (natural log) from which on a style matches. 3.0 is a likelihood ratio of 20: what this evidence can
    /// reach on a page of text; together with another factor it is enough.
    pub accept_llr: Llr,
    /// LLR under which a claim is rejected. Measured: 0.2 % of genuine texts of 100 words are under −3, and 38 % of
    /// others (`models/behavior-text/CARD.md`).
    pub reject_llr: Llr,
    /// Accept what matches without another factor.
    pub accept_alone: bool,
    /// Words of a profile.
    pub enrollment_words: u32,
    /// Words of one contribution to it, at least: rates over fewer are noise that a profile would keep.
    pub contribution_words: u32,
    /// LLR of a contribution against those before it, at least; held once there are enough words for one.
    pub consistency_llr: Llr,
    /// A profile may be used this long, in milliseconds.
    pub profile_lifetime_ms: DurationMs,
    /// Largest share of a profile's words that may have come by adaptation.
    pub max_adapted_share: f64,
    /// LLR of texts to adapt against the enrolled ones alone, at least: a profile cannot walk away from them
    /// in small steps.
    pub adapt_llr: Llr,
    /// Texts whose fingerprints are remembered for a profile, to recognize a replay.
    pub remembered_texts: u32,
}

impl Default for ConversationRules {
    fn default() -> Self {
        Self {
            accept_llr: Llr(3.0),
            reject_llr: Llr(-3.0),
            accept_alone: false,
            enrollment_words: 500,
            contribution_words: 50,
            consistency_llr: Llr(-3.0),
            profile_lifetime_ms: 365 * DAY_MS,
            max_adapted_share: 0.3,
            adapt_llr: Llr(3.0),
            remembered_texts: 256,
        }
    }
}

impl ConversationRules {
    /// Whether every number is in its range.
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let reject = self.reject_llr.0;
        within("conversation.reject_llr", reject, -LLR_LIMIT, LLR_LIMIT)?;
        within("conversation.accept_llr", self.accept_llr.0, reject, LLR_LIMIT)?;
        within("conversation.consistency_llr", self.consistency_llr.0, -LLR_LIMIT, LLR_LIMIT)?;
        within("conversation.adapt_llr", self.adapt_llr.0, reject, LLR_LIMIT)?;
        let (each, most) = (f64::from(self.contribution_words), f64::from(MAX_NEEDED_WORDS));
        within("conversation.contribution_words", each, 30.0, most)?;
        within("conversation.enrollment_words", f64::from(self.enrollment_words), each, most)?;
        let lifetime = self.profile_lifetime_ms as f64;
        within("conversation.profile_lifetime_ms", lifetime, 1_000.0, (10 * 366 * DAY_MS) as f64)?;
        within("conversation.max_adapted_share", self.max_adapted_share, 0.0, 0.5)?;
        let remembered = f64::from(self.remembered_texts);
        within("conversation.remembered_texts", remembered, 0.0, f64::from(MAX_REMEMBERED))
    }

    /// Most adapted words beside this many enrolled ones.
    pub fn adapted_limit(&self, enrolled_words: u32) -> u32 {
        let share = self.max_adapted_share;
        // Adapted / (adapted + enrolled) <= share.
        (share / (1.0 - share) * f64::from(enrolled_words)) as u32
    }
}

/// What is known when a claim by style is decided: as for behavior.
pub type StyleEvidence<'a> = BehaviorEvidence<'a>;

/// Decides a claim by the table of behavior, with the bounds of style.
pub fn decide_style(rules: &ConversationRules, evidence: StyleEvidence<'_>) -> BehaviorVerdict {
    let bounds = BehaviorRules {
        accept_llr: rules.accept_llr,
        reject_llr: rules.reject_llr,
        accept_alone: rules.accept_alone,
        ..BehaviorRules::default()
    };
    decide_behavior(&bounds, evidence)
}

/// Why texts are not kept for an enrollment; empty when they are. `consistency` is their LLR against those collected
/// before them, where there were enough. Phrases of social engineering refuse nothing: they are about what was
/// written, not who wrote it.
pub fn refuse_texts(
    rules: &ConversationRules,
    words: u32,
    detected: &[Reason],
    consistency: Option<Llr>,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if words < rules.contribution_words {
        reasons.push(Reason::MoreInput);
    }
    let theirs = detected.iter().filter(|reason| **reason != Reason::SocialEngineering);
    add(&mut reasons, &theirs.copied().collect::<Vec<_>>());
    // What is not a number is not consistent.
    if consistency.is_some_and(|llr| llr.0.is_nan() || llr < rules.consistency_llr) {
        add(&mut reasons, &[Reason::CaptureInconsistent]);
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Decision;

    #[test]
    fn style_alone_is_stepped_up_at_most() {
        let rules = ConversationRules::default();
        let decide = |llr: f64, other_factor, detected: &[Reason]| {
            let llr = Some(Llr(llr));
            let evidence = StyleEvidence { llr, enough: true, detected, other_factor };
            decide_style(&rules, evidence).decision
        };
        assert_eq!(decide(f64::INFINITY, false, &[]), Decision::StepUp);
        assert_eq!(decide(3.0, true, &[]), Decision::Accept);
        assert_eq!(decide(2.9, true, &[]), Decision::StepUp);
        assert_eq!(decide(-3.0, true, &[]), Decision::StepUp);
        assert_eq!(decide(-3.1, true, &[]), Decision::Reject);
        assert_eq!(decide(9.0, true, &[Reason::SocialEngineering]), Decision::StepUp);
        assert_eq!(decide(9.0, true, &[Reason::InputPasted]), Decision::StepUp);
        assert_eq!(decide(9.0, true, &[Reason::InputReplayed]), Decision::Reject);
    }

    #[test]
    fn texts_are_refused_for_cause() {
        let rules = ConversationRules::default();
        let refuse = |words, detected: &[Reason], llr| refuse_texts(&rules, words, detected, llr);
        assert_eq!(refuse(50, &[Reason::SocialEngineering], Some(Llr(-3.0))), []);
        assert_eq!(refuse(49, &[], None), [Reason::MoreInput]);
        assert_eq!(refuse(50, &[Reason::InputPasted], None), [Reason::InputPasted]);
        assert_eq!(refuse(50, &[], Some(Llr(-3.1))), [Reason::CaptureInconsistent]);
        assert_eq!(refuse(50, &[], Some(Llr(f64::NAN))), [Reason::CaptureInconsistent]);
    }

    #[test]
    fn the_adapted_share_is_never_exceeded() {
        let rules = ConversationRules::default();
        for enrolled in [0, 50, 499, 500, 10_000] {
            let adapted = rules.adapted_limit(enrolled);
            let share = f64::from(adapted) / f64::from(adapted + enrolled).max(1.0);
            assert!(share <= 0.3, "{adapted} beside {enrolled}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        type Change = fn(&mut ConversationRules);
        let cases: [(&str, Change); 5] = [
            ("conversation.accept_llr", |r| r.accept_llr = Llr(-4.0)),
            ("conversation.reject_llr", |r| r.reject_llr = Llr(f64::NAN)),
            ("conversation.contribution_words", |r| r.contribution_words = 29),
            ("conversation.enrollment_words", |r| r.enrollment_words = 49),
            ("conversation.max_adapted_share", |r| r.max_adapted_share = 0.6),
        ];
        for (field, change) in cases {
            let mut rules = ConversationRules::default();
            change(&mut rules);
            assert_eq!(rules.check().expect_err(field).field, field);
        }
        assert!(ConversationRules::default().check().is_ok());
    }
}
