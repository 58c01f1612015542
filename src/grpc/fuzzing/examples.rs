//! One message of each kind of request, for tests and as seeds of the fuzz target.

use prost::Message as _;

use crate::grpc::proto;

/// One message of each kind that is read without complaint.
pub(super) fn good() -> Vec<Vec<u8>> {
    let subject_id = || "caller-7".to_owned();
    let idempotency_key = || "k-1".to_owned();
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 5_000_000 });
    let config = || {
        Some(proto::AudioConfig {
            encoding: proto::AudioEncoding::PcmS16le as i32,
            sample_rate_hz: 16_000,
            channels: 2,
            channel: Some(1),
        })
    };
    let audio = || Some(proto::Audio { config: config(), content: vec![1, 2, 3, 4] });
    let enrollment = || {
        Some(proto::EnrollmentConfig {
            subject_id: subject_id(),
            idempotency_key: idempotency_key(),
            authorization: Some(proto::Authorization {
                agent: "agent-7".into(),
                factor: "otp".into(),
            }),
            reenroll: true,
        })
    };
    let enroll_stream = proto::EnrollStreamConfig { enrollment: enrollment(), audio: config() };
    let verify_stream = proto::VerifyStreamConfig {
        subject_id: subject_id(),
        audio: config(),
        idempotency_key: idempotency_key(),
        no_early_decision: true,
        ..Default::default()
    };
    let consent = proto::Consent {
        notice_id: "notice".into(),
        notice_version: "3".into(),
        purpose: proto::ConsentPurpose::VoiceAuthentication as i32,
        channel: "call".into(),
        collector: "agent-7".into(),
        given_at: at(1_700_000_000),
        expires_at: at(1_800_000_000),
    };
    use proto::enroll_stream_request::Message as Enroll;
    use proto::identify_stream_request::Message as Identify;
    use proto::verify_stream_request::Message as Verify;
    let list = proto::CandidateList { subject_ids: vec![subject_id(), "caller-8".into()] };
    let identify_stream = proto::IdentifyStreamConfig {
        audio: config(),
        candidates: Some(proto::identify_stream_config::Candidates::CandidateList(list.clone())),
        max_results: 5,
        idempotency_key: idempotency_key(),
        no_early_decision: false,
    };
    let (subject_id, idempotency_key) = (subject_id(), idempotency_key());
    let messages: Vec<Vec<u8>> = vec![
        proto::CreateSubjectRequest {
            subject_id: subject_id.clone(),
            idempotency_key: idempotency_key.clone(),
        }
        .encode_to_vec(),
        proto::GetSubjectRequest { subject_id: subject_id.clone() }.encode_to_vec(),
        proto::ListSubjectsRequest { page_size: 7, page_token: "41".into() }.encode_to_vec(),
        proto::RecordConsentRequest {
            subject_id: subject_id.clone(),
            consent: Some(consent),
            idempotency_key: idempotency_key.clone(),
        }
        .encode_to_vec(),
        proto::WithdrawConsentRequest {
            subject_id: subject_id.clone(),
            purpose: proto::ConsentPurpose::VoiceAuthentication as i32,
            idempotency_key: idempotency_key.clone(),
        }
        .encode_to_vec(),
        proto::SetOptOutRequest {
            subject_id: subject_id.clone(),
            opted_out: true,
            idempotency_key: idempotency_key.clone(),
        }
        .encode_to_vec(),
        proto::EraseSubjectRequest {
            subject_id: subject_id.clone(),
            idempotency_key: idempotency_key.clone(),
        }
        .encode_to_vec(),
        proto::EnrollUtteranceRequest { config: enrollment(), audio: audio() }.encode_to_vec(),
        proto::EnrollStreamRequest { message: Some(Enroll::Config(enroll_stream)) }.encode_to_vec(),
        proto::GetEnrollmentRequest { subject_id: subject_id.clone() }.encode_to_vec(),
        proto::CancelEnrollmentRequest {
            subject_id: subject_id.clone(),
            idempotency_key: idempotency_key.clone(),
        }
        .encode_to_vec(),
        proto::ListVoiceprintsRequest { subject_id: subject_id.clone() }.encode_to_vec(),
        proto::DeleteVoiceprintRequest {
            subject_id: subject_id.clone(),
            voiceprint_id: "print-1".into(),
            idempotency_key: idempotency_key.clone(),
        }
        .encode_to_vec(),
        proto::RenewVoiceprintsRequest { idempotency_key: idempotency_key.clone() }.encode_to_vec(),
        proto::VerifyRequest {
            subject_id: subject_id.clone(),
            audio: audio(),
            idempotency_key: idempotency_key.clone(),
            ..Default::default()
        }
        .encode_to_vec(),
        proto::VerifyStreamRequest { message: Some(Verify::Config(verify_stream)) }.encode_to_vec(),
        proto::IdentifyRequest {
            audio: audio(),
            candidates: Some(proto::identify_request::Candidates::CandidateList(list)),
            max_results: 5,
            idempotency_key,
        }
        .encode_to_vec(),
        proto::IdentifyStreamRequest { message: Some(Identify::Config(identify_stream)) }
            .encode_to_vec(),
        proto::ListDecisionsRequest {
            subject_id,
            from: at(0),
            until: at(1),
            decision: proto::Decision::Reject as i32,
            reason: proto::Reason::VoiceMismatch as i32,
            kind: proto::AuditKind::Verification as i32,
            page_size: 1_000,
            page_token: "9".into(),
        }
        .encode_to_vec(),
        proto::ExplainDecisionRequest { decision_id: "d-1".into(), audience: 3 }.encode_to_vec(),
        b"250m".to_vec(),
    ];
    let messages = messages
        .into_iter()
        .chain(behavior())
        .chain(conversation())
        .chain(policies())
        .chain(feedback())
        .chain(subjects())
        .chain([run(), report_context()]);
    let numbered = messages.enumerate();
    numbered.map(|(kind, message)| [vec![kind as u8], message].concat()).collect()
}

