//! Decisions as tables.

use super::*;
use crate::domain::{
    AgeClass, Amount, ArtifactRef, Assurance, Decision, FactorName, Finding, FindingKind, IntentId,
    Llr, Modality, NextStep, PadOutcome, Probability, SessionChannel, SessionReason,
};
use crate::scoring::fusion::Fusion;

/// A shipped policy.
pub(super) fn policy(name: &str) -> ActivePolicy {
    shipped(name, Fusion::cautious()).expect("shipped").expect("sound")
}

/// The default policy.
pub(super) fn contact_centre() -> ActivePolicy {
    policy("contact-centre")
}

/// Fresh evidence, enough of it.
pub(super) fn evidence(llr: f64, pad: PadOutcome) -> ModalityEvidence {
    ModalityEvidence {
        llr: Some(Llr(llr)),
        enough: true,
        age_ms: 0,
        model: ArtifactRef::new("m", 1),
        pad,
    }
}

/// Facts of a call of an enrolled subject.
pub(super) fn call(intent: &str) -> DecisionFacts {
    let intent = IntentId::parse(intent).expect("a name");
    let mut facts = DecisionFacts::new(intent, SessionChannel::Phone, SubjectStanding::Enrolled);
    facts.net_speech_ms = 8_000;
    facts
}

/// Adds a voice.
pub(super) fn voice(mut facts: DecisionFacts, llr: f64, pad: PadOutcome) -> DecisionFacts {
    facts.evidence.insert(Modality::Voice, evidence(llr, pad));
    facts
}

/// Adds factors that were passed.
pub(super) fn passed(mut facts: DecisionFacts, names: &[&str]) -> DecisionFacts {
    for name in names {
        facts.factors.insert(factor(name), FactorOutcome::Passed);
    }
    facts
}

pub(super) fn factor(name: &str) -> FactorName {
    FactorName::parse(name).expect("a name")
}

fn amount(mut facts: DecisionFacts, value: f64, currency: &str) -> DecisionFacts {
    facts.intent.amount = Some(Amount::new(value, currency).expect("a sum"));
    facts
}

fn finding(mut facts: DecisionFacts, kind: FindingKind) -> DecisionFacts {
    facts.context.findings.insert(kind, Finding::Present);
    facts
}

const NO_PAD: PadOutcome = PadOutcome::NotEvaluated;
const PAD: PadOutcome = PadOutcome::BonaFide;

type Row = (&'static str, &'static str, DecisionFacts, Decision, NextStep);

fn hold(rows: Vec<Row>) {
    for (what, name, facts, decision, next) in rows {
        let verdict = decide_stored(&policy(name), &facts);
        assert_eq!((verdict.decision, verdict.next), (decision, next), "{what}: {verdict:#?}");
    }
}

#[test]
fn the_contact_centre_follows_the_table() {
    use Decision::{Accept, Inconclusive, Reject, StepUp};
    use NextStep::{Human, OtherFactor, Proceed, SpeakLonger, Stop};
    let cc = "contact-centre";
    let transfer = |sum| amount(call("transfer"), sum, "EUR");
    let quiet = || DecisionFacts { net_speech_ms: 500, ..call("balance") };
    hold(vec![
        ("nothing yet", cc, quiet(), Inconclusive, SpeakLonger),
        ("no claim needed", cc, call("general_info"), Accept, Proceed),
        ("a voice for little", cc, voice(call("balance"), 5.5, NO_PAD), Accept, Proceed),
        ("not sure yet", cc, voice(call("balance"), 2.0, NO_PAD), StepUp, OtherFactor),
        ("another voice", cc, voice(call("balance"), -6.0, NO_PAD), StepUp, OtherFactor),
        ("a voice for much", cc, voice(transfer(12_000.0), 7.0, NO_PAD), StepUp, OtherFactor),
        ("even checked", cc, voice(transfer(12_000.0), 7.0, PAD), StepUp, OtherFactor),
        (
            "checked, and a factor",
            cc,
            passed(voice(transfer(12_000.0), 7.0, PAD), &["pin"]),
            Accept,
            Proceed,
        ),
        (
            "unchecked, and a factor",
            cc,
            passed(voice(transfer(12_000.0), 7.0, NO_PAD), &["pin"]),
            StepUp,
            OtherFactor,
        ),
        (
            "two factors need no voice",
            cc,
            passed(transfer(12_000.0), &["pin", "otp_app"]),
            Accept,
            Proceed,
        ),
        (
            "two of one category",
            cc,
            passed(voice(transfer(50.0), 7.0, NO_PAD), &["otp_sms", "otp_app"]),
            StepUp,
            OtherFactor,
        ),
        ("another voice wants the SIM", cc, voice(call("sim_swap"), -6.0, NO_PAD), Reject, Stop),
        (
            "remote access",
            cc,
            finding(passed(transfer(100.0), &["pin", "otp_app"]), FindingKind::RemoteAccess),
            StepUp,
            Human,
        ),
        ("no price", cc, amount(call("transfer"), 5.0, "XAU"), StepUp, Human),
        ("no sum", cc, passed(call("transfer"), &["pin", "otp_app"]), StepUp, Human),
        ("unknown intent", cc, voice(call("buy_castle"), 7.0, PAD), StepUp, Human),
        ("an attack", cc, voice(call("balance"), 7.0, PadOutcome::Attack), StepUp, Human),
    ]);
}

