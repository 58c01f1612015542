//! One record of a session, told to three.

use super::*;
use crate::domain::{
    ArtifactRef, AuditKind, DecisionId, IntentId, Llr, Modality, PadOutcome, SessionChannel,
    Timestamp,
};
use crate::policy::session::{
    ActivePolicy, DecisionFacts, DecisionRecord as SessionRecord, ModalityEvidence,
    SubjectStanding, shipped,
};
use crate::scoring::fusion::Fusion;
use crate::usecase::sessions::record::{FACTS, SESSION, VERDICT, WOULD_CHANGE};

fn policy() -> ActivePolicy {
    shipped("contact-centre", Fusion::cautious()).expect("shipped").expect("sound")
}

/// Somebody asks for their balance with a voice that says `llr`.
fn decided(llr: f64) -> DecisionRecord {
    let intent = IntentId::parse("balance").expect("a name");
    let mut facts = DecisionFacts::new(intent, SessionChannel::Phone, SubjectStanding::Enrolled);
    facts.net_speech_ms = 8_000;
    let evidence = ModalityEvidence {
        llr: Some(Llr(llr)),
        enough: true,
        age_ms: 0,
        model: ArtifactRef::new("m", 1),
        pad: PadOutcome::NotEvaluated,
    };
    facts.evidence.insert(Modality::Voice, evidence);
    let made = SessionRecord::make(&policy(), facts);
    let mut event = Event::new(AuditKind::Session, "session decision");
    event.decision = Some(made.verdict.decision);
    for (name, text) in [
        (FACTS, serde_json::to_string(&made.facts)),
        (VERDICT, serde_json::to_string(&made.verdict)),
        (WOULD_CHANGE, serde_json::to_string(&made.would_change)),
        (SESSION, Ok("s-1".to_owned())),
    ] {
        event.details.insert(name.to_owned(), text.expect("json"));
    }
    of(event)
}

fn of(event: Event) -> DecisionRecord {
    let at = Timestamp::from_unix_ms(0);
    DecisionRecord {
        id: DecisionId::new(at, [0; 10]),
        sequence: 7,
        at,
        kind: event.kind,
        decision: event.decision,
        reasons: event.reasons.clone(),
        event: Some(event),
    }
}

#[test]
fn a_session_is_told_to_each_in_their_words() {
    let record = decided(1.0);
    let told = |audience| explain(&record, Some(audience), true, false).join("\n");
    let customer = told(Audience::Customer);
    assert!(customer.contains("your voice") && customer.contains("ask for a person"), "{customer}");
    assert!(!customer.chars().any(|c| c.is_ascii_digit()), "{customer}");
    for secret in ["LLR", "nats", "threshold", "pin", "one-time", "STEP_UP"] {
        assert!(!customer.contains(secret), "{secret}: {customer}");
    }
    let agent = told(Audience::Agent);
    assert!(agent.starts_with("balance: ") && !agent.contains("nats"), "{agent}");
    let analyst = told(Audience::Analyst);
    for part in ["+1.00 voice", "prior", "accepted from", "with ", "session s-1"] {
        assert!(analyst.contains(part), "{part}: {analyst}");
    }
    // Nobody in particular: as far as the reader may see.
    assert_eq!(explain(&record, None, true, false).join("\n"), analyst);
    assert_eq!(explain(&record, None, false, false).join("\n"), agent);
}

#[test]
fn other_records_and_broken_ones_are_told_too() {
    for decision in [Decision::Accept, Decision::Reject, Decision::OptedOut, Decision::Locked] {
        let mut event = Event::new(AuditKind::Verification, "verification");
        event.decision = Some(decision);
        event.reasons = vec![Reason::SpeakLonger];
        let record = of(event);
        let customer = explain(&record, Some(Audience::Customer), true, false).join("\n");
        assert!(!customer.contains("LLR") && !customer.is_empty());
        assert_eq!(customer.contains("ask for a person"), decision != Decision::Accept);
        let agent = explain(&record, Some(Audience::Agent), true, false).join("\n");
        assert!(agent.contains(Reason::SpeakLonger.advice()), "{agent}");
        let full = explain(&record, Some(Audience::Analyst), true, false).join("\n");
        assert!(full.contains("Record 7"), "{full}");
    }
    // A verdict of another version cannot be read: every step that can be is told.
    let mut record = decided(1.0);
    if let Some(event) = &mut record.event {
        event.details.insert(VERDICT.to_owned(), "{}".to_owned());
    }
    assert!(explain(&record, Some(Audience::Analyst), true, false)[0].contains("Record 7"));
    record.event = None;
    assert!(explain(&record, Some(Audience::Customer), true, false)[0].contains("erased"));
}