/// The same of `PolicyService`.
fn policies() -> [Vec<u8>; 9] {
    let idempotency_key = || "k-1".to_owned();
    let policy = || {
        let sha256 = "0f".repeat(32);
        Some(proto::PolicyRef { id: "bank".into(), version: 2, sha256 })
    };
    let from = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    [
        proto::ProposePolicyRequest {
            policy_toml: "= no policy".into(),
            idempotency_key: idempotency_key(),
        }
        .encode_to_vec(),
        proto::ApprovePolicyRequest { policy: policy(), idempotency_key: idempotency_key() }
            .encode_to_vec(),
        proto::RejectPolicyRequest { policy: policy(), idempotency_key: idempotency_key() }
            .encode_to_vec(),
        proto::ActivateShadowRequest { policy: policy(), idempotency_key: idempotency_key() }
            .encode_to_vec(),
        proto::ClearShadowRequest { idempotency_key: idempotency_key() }.encode_to_vec(),
        proto::RollBackRequest { policy: policy(), idempotency_key: idempotency_key() }
            .encode_to_vec(),
        proto::GetPolicyRequest { policy: policy() }.encode_to_vec(),
        proto::ListPoliciesRequest { page_size: 7, page_token: "3".into() }.encode_to_vec(),
        proto::WhatIfRequest {
            candidate: policy().map(proto::what_if_request::Candidate::Policy),
            from,
            until: None,
        }
        .encode_to_vec(),
    ]
}

/// The same of `BehaviorService`.
fn behavior() -> [Vec<u8>; 5] {
    use proto::behavior_capture::Events;
    let subject_id = || "caller-7".to_owned();
    let idempotency_key = || "k-1".to_owned();
    let factor = || Some(proto::Authorization { agent: "agent-7".into(), factor: "otp".into() });
    let key = proto::KeyEvent {
        key: "letter".into(),
        down_ms: 1.0,
        up_ms: 90.5,
        pressure: Some(0.5),
        ..Default::default()
    };
    let point = proto::PointEvent {
        phase: proto::PointPhase::Move as i32,
        t_ms: 7.0,
        x: 3.0,
        y: 4.0,
        button: "left".into(),
        ..Default::default()
    };
    let motion = proto::MotionEvent { t_ms: 0.0, accel: vec![0.0; 3], gyro: vec![] };
    let capture = |events| proto::BehaviorCapture {
        capture_id: "c1".into(),
        device: proto::DeviceClass::Tablet as i32,
        text_id: "pin".into(),
        screen: Some(proto::Screen { width_px: 800.0, height_px: 600.0, dpi: Some(90.0) }),
        events: Some(events),
        motion: vec![motion.clone()],
    };
    let keys = capture(Events::Keystroke(proto::KeyEvents { events: vec![key] }));
    let path = capture(Events::Pointer(proto::PointEvents { events: vec![point] }));
    let config = proto::ObserveBehaviorConfig {
        subject_id: subject_id(),
        other_factor: factor(),
        adapt: true,
        idempotency_key: idempotency_key(),
    };
    let config = proto::observe_behavior_request::Message::Config(config);
    [
        proto::EnrollBehaviorRequest {
            subject_id: subject_id(),
            captures: vec![keys],
            authorization: factor(),
            reenroll: true,
            idempotency_key: idempotency_key(),
        }
        .encode_to_vec(),
        proto::VerifyBehaviorRequest {
            subject_id: subject_id(),
            captures: vec![path.clone(), path],
            other_factor: factor(),
            adapt: true,
            idempotency_key: idempotency_key(),
        }
        .encode_to_vec(),
        proto::ObserveBehaviorRequest { message: Some(config) }.encode_to_vec(),
        proto::GetBehaviorProfilesRequest { subject_id: subject_id() }.encode_to_vec(),
        proto::DeleteBehaviorProfileRequest {
            subject_id: subject_id(),
            profile_id: "p-1".into(),
            idempotency_key: idempotency_key(),
        }
        .encode_to_vec(),
    ]
}

