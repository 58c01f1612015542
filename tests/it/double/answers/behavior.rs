//! Answers about behavior and texts.

use vouch::domain::*;
use vouch::usecase::command::*;
use vouch::usecase::output::*;

use super::{decision_id, versions};

pub fn behavior_enrollment(captures: &[RawCapture]) -> BehaviorEnrollment {
    let outcome = |capture: &RawCapture| CaptureOutcome {
        capture: capture.capture.clone(),
        accepted: true,
        reasons: vec![],
    };
    BehaviorEnrollment {
        state: EnrollmentState::InProgress,
        progress: BehaviorProgress {
            captures: 7,
            required_captures: 10,
            units: 88,
            required_units: 100,
            unit: "keys".into(),
        },
        captures: captures.iter().map(outcome).collect(),
        reasons: vec![Reason::EnrollmentInProgress],
        profile: Some(BehaviorProfileId::parse("p-1").unwrap()),
        kind: BehaviorKind::FreeText,
        device: Device::Phone,
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

pub fn text_enrollment() -> TextEnrollment {
    TextEnrollment {
        state: EnrollmentState::InProgress,
        progress: StyleProgress { words: 320, required_words: 500 },
        accepted: true,
        reasons: vec![Reason::EnrollmentInProgress],
        profile: Some(BehaviorProfileId::parse("p-1").unwrap()),
        words: 320,
        decision_id: decision_id(),
        versions: versions(),
    }
}

pub fn text_verification(messages: u32) -> TextVerification {
    TextVerification {
        decision: Decision::StepUp,
        reasons: vec![Reason::BehaviorMatch, Reason::BehaviorAlone],
        score: Some(ShownScore { band: ScoreBand::High, llr: None, raw: None }),
        findings: vec![ShownTextFinding {
            kind: FindingKind::SocialEngineering,
            state: Finding::Present,
            codes: vec!["CODE_REQUEST".into()],
        }],
        habits: vec![],
        words: 250,
        messages,
        enough: true,
        adapted: false,
        decision_id: decision_id(),
        versions: versions(),
    }
}
