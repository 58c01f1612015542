//! What the double answers.

use vouch::domain::*;
use vouch::usecase::command::*;
use vouch::usecase::output::*;
use vouch::usecase::policies::{PolicyBytes, PolicyOverview};

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

pub fn quality(total_ms: u32) -> Quality {
    Quality {
        net_speech_ms: total_ms,
        total_ms,
        snr_db: Some(20.0),
        level_dbfs: Some(-26.0),
        clipped_share: 0.0,
        bandwidth: Bandwidth::Narrow,
        packets_lost: 0,
        packets_repeated: 0,
        reasons: vec![],
    }
}

pub fn verification(total_ms: u32) -> Verification {
    Verification {
        decision: Decision::Accept,
        reasons: vec![Reason::VoiceMatch, Reason::PadNotEvaluated],
        score: Some(ShownScore { band: ScoreBand::High, llr: None, raw: None }),
        quality: quality(total_ms),
        pad: PadStatus::NotEvaluated,
        adapted: false,
        decision_id: decision_id(),
        versions: versions(),
    }
}

pub fn behavior_verification(captures: u32) -> BehaviorVerification {
    let finding = |kind, state| ShownFinding { kind, state, detail: "because".into() };
    BehaviorVerification {
        decision: Decision::StepUp,
        reasons: vec![Reason::BehaviorMatch, Reason::BehaviorAlone],
        score: Some(ShownScore { band: ScoreBand::High, llr: None, raw: None }),
        findings: vec![
            finding(BehaviorFinding::Replay, Finding::Absent),
            finding(BehaviorFinding::RemoteControl, Finding::Unknown),
        ],
        habits: vec![ShownHabit {
            what: "hold time".into(),
            position: Some(3),
            deviation: 3.1,
            llr: -1.2,
        }],
        kind: Some(BehaviorKind::FixedText),
        device: Some(Device::Desktop),
        captures,
        units: 10 * captures,
        enough: true,
        adapted: 0,
        decision_id: decision_id(),
        versions: versions(),
    }
}

pub fn identification(searched: u32, total_ms: u32) -> Identification {
    Identification {
        decision: Decision::NoMatch,
        reasons: vec![Reason::BelowIdentificationThreshold],
        candidates: vec![],
        searched,
        threshold: None,
        fpir: 0.01,
        extrapolated: false,
        supported_candidates: 500,
        quality: quality(total_ms),
        pad: PadStatus::NotEvaluated,
        decision_id: decision_id(),
        versions: versions(),
    }
}

pub fn age_head() -> AgeHeadRef {
    AgeHeadRef {
        artifact: ArtifactRef::new("campplus-age-research", 1),
        license_class: LicenseClass::Research,
        data: vec!["coswara".into()],
    }
}

pub fn progress(net_speech_ms: u32) -> Progress {
    Progress { net_speech_ms, required_ms: 20_000, utterances: 1, required_utterances: 3 }
}

pub fn enrollment(total_ms: u32) -> Enrollment {
    Enrollment {
        state: EnrollmentState::InProgress,
        utterance_accepted: true,
        reasons: vec![Reason::EnrollmentInProgress],
        progress: progress(total_ms),
        quality: quality(total_ms),
        voiceprint: None,
        decision_id: decision_id(),
        versions: versions(),
    }
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