/// The same of `SessionService`: a capture.
fn run() -> Vec<u8> {
    let point = |phase: proto::PointPhase, t_ms| proto::PointEvent {
        phase: phase as i32,
        t_ms,
        x: 3.0,
        y: 4.0,
        ..Default::default()
    };
    use proto::PointPhase::{Down, Move, Up};
    let events = vec![point(Down, 0.0), point(Move, 8.0), point(Up, 16.0)];
    let capture = proto::BehaviorCapture {
        device: proto::DeviceClass::Phone as i32,
        events: Some(proto::behavior_capture::Events::Touch(proto::PointEvents { events })),
        ..Default::default()
    };
    let message = Some(proto::run_request::Message::Capture(capture));
    proto::RunRequest { sequence: 1, message }.encode_to_vec()
}

/// The same: what a back end knows.
fn report_context() -> Vec<u8> {
    let factor = proto::FactorResult { factor: "otp_app".into(), passed: true };
    let fact = Some(proto::context_event::Fact::Factor(factor));
    proto::ReportContextRequest {
        session_id: "s-1".into(),
        context: vec![proto::ContextEvent { fact }],
        idempotency_key: "k-1".into(),
    }
    .encode_to_vec()
}

/// The same of `ConversationService`.
fn conversation() -> [Vec<u8>; 6] {
    let subject_id = || "caller-7".to_owned();
    let idempotency_key = || "k-1".to_owned();
    let factor = || Some(proto::Authorization { agent: "agent-7".into(), factor: "otp".into() });
    let sent_at = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 });
    let texts = vec![proto::WrittenText { content: "hi, so :)".into(), sent_at }];
    [
        proto::EnrollTextsRequest {
            subject_id: subject_id(),
            texts: texts.clone(),
            authorization: factor(),
            reenroll: true,
            idempotency_key: idempotency_key(),
        }
        .encode_to_vec(),
        proto::VerifyTextsRequest {
            subject_id: subject_id(),
            texts,
            other_factor: factor(),
            adapt: true,
            idempotency_key: idempotency_key(),
        }
        .encode_to_vec(),
        proto::GetStyleProfileRequest { subject_id: subject_id() }.encode_to_vec(),
        proto::DeleteStyleProfileRequest {
            subject_id: subject_id(),
            profile_id: "p-1".into(),
            idempotency_key: idempotency_key(),
        }
        .encode_to_vec(),
        proto::RedactTextRequest { text: "call 0170 1234567".into() }.encode_to_vec(),
        proto::SetRedactionRequest {
            mode: proto::RedactionMode::Anonymize as i32,
            idempotency_key: idempotency_key(),
        }
        .encode_to_vec(),
    ]
}

/// The same of `FeedbackService`.
fn feedback() -> [Vec<u8>; 3] {
    [
        proto::RecordOutcomeRequest {
            decision_id: "d-1".into(),
            kind: proto::OutcomeKind::Overridden as i32,
            instead: proto::Decision::Accept as i32,
            reviewer: "reviewer-3".into(),
            reason: "knew the branch".into(),
            idempotency_key: "k-1".into(),
        }
        .encode_to_vec(),
        proto::ListOutcomesRequest {
            subject_id: "caller-7".into(),
            from: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            until: Some(prost_types::Timestamp { seconds: 2, nanos: 0 }),
            kind: proto::OutcomeKind::ConfirmedFraud as i32,
            page_size: 10,
            page_token: "9".into(),
        }
        .encode_to_vec(),
        proto::GetOutcomeRequest { decision_id: "d-1".into() }.encode_to_vec(),
    ]
}

/// The same of what `SubjectService` learned later.
fn subjects() -> [Vec<u8>; 3] {
    let (subject_id, idempotency_key) = ("caller-7".to_owned(), "k-1".to_owned());
    let phone_number = "+4930123456".to_owned();
    [
        proto::AddPhoneNumberRequest {
            subject_id: subject_id.clone(),
            phone_number: phone_number.clone(),
            idempotency_key: idempotency_key.clone(),
        }
        .encode_to_vec(),
        proto::RemovePhoneNumberRequest {
            subject_id: subject_id.clone(),
            phone_number,
            idempotency_key,
        }
        .encode_to_vec(),
        proto::ExportSubjectRequest { subject_id, include_embeddings: true }.encode_to_vec(),
    ]
}
