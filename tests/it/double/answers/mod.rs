//! What the double answers.

mod age;
mod behavior;
mod voice;

use vouch::domain::*;
use vouch::usecase::command::*;
use vouch::usecase::output::*;
use vouch::usecase::policies::{PolicyBytes, PolicyOverview};

pub use age::*;
pub use behavior::*;
pub use voice::*;

pub fn versions() -> Versions {
    Versions {
        model: Some(ArtifactRef::new("campplus", 1)),
        calibration: Some(ArtifactRef::new("campplus-open", 1)),
        policy: ArtifactRef::new("default", 1),
    }
}

pub fn decision_id() -> DecisionId {
    DecisionId::parse("d-1").unwrap()
}

pub fn done<T>(value: T) -> Done<T> {
    Done { value, decision_id: decision_id(), versions: versions() }
}

pub fn subject_info(id: SubjectId) -> SubjectInfo {
    SubjectInfo {
        id,
        created_at: Timestamp::from_unix_ms(1_000),
        opted_out: false,
        consents: vec![],
        enrolled: false,
        behavior_profiles: 0,
        phone_numbers: 0,
    }
}

pub fn consent_record(c: RecordConsent) -> ConsentRecord {
    ConsentRecord {
        id: ConsentId::parse("c-1").unwrap(),
        notice_id: c.notice_id,
        notice_version: c.notice_version,
        purpose: c.purpose,
        channel: c.channel,
        collector: c.collector,
        given_at: c.given_at.unwrap_or(Timestamp::from_unix_ms(5)),
        expires_at: c.expires_at,
        withdrawn_at: None,
    }
}

pub fn decision_info(id: DecisionId) -> DecisionInfo {
    DecisionInfo {
        id,
        sequence: 7,
        decided_at: Timestamp::from_unix_ms(1_500),
        kind: AuditKind::Verification,
        act: "verification".into(),
        subject: None,
        decision: Some(Decision::Reject),
        reasons: vec![Reason::VoiceMismatch],
        score: None,
        accept_llr: None,
        reject_llr: None,
        quality: None,
        versions: Some(versions()),
        actor: "k-1".into(),
        erased: false,
    }
}

pub fn recorded_outcome(c: RecordOutcome) -> RecordedOutcome {
    let entry = Feedback {
        kind: c.kind,
        instead: c.instead,
        reviewer: c.reviewer,
        reason: c.reason,
        recorded_at: Timestamp::from_unix_ms(1_500),
        record: decision_id(),
        actor: None,
    };
    RecordedOutcome { entry, replaced: 1 }
}

pub fn policy() -> PolicyBytes {
    PolicyBytes { version: ArtifactRef::new("bank", 2), sha256: "0".repeat(64) }
}

pub fn policy_overview() -> PolicyOverview {
    PolicyOverview {
        active: policy(),
        server_default: true,
        since: None,
        approved_by: None,
        pending: None,
        shadow: None,
    }
}
