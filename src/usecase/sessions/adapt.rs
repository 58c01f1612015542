//! Which accepted caller's voice may join their voiceprint: one for whom something else than the voice vouched.

use crate::domain::{Authorization, Decision, Finding, FindingKind, Modality, PadOutcome};
use crate::policy::AdaptationRules;
use crate::policy::session::{DecisionFacts, FactorOutcome};
use crate::session::call::Record;
use crate::usecase::adapt_voice::Heard;
use crate::usecase::core::Inner;
use crate::usecase::sessions::hearing::Hearing;
use crate::usecase::sessions::policy::SessionPolicy;

/// What vouched for the person besides their voice: a factor that was passed and that the policy knows, or another modality
/// that is sure enough.
fn vouched(
    rules: &AdaptationRules,
    policy: &dyn SessionPolicy,
    facts: &DecisionFacts,
) -> Option<String> {
    let passed = facts.factors.iter().find(|(factor, outcome)| {
        **outcome == FactorOutcome::Passed && policy.knows_factor(factor)
    });
    let factor = passed.map(|(factor, _)| factor.to_string());
    let other = facts.evidence.iter().find(|(modality, evidence)| {
        **modality != Modality::Voice
            && evidence.enough
            && evidence.pad != PadOutcome::Attack
            && evidence.llr.is_some_and(|llr| llr >= rules.other_modality_llr)
    });
    factor.or_else(|| other.map(|(modality, _)| modality.as_str().to_owned()))
}

/// Whether nothing speaks against the voice being that of one person, here and now.
fn clean(record: &Record) -> bool {
    let facts = &record.assessment.facts;
    let attacked =
        facts.evidence.get(&Modality::Voice).is_some_and(|voice| voice.pad == PadOutcome::Attack);
    record.assessment.changes == 0
        && facts.changed_ms_ago.is_none()
        && !attacked
        && facts.context.finding(FindingKind::SecondVoice) != Finding::Present
}

/// The voice of an accepted caller, and what vouched for them.
pub(super) async fn adaptable(
    (inner, policy): (&Inner, &dyn SessionPolicy),
    record: &Record,
    hearing: Option<&Hearing>,
    session: &str,
) -> Option<(Heard, Authorization)> {
    let rules = &inner.parts.policy.adaptation;
    if !rules.enabled || record.assessment.verdict.decision != Decision::Accept || !clean(record) {
        return None;
    }
    let factor = vouched(rules, policy, &record.assessment.facts)?;
    let heard = hearing?.heard(inner).await;
    let heard =
        heard.inspect_err(|error| tracing::warn!(%error, "a voice was not adapted")).ok()?;
    Some((heard, Authorization { agent: session.to_owned(), factor }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ArtifactRef, FactorName, IntentId, Llr, SessionChannel};
    use crate::policy::session::{ModalityEvidence, SubjectStanding, shipped};
    use crate::scoring::fusion::Fusion;

    fn evidence(llr: f64) -> ModalityEvidence {
        ModalityEvidence {
            llr: Some(Llr(llr)),
            enough: true,
            age_ms: 0,
            model: ArtifactRef::new("m", 1),
            pad: PadOutcome::NotEvaluated,
        }
    }

    #[test]
    fn the_voice_does_not_vouch_for_itself() {
        let rules = AdaptationRules::default();
        let policy = shipped("contact-centre", Fusion::cautious()).unwrap().unwrap();
        let intent = IntentId::parse("transfer").unwrap();
        let mut facts =
            DecisionFacts::new(intent, SessionChannel::Phone, SubjectStanding::Enrolled);
        facts.evidence.insert(Modality::Voice, evidence(20.0));
        assert_eq!(vouched(&rules, &policy, &facts), None);
        facts.evidence.insert(Modality::Keystroke, evidence(4.5));
        assert_eq!(vouched(&rules, &policy, &facts), None);
        facts.evidence.insert(Modality::Keystroke, evidence(4.6));
        assert_eq!(vouched(&rules, &policy, &facts).as_deref(), Some("keystroke"));
        // One that the policy does not know counts for nothing elsewhere either.
        let unknown = FactorName::parse("a_hunch").unwrap();
        facts.factors.insert(unknown, FactorOutcome::Passed);
        assert_eq!(vouched(&rules, &policy, &facts).as_deref(), Some("keystroke"));
        let otp = FactorName::parse("otp_app").unwrap();
        facts.factors.insert(otp.clone(), FactorOutcome::Failed);
        assert_eq!(vouched(&rules, &policy, &facts).as_deref(), Some("keystroke"));
        facts.factors.insert(otp, FactorOutcome::Passed);
        assert_eq!(vouched(&rules, &policy, &facts).as_deref(), Some("otp_app"));
    }
}