#[test]
fn the_strict_profiles_follow_the_table() {
    use Decision::{Accept, Reject, StepUp};
    use NextStep::{OtherFactor, Proceed, SpeakLonger, Stop};
    let (sca, nist) = ("psd2-sca", "nist-800-63b");
    let transfer = || amount(call("transfer"), 100.0, "EUR");
    hold(vec![
        ("inherence alone", sca, voice(call("balance"), 7.0, PAD), StepUp, OtherFactor),
        ("inherence alone pays nothing", sca, voice(transfer(), 7.0, PAD), StepUp, OtherFactor),
        ("one element", sca, passed(transfer(), &["otp_app"]), StepUp, SpeakLonger),
        (
            "voice and possession",
            sca,
            passed(voice(transfer(), 7.0, PAD), &["otp_app"]),
            Accept,
            Proceed,
        ),
        (
            "unchecked voice and possession",
            sca,
            passed(voice(transfer(), 7.0, NO_PAD), &["otp_app"]),
            StepUp,
            OtherFactor,
        ),
        (
            "two inherences are one element",
            sca,
            passed(voice(transfer(), 7.0, PAD), &["device_biometric"]),
            StepUp,
            OtherFactor,
        ),
        ("an attack", sca, voice(call("balance"), 7.0, PadOutcome::Attack), Reject, Stop),
        ("a voice raises nothing", nist, voice(call("balance"), 7.0, PAD), StepUp, OtherFactor),
        ("a factor does", nist, passed(call("balance"), &["pin"]), Accept, Proceed),
        (
            "nor beside a factor",
            nist,
            passed(voice(transfer(), 7.0, PAD), &["otp_app"]),
            StepUp,
            OtherFactor,
        ),
        ("two factors do", nist, passed(transfer(), &["otp_app", "pin"]), Accept, Proceed),
        (
            "yet a voice can stop two factors",
            nist,
            voice(passed(transfer(), &["otp_sms", "security_questions"]), -7.0, NO_PAD),
            StepUp,
            OtherFactor,
        ),
    ]);
}

#[test]
fn where_no_detector_ran_only_low_risk_intents_are_accepted() {
    for (name, _) in SHIPPED {
        let policy = policy(name);
        for (intent, rules) in &policy.file().intents {
            let mut facts = amount(call(intent.as_str()), 1.0, "EUR");
            for modality in Modality::ALL {
                facts.evidence.insert(modality, evidence(20.0, NO_PAD));
            }
            for extra in policy.file().factors.keys().map(Some).chain([None]) {
                let names: Vec<&str> = extra.iter().map(|n| n.as_str()).collect();
                let verdict = decide_stored(&policy, &passed(facts.clone(), &names));
                if rules.requires > Assurance::Low {
                    assert_eq!(verdict.decision, Decision::StepUp, "{name} {intent} {names:?}");
                    assert!(verdict.reasons.contains(&SessionReason::PadNotEvaluated));
                }
            }
        }
    }
}

