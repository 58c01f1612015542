//! Answers: domain to proto.

use crate::domain::{
    AuditKind, Authorization, Bandwidth, ConsentRecord, Decision, LicenseClass, PadStatus, Purpose,
    Quality, Reason, ScoreBand, Timestamp, Versions,
};
use crate::grpc::proto;
use crate::usecase::output;

/// A moment.
pub fn timestamp_out(moment: Timestamp) -> prost_types::Timestamp {
    let ms = moment.unix_ms();
    prost_types::Timestamp {
        seconds: ms.div_euclid(1_000),
        nanos: i32::try_from(ms.rem_euclid(1_000)).expect("below 1000") * 1_000_000,
    }
}

fn duration_out(ms: u32) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::from(ms / 1_000),
        nanos: i32::try_from(ms % 1_000).expect("below 1000") * 1_000_000,
    }
}

/// A decision.
pub fn decision(value: Decision) -> proto::Decision {
    use proto::Decision as P;
    match value {
        Decision::Accept => P::Accept,
        Decision::StepUp => P::StepUp,
        Decision::Reject => P::Reject,
        Decision::Inconclusive => P::Inconclusive,
        Decision::NoMatch => P::NoMatch,
        Decision::NotEnrolled => P::NotEnrolled,
        Decision::OptedOut => P::OptedOut,
        Decision::Expired => P::Expired,
        Decision::Locked => P::Locked,
    }
}

/// A reason.
pub fn reason(value: Reason) -> proto::Reason {
    use proto::Reason as P;
    match value {
        Reason::SpeakLonger => P::SpeakLonger,
        Reason::TooNoisy => P::TooNoisy,
        Reason::Clipped => P::Clipped,
        Reason::TooQuiet => P::TooQuiet,
        Reason::NotSpeech => P::NotSpeech,
        Reason::PacketLoss => P::PacketLoss,
        Reason::VoiceMatch => P::VoiceMatch,
        Reason::VoiceMismatch => P::VoiceMismatch,
        Reason::VoiceUncertain => P::VoiceUncertain,
        Reason::PadNotEvaluated => P::PadNotEvaluated,
        Reason::SpeakerInconsistent => P::SpeakerInconsistent,
        Reason::MultipleSpeakers => P::MultipleSpeakers,
        Reason::NoTemplate => P::NoTemplate,
        Reason::ModelMismatch => P::ModelMismatch,
        Reason::NoConsent => P::NoConsent,
        Reason::OptedOut => P::OptedOut,
        Reason::TemplateExpired => P::TemplateExpired,
        Reason::TooManyAttempts => P::TooManyAttempts,
        Reason::Extrapolated => P::Extrapolated,
        Reason::BelowIdentificationThreshold => P::BelowIdentificationThreshold,
        Reason::EndedEarly => P::EndedEarly,
        Reason::NarrowBand => P::NarrowBand,
        Reason::EnrollmentComplete => P::EnrollmentComplete,
        Reason::EnrollmentInProgress => P::EnrollmentInProgress,
        Reason::Administrative => P::Administrative,
        Reason::ErasurePending => P::ErasurePending,
        Reason::AgeIntervalWide => P::AgeIntervalWide,
        Reason::AgeUncertain => P::AgeUncertain,
        Reason::SeniorLikely => P::SeniorLikely,
        Reason::MoreInput => P::MoreInput,
        Reason::BehaviorMatch => P::BehaviorMatch,
        Reason::BehaviorMismatch => P::BehaviorMismatch,
        Reason::BehaviorUncertain => P::BehaviorUncertain,
        Reason::BehaviorAlone => P::BehaviorAlone,
        Reason::SocialEngineering => P::SocialEngineering,
        Reason::SourceLocked => P::SourceLocked,
        Reason::OtherFactorNeeded => P::OtherFactorNeeded,
        Reason::InputReplayed => P::InputReplayed,
        Reason::InputScripted => P::InputScripted,
        Reason::InputPasted => P::InputPasted,
        Reason::RemoteControl => P::RemoteControl,
        Reason::Hesitation => P::Hesitation,
        Reason::CaptureInconsistent => P::CaptureInconsistent,
        Reason::OtherText => P::OtherText,
    }
}

/// Reasons as the numbers a repeated enum field holds.
pub fn reasons(values: &[Reason]) -> Vec<i32> {
    values.iter().map(|&r| reason(r) as i32).collect()
}

/// Presentation attack detection.
pub fn pad(value: PadStatus) -> i32 {
    match value {
        PadStatus::NotEvaluated => proto::PadStatus::NotEvaluated as i32,
    }
}

/// A kind of act.
pub fn kind(value: AuditKind) -> proto::AuditKind {
    use AuditKind as K;
    use proto::AuditKind as P;
    match value {
        K::Subject => P::Subject,
        K::Consent => P::Consent,
        K::Enrollment => P::Enrollment,
        K::Verification => P::Verification,
        K::Identification => P::Identification,
        K::Erasure => P::Erasure,
        K::Template => P::Template,
        K::Key => P::Key,
        K::Categorization => P::Categorization,
        K::BehaviorEnrollment => P::BehaviorEnrollment,
        K::BehaviorVerification => P::BehaviorVerification,
        K::BehaviorDeletion => P::BehaviorDeletion,
        K::ConversationEnrollment => P::ConversationEnrollment,
        K::ConversationVerification => P::ConversationVerification,
        K::ConversationDeletion => P::ConversationDeletion,
        K::Redaction => P::Redaction,
        K::Policy => P::Policy,
        K::Feedback => P::Feedback,
        K::PhoneNumber => P::PhoneNumber,
        K::Export => P::Export,
        K::Calibration => P::Calibration,
        K::Source => P::Source,
        K::Session => P::Session,
    }
}

/// A score as the caller may see it.
pub fn score(value: output::ShownScore) -> proto::Score {
    use proto::ScoreBand as P;
    let band = match value.band {
        ScoreBand::VeryLow => P::VeryLow,
        ScoreBand::Low => P::Low,
        ScoreBand::Medium => P::Medium,
        ScoreBand::High => P::High,
        ScoreBand::VeryHigh => P::VeryHigh,
    };
    proto::Score { band: band as i32, llr: value.llr.map(|x| x.0), raw: value.raw.map(|x| x.0) }
}

/// A quality report.
pub fn quality(value: Quality) -> proto::QualityReport {
    let bandwidth = match value.bandwidth {
        Bandwidth::Narrow => proto::Bandwidth::Narrow,
        Bandwidth::Wide => proto::Bandwidth::Wide,
    };
    proto::QualityReport {
        net_speech_ms: value.net_speech_ms,
        total_ms: value.total_ms,
        snr_db: value.snr_db,
        level_dbfs: value.level_dbfs,
        clipped_share: value.clipped_share,
        bandwidth: bandwidth as i32,
        packets_lost: value.packets_lost,
        packets_repeated: value.packets_repeated,
        reasons: reasons(&value.reasons),
    }
}