#[test]
fn whoever_was_locked_too_often_is_sent_to_another_factor() {
    let subject = SubjectStanding::FactorNeeded;
    // Also where a factor alone would not do: with it the voice is listened to again.
    for intent in ["balance", "transfer"] {
        let facts = DecisionFacts { subject, ..voice(call(intent), 7.0, PAD) };
        let verdict = decide_stored(&contact_centre(), &facts);
        assert_eq!((verdict.decision, verdict.next), (Decision::Locked, NextStep::OtherFactor));
        assert!(verdict.factors.contains(&factor("pin")), "{:?}", verdict.factors);
        assert!(verdict.reasons.contains(&SessionReason::OtherFactorNeeded));
        assert_eq!(verdict.fused, None);
        // Who passed one stands as enrolled.
        let facts = DecisionFacts { subject: SubjectStanding::Enrolled, ..facts };
        let verdict = decide_stored(&contact_centre(), &passed(facts, &["pin"]));
        assert!(verdict.fused.is_some());
    }
}

#[test]
fn subjects_without_a_usable_template_rest_on_factors() {
    use SubjectStanding as S;
    let cases = [
        (S::Unclaimed, Decision::Inconclusive, false),
        (S::Unknown, Decision::NotEnrolled, false),
        (S::NotEnrolled, Decision::NotEnrolled, true),
        (S::Expired, Decision::Expired, true),
        (S::NoConsent, Decision::OptedOut, true),
        (S::OptedOut, Decision::OptedOut, true),
        (S::Locked, Decision::Locked, true),
        (S::FactorNeeded, Decision::Locked, true),
        (S::SourceLocked, Decision::Locked, true),
    ];
    for (subject, decision, factors_count) in cases {
        // A voice that would do is not listened to.
        let facts = DecisionFacts { subject, ..voice(call("balance"), 7.0, PAD) };
        let verdict = decide_stored(&contact_centre(), &facts);
        assert_eq!(verdict.decision, decision, "{subject:?}");
        assert_eq!((verdict.fused, verdict.covered), (None, None), "{subject:?}");
        let with = decide_stored(&contact_centre(), &passed(facts, &["pin"]));
        assert_eq!(with.decision == Decision::Accept, factors_count, "{subject:?}");
    }
}

#[test]
fn contributions_sum_to_the_odds() {
    let mut facts = passed(voice(amount(call("transfer"), 800.0, "USD"), 6.0, PAD), &["pin"]);
    facts.evidence.insert(Modality::Text, evidence(1.5, NO_PAD));
    facts.context.ani = AniHistory::Known;
    facts.context.new_device = Finding::Absent;
    facts.context.verstat = Verstat::PassedA;
    facts.challenge = Finding::Present;
    let policy = contact_centre();
    let verdict = decide_stored(&policy, &facts);
    let sum: f64 = verdict.contributions.iter().map(|c| c.nats).sum();
    let odds = verdict.p_genuine.value() / (1.0 - verdict.p_genuine.value());
    assert!((sum - odds.ln()).abs() < 1e-6, "{sum} {odds}");
    // Good context is cut to 1.0 together.
    let context = verdict
        .contributions
        .iter()
        .filter(|c| matches!(c.source, Source::Context(_) | Source::ContextLimit));
    assert!((context.map(|c| c.nats).sum::<f64>() - 1.0).abs() < 1e-12);
    // 0.6 of 720 EUR and 50 are at stake, a step-up costs 4.
    let want = ((0.6 * 720.0 + 50.0 - 4.0) / 4.0f64).ln();
    assert!((verdict.thresholds.accept_log_odds - want).abs() < 1e-12);
    assert!((verdict.thresholds.reject_log_odds - (4.0f64 / 36.0).ln()).abs() < 1e-12);
}

#[test]
fn context_is_never_an_element() {
    let mut facts = call("balance");
    facts.context.ani = AniHistory::Known;
    facts.context.new_device = Finding::Absent;
    facts.context.verstat = Verstat::PassedA;
    let verdict = decide_stored(&contact_centre(), &facts);
    assert!(verdict.p_genuine.value() > 0.999);
    assert_eq!((verdict.assurance, verdict.decision), (Assurance::None, Decision::Inconclusive));
    let nearly = voice(facts, 4.5, NO_PAD);
    assert_eq!(decide_stored(&contact_centre(), &nearly).assurance, Assurance::None);
}