/// Versions; empty strings while no model is installed.
pub fn versions(value: &Versions) -> proto::Versions {
    let text = |a: &Option<crate::domain::ArtifactRef>| {
        a.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    proto::Versions {
        model: text(&value.model),
        calibration: text(&value.calibration),
        policy: value.policy.to_string(),
    }
}

/// Progress of an enrollment.
pub fn progress(value: &output::Progress) -> proto::SpeechProgress {
    proto::SpeechProgress {
        net_speech: Some(duration_out(value.net_speech_ms)),
        required: Some(duration_out(value.required_ms)),
        utterances: value.utterances,
        required_utterances: value.required_utterances,
        text: value.text(),
    }
}

/// State of an enrollment.
pub fn enrollment_state(value: output::EnrollmentState) -> i32 {
    use output::EnrollmentState as S;
    use proto::EnrollmentState as P;
    let state = match value {
        S::None => P::None,
        S::InProgress => P::InProgress,
        S::Enrolled => P::Enrolled,
        S::Stale => P::Stale,
    };
    state as i32
}

/// Outcome of a contribution to an enrollment.
pub fn enrollment(value: output::Enrollment) -> proto::EnrollmentResult {
    proto::EnrollmentResult {
        state: enrollment_state(value.state),
        utterance_accepted: value.utterance_accepted,
        reasons: reasons(&value.reasons),
        progress: Some(progress(&value.progress)),
        quality: Some(quality(value.quality)),
        voiceprint_id: value.voiceprint.map(String::from).unwrap_or_default(),
        decision_id: value.decision_id.into(),
        versions: Some(versions(&value.versions)),
    }
}

/// News of an enrollment on the way.
pub fn enrollment_update(value: output::EnrollmentUpdate) -> proto::EnrollmentUpdate {
    proto::EnrollmentUpdate {
        progress: Some(progress(&value.progress)),
        quality: Some(quality(value.quality)),
    }
}

/// Who authorized an act.
pub fn authorization_out(value: Authorization) -> proto::Authorization {
    proto::Authorization { agent: value.agent, factor: value.factor }
}

/// A voiceprint without its biometric content.
pub fn voiceprint(value: output::VoiceprintInfo) -> proto::Voiceprint {
    proto::Voiceprint {
        voiceprint_id: value.id.into(),
        subject_id: value.subject.into(),
        model: value.model.to_string(),
        utterances: value.utterances,
        adapted_utterances: value.adapted_utterances,
        net_speech_ms: value.net_speech_ms,
        created_at: Some(timestamp_out(value.created_at)),
        expires_at: value.expires_at.map(timestamp_out),
        authorization: Some(authorization_out(value.authorization)),
    }
}

/// A final verification.
pub fn verification(value: output::Verification) -> proto::VerificationResult {
    proto::VerificationResult {
        decision: decision(value.decision) as i32,
        reasons: reasons(&value.reasons),
        score: value.score.map(score),
        quality: Some(quality(value.quality)),
        pad_status: pad(value.pad),
        adapted: value.adapted,
        decision_id: value.decision_id.into(),
        versions: Some(versions(&value.versions)),
    }
}

/// An estimate on the way.
pub fn verification_update(value: output::VerificationUpdate) -> proto::VerificationUpdate {
    proto::VerificationUpdate {
        decision: decision(value.decision) as i32,
        reasons: reasons(&value.reasons),
        score: value.score.map(score),
        quality: Some(quality(value.quality)),
        pad_status: pad(value.pad),
        versions: Some(versions(&value.versions)),
    }
}

fn candidate(value: output::RankedCandidate) -> proto::Candidate {
    proto::Candidate {
        subject_id: value.subject.into(),
        rank: value.rank,
        score: Some(score(value.score)),
    }
}

/// An estimate of who it is on the way.
pub fn identification_update(value: output::IdentificationUpdate) -> proto::IdentificationUpdate {
    proto::IdentificationUpdate {
        decision: decision(value.decision) as i32,
        reasons: reasons(&value.reasons),
        candidates: value.candidates.into_iter().map(candidate).collect(),
        searched: value.searched,
        extrapolated: value.extrapolated,
        quality: Some(quality(value.quality)),
        pad_status: pad(value.pad),
        versions: Some(versions(&value.versions)),
    }
}

/// A final identification.
pub fn identification(value: output::Identification) -> proto::IdentifyResponse {
    proto::IdentifyResponse {
        decision: decision(value.decision) as i32,
        reasons: reasons(&value.reasons),
        candidates: value.candidates.into_iter().map(candidate).collect(),
        searched: value.searched,
        threshold_llr: value.threshold.map(|x| x.0),
        fpir: value.fpir,
        extrapolated: value.extrapolated,
        supported_candidates: value.supported_candidates,
        quality: Some(quality(value.quality)),
        pad_status: pad(value.pad),
        decision_id: value.decision_id.into(),
        versions: Some(versions(&value.versions)),
    }
}

/// A consent on record, and whether it is current.
pub fn consent(value: ConsentRecord, current: bool) -> proto::ConsentRecord {
    let purpose = match value.purpose {
        Purpose::VoiceAuthentication => proto::ConsentPurpose::VoiceAuthentication,
        Purpose::BehaviorAuthentication => proto::ConsentPurpose::BehaviorAuthentication,
        Purpose::ConversationAuthentication => proto::ConsentPurpose::ConversationAuthentication,
    };
    proto::ConsentRecord {
        consent_id: value.id.into(),
        consent: Some(proto::Consent {
            notice_id: value.notice_id,
            notice_version: value.notice_version,
            purpose: purpose as i32,
            channel: value.channel,
            collector: value.collector,
            given_at: Some(timestamp_out(value.given_at)),
            expires_at: value.expires_at.map(timestamp_out),
        }),
        withdrawn_at: value.withdrawn_at.map(timestamp_out),
        current,
    }
}

/// A subject.
pub fn subject(value: output::SubjectInfo) -> proto::Subject {
    proto::Subject {
        subject_id: value.id.into(),
        created_at: Some(timestamp_out(value.created_at)),
        opted_out: value.opted_out,
        consents: value
            .consents
            .into_iter()
            .map(|(record, current)| consent(record, current))
            .collect(),
        enrolled: value.enrolled,
        behavior_profiles: value.behavior_profiles,
        phone_numbers: value.phone_numbers,
    }
}

/// How far an erasure has come.
pub fn erasure(value: output::Erasure) -> (proto::ErasureState, Option<proto::ErasureReceipt>) {
    match value {
        output::Erasure::Pending => (proto::ErasureState::Pending, None),
        output::Erasure::Done(receipt) => {
            let receipt = proto::ErasureReceipt {
                receipt_id: receipt.id.into(),
                erased_at: Some(timestamp_out(receipt.erased_at)),
                rows_destroyed: receipt.rows_destroyed,
            };
            (proto::ErasureState::Done, Some(receipt))
        }
    }
}

/// An audit record.
pub fn decision_record(value: output::DecisionInfo) -> proto::DecisionRecord {
    let unspecified = proto::Decision::Unspecified;
    proto::DecisionRecord {
        decision_id: value.id.into(),
        sequence: value.sequence,
        decided_at: Some(timestamp_out(value.decided_at)),
        kind: kind(value.kind) as i32,
        subject_id: value.subject.map(String::from).unwrap_or_default(),
        decision: value.decision.map_or(unspecified, decision) as i32,
        reasons: reasons(&value.reasons),
        score: value.score.map(score),
        accept_llr: value.accept_llr.map(|x| x.0),
        reject_llr: value.reject_llr.map(|x| x.0),
        quality: value.quality.map(quality),
        versions: value.versions.as_ref().map(versions),
        actor: value.actor,
        erased: value.erased,
        act: value.act,
    }
}

/// A model.
pub fn model(value: output::ModelInfo) -> proto::Model {
    let license_class = match value.license_class {
        LicenseClass::Open => proto::LicenseClass::Open,
        LicenseClass::Research => proto::LicenseClass::Research,
    };
    proto::Model {
        id: value.artifact.to_string(),
        description: value.description,
        license: value.license,
        license_class: license_class as i32,
        installed: value.installed,
        is_default: value.is_default,
        sha256: value.sha256,
        dimensions: value.dimensions,
    }
}