#[test]
fn evidence_fades_with_age_and_after_a_change() {
    let policy = contact_centre();
    let aged = |age_ms, changed_ms_ago| {
        let mut facts = voice(call("balance"), 7.0, PAD);
        if let Some(e) = facts.evidence.get_mut(&Modality::Voice) {
            e.age_ms = age_ms;
        }
        facts.changed_ms_ago = changed_ms_ago;
        decide_stored(&policy, &facts)
    };
    assert_eq!(aged(0, None).decision, Decision::Accept);
    let (minute, quarter) = (aged(60_000, None), aged(900_000, None));
    assert!(minute.fused < aged(0, None).fused && quarter.fused < minute.fused);
    assert!(quarter.reasons.contains(&SessionReason::NothingMeasured) == quarter.fused.is_none());
    assert_eq!(aged(900_001, None).fused, None);
    // From before the change: worth nothing; from after it: as it was.
    let before = aged(10_000, Some(5_000));
    assert!(before.fused.expect("evidence").0.abs() < 1e-9);
    assert_eq!(before.decision, Decision::StepUp);
    assert!(before.reasons.contains(&SessionReason::PersonChanged));
    assert_eq!(aged(4_000, Some(5_000)).decision, Decision::Accept);
    // What spoke against somebody goes on doing so.
    let mut bad = voice(call("sim_swap"), -6.0, NO_PAD);
    bad.changed_ms_ago = Some(0);
    if let Some(e) = bad.evidence.get_mut(&Modality::Voice) {
        e.age_ms = 5_000;
    }
    assert_eq!(decide_stored(&policy, &bad).decision, Decision::Reject);
}

#[test]
fn factors_that_would_do_are_named() {
    let verdict = decide_stored(&contact_centre(), &voice(call("change_address"), 7.0, PAD));
    assert_eq!(verdict.next, NextStep::OtherFactor);
    let names: Vec<&str> = verdict.factors.iter().map(FactorName::as_str).collect();
    // Somebody else's face check is of the category of the voice.
    assert_eq!(names, ["id_document", "otp_app", "otp_sms", "pin", "security_questions"]);
    // Without a voice one alone does not do: any is a step on the way.
    let gone = DecisionFacts { open: false, ..call("change_address") };
    let verdict = decide_stored(&contact_centre(), &gone);
    assert!(verdict.factors.contains(&factor("pin")));
    // With possession only knowledge is left.
    let verdict = decide_stored(&contact_centre(), &passed(gone, &["otp_app"]));
    let names: Vec<&str> = verdict.factors.iter().map(FactorName::as_str).collect();
    assert_eq!(names, ["device_biometric", "pin", "security_questions"]);
    // All failed: only a person is left.
    let mut facts = call("change_address");
    for name in contact_centre().file().factors.keys() {
        facts.factors.insert(name.clone(), FactorOutcome::Failed);
    }
    let verdict = decide_stored(&contact_centre(), &facts);
    assert!(verdict.factors.is_empty());
    assert!(verdict.reasons.contains(&SessionReason::FactorFailed));
}

#[test]
fn age_moves_the_queue_and_nothing_else() {
    let policy = contact_centre();
    let base = voice(call("balance"), 3.0, NO_PAD);
    let of = |age_class, p, language: Option<&str>| {
        let routing =
            RoutingFacts { age_class, p_senior: p, language: language.map(str::to_owned) };
        decide(&policy, &SessionFacts { decision: base.clone(), routing })
    };
    let none = of(None, None, None);
    assert_eq!(none.routing, None);
    let senior = of(Some(AgeClass::Senior), Probability::new(0.9), None);
    let routing = senior.routing.clone().expect("a hint");
    assert_eq!((routing.queue.as_str(), routing.rule.as_str()), ("priority", "senior"));
    assert!(routing.reason.is_some());
    let likely = of(Some(AgeClass::Undetermined), Probability::new(0.3), Some("de"));
    assert_eq!(likely.routing.expect("a hint").queue.as_str(), "priority");
    let german = of(Some(AgeClass::Adult), Probability::new(0.1), Some("de"));
    assert_eq!(german.routing.expect("a hint").queue.as_str(), "multilingual");
    assert_eq!(of(None, None, Some("en")).routing, None);
    // Without the tenant's consent to age classes there is nothing to route by.
    assert_eq!(of(None, Probability::new(0.9), None).routing, None);
    assert_eq!(SessionVerdict { routing: None, ..senior.clone() }, none);
    // And nothing of it is stored.
    let stored = serde_json::to_string(&senior).expect("json");
    assert!(!stored.to_lowercase().contains("senior") && !stored.contains("priority"), "{stored}");
}

mod files;
mod records;
mod properties;
