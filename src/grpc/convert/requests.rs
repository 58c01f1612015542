//! Whole requests: what each method reads of its message, one function a method.

use crate::domain::{AudioFormat, DecisionId, SubjectId, VoiceprintId};
use crate::grpc::convert::behavior::other_factor;
use crate::grpc::convert::{self, Read};
use crate::grpc::proto;
use crate::grpc::status::BadField;
use crate::usecase::command::{
    Candidates, CreateSubject, DecisionFilter, DeleteVoiceprint, Enroll, ExplainDecision,
    ExportSubject, IdempotencyKey, Identify, OnSubject, RecordConsent, Recording, SetOptOut,
    SubjectNumber, Verify, WithdrawConsent,
};

/// Most candidates of a list.
pub const MAX_CANDIDATES: usize = 1_000;
/// Most ranked candidates returned.
pub const MAX_RESULTS: u32 = 100;
/// Ranked candidates returned when the request does not say.
pub const DEFAULT_RESULTS: u32 = 10;

/// CreateSubject.
pub fn create_subject(request: proto::CreateSubjectRequest) -> Read<CreateSubject> {
    Ok(CreateSubject {
        subject: convert::optional_subject_id(&request.subject_id, "subject_id")?,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// GetSubject.
pub fn get_subject(request: proto::GetSubjectRequest) -> Read<SubjectId> {
    convert::subject_id(&request.subject_id, "subject_id")
}

/// ListSubjects: page size and token.
pub fn list_subjects(request: proto::ListSubjectsRequest) -> Read<(usize, Option<String>)> {
    let size = convert::page_size(request.page_size, "page_size")?;
    Ok((size, convert::page_token(request.page_token, "page_token")?))
}

/// RecordConsent.
pub fn record_consent(request: proto::RecordConsentRequest) -> Read<RecordConsent> {
    let consent = convert::required(request.consent, "consent")?;
    Ok(RecordConsent {
        subject: convert::subject_id(&request.subject_id, "subject_id")?,
        notice_id: convert::text(consent.notice_id, "consent.notice_id")?,
        notice_version: convert::text(consent.notice_version, "consent.notice_version")?,
        purpose: convert::purpose(consent.purpose, "consent.purpose")?,
        channel: convert::text(consent.channel, "consent.channel")?,
        collector: convert::text(consent.collector, "consent.collector")?,
        given_at: convert::optional_timestamp(consent.given_at, "consent.given_at")?,
        expires_at: convert::optional_timestamp(consent.expires_at, "consent.expires_at")?,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// WithdrawConsent.
pub fn withdraw_consent(request: proto::WithdrawConsentRequest) -> Read<WithdrawConsent> {
    Ok(WithdrawConsent {
        subject: convert::subject_id(&request.subject_id, "subject_id")?,
        purpose: convert::purpose(request.purpose, "purpose")?,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// SetOptOut.
pub fn set_opt_out(request: proto::SetOptOutRequest) -> Read<SetOptOut> {
    Ok(SetOptOut {
        subject: convert::subject_id(&request.subject_id, "subject_id")?,
        opted_out: request.opted_out,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// EraseSubject.
pub fn erase_subject(request: proto::EraseSubjectRequest) -> Read<OnSubject> {
    Ok(OnSubject {
        subject: convert::subject_id(&request.subject_id, "subject_id")?,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// ExportSubject.
pub fn export_subject(request: proto::ExportSubjectRequest) -> Read<ExportSubject> {
    Ok(ExportSubject {
        subject: convert::subject_id(&request.subject_id, "subject_id")?,
        embeddings: request.include_embeddings,
    })
}

fn subject_number(subject: &str, number: &str, key: &str) -> Read<SubjectNumber> {
    Ok(SubjectNumber {
        subject: convert::subject_id(subject, "subject_id")?,
        number: convert::phone_number(number, "phone_number")?,
        key: convert::idempotency_key(key, "idempotency_key")?,
    })
}

/// AddPhoneNumber.
pub fn add_phone_number(request: proto::AddPhoneNumberRequest) -> Read<SubjectNumber> {
    subject_number(&request.subject_id, &request.phone_number, &request.idempotency_key)
}

/// RemovePhoneNumber.
pub fn remove_phone_number(request: proto::RemovePhoneNumberRequest) -> Read<SubjectNumber> {
    subject_number(&request.subject_id, &request.phone_number, &request.idempotency_key)
}

fn enrollment_config(value: Option<proto::EnrollmentConfig>, field: &str) -> Read<Enroll> {
    let config = convert::required(value, field)?;
    let at = |name: &str| format!("{field}.{name}");
    Ok(Enroll {
        subject: convert::subject_id(&config.subject_id, &at("subject_id"))?,
        authorization: convert::authorization(config.authorization, &at("authorization"))?,
        reenroll: config.reenroll,
        key: convert::idempotency_key(&config.idempotency_key, &at("idempotency_key"))?,
    })
}

/// EnrollUtterance.
pub fn enroll_utterance(request: proto::EnrollUtteranceRequest) -> Read<(Enroll, Recording)> {
    let command = enrollment_config(request.config, "config")?;
    Ok((command, convert::recording(request.audio, "audio")?))
}

/// The first message of EnrollStream.
pub fn enroll_stream(config: proto::EnrollStreamConfig) -> Read<(Enroll, AudioFormat)> {
    let command = enrollment_config(config.enrollment, "config.enrollment")?;
    Ok((command, convert::audio_format(config.audio, "config.audio")?))
}

/// GetEnrollment.
pub fn get_enrollment(request: proto::GetEnrollmentRequest) -> Read<SubjectId> {
    convert::subject_id(&request.subject_id, "subject_id")
}

/// CancelEnrollment.
pub fn cancel_enrollment(request: proto::CancelEnrollmentRequest) -> Read<OnSubject> {
    Ok(OnSubject {
        subject: convert::subject_id(&request.subject_id, "subject_id")?,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// ListVoiceprints.
pub fn list_voiceprints(request: proto::ListVoiceprintsRequest) -> Read<SubjectId> {
    convert::subject_id(&request.subject_id, "subject_id")
}

/// DeleteVoiceprint.
pub fn delete_voiceprint(request: proto::DeleteVoiceprintRequest) -> Read<DeleteVoiceprint> {
    Ok(DeleteVoiceprint {
        subject: convert::subject_id(&request.subject_id, "subject_id")?,
        voiceprint: convert::id(&request.voiceprint_id, "voiceprint_id", VoiceprintId::parse)?,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// RenewVoiceprints.
pub fn renew_voiceprints(request: proto::RenewVoiceprintsRequest) -> Read<IdempotencyKey> {
    convert::idempotency_key(&request.idempotency_key, "idempotency_key")
}

/// Verify.
pub fn verify(request: proto::VerifyRequest) -> Read<(Verify, Recording)> {
    let command = Verify {
        subject: convert::subject_id(&request.subject_id, "subject_id")?,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
        no_early_decision: true,
        other: other_factor(request.other_factor, request.adapt, "")?,
    };
    Ok((command, convert::recording(request.audio, "audio")?))
}

/// The first message of VerifyStream.
pub fn verify_stream(config: proto::VerifyStreamConfig) -> Read<(Verify, AudioFormat)> {
    let command = Verify {
        subject: convert::subject_id(&config.subject_id, "config.subject_id")?,
        key: convert::idempotency_key(&config.idempotency_key, "config.idempotency_key")?,
        no_early_decision: config.no_early_decision,
        other: other_factor(config.other_factor, config.adapt, "config.")?,
    };
    Ok((command, convert::audio_format(config.audio, "config.audio")?))
}

/// The candidates of a stream in the words of a request.
fn of_stream(
    value: proto::identify_stream_config::Candidates,
) -> proto::identify_request::Candidates {
    use proto::identify_request::Candidates as Unary;
    use proto::identify_stream_config::Candidates as Stream;
    match value {
        Stream::CandidateList(list) => Unary::CandidateList(list),
        Stream::WholeTenant(all) => Unary::WholeTenant(all),
    }
}

/// `before` is what precedes the field's name: nothing, or `config.`.
fn candidates(
    value: Option<proto::identify_request::Candidates>,
    before: &str,
) -> Read<Candidates> {
    use proto::identify_request::Candidates as P;
    let list = match convert::required(value, &format!("{before}candidates"))? {
        P::WholeTenant(proto::WholeTenant {}) => return Ok(Candidates::WholeTenant),
        P::CandidateList(list) => list.subject_ids,
    };
    let field = format!("{before}candidate_list.subject_ids");
    if list.is_empty() || list.len() > MAX_CANDIDATES {
        let problem = format!("needs 1 to {MAX_CANDIDATES}, got {}", list.len());
        return Err(BadField::new(field, problem));
    }
    let parse = |(i, id): (usize, &String)| convert::subject_id(id, &format!("{field}[{i}]"));
    let ids = list.iter().enumerate().map(parse).collect::<Read<_>>()?;
    Ok(Candidates::List(ids))
}

fn max_results(value: u32, field: &str) -> Read<usize> {
    match value {
        0 => Ok(DEFAULT_RESULTS as usize),
        1..=MAX_RESULTS => Ok(value as usize),
        _ => {
            let problem = format!("at most {MAX_RESULTS}, got {value}");
            Err(BadField::new(field, problem))
        }
    }
}

/// Identify.
pub fn identify(request: proto::IdentifyRequest) -> Read<(Identify, Recording)> {
    let command = Identify {
        candidates: candidates(request.candidates, "")?,
        max_results: max_results(request.max_results, "max_results")?,
        no_early_decision: true,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    };
    Ok((command, convert::recording(request.audio, "audio")?))
}

/// The first message of IdentifyStream.
pub fn identify_stream(config: proto::IdentifyStreamConfig) -> Read<(Identify, AudioFormat)> {
    let command = Identify {
        candidates: candidates(config.candidates.map(of_stream), "config.")?,
        max_results: max_results(config.max_results, "config.max_results")?,
        no_early_decision: config.no_early_decision,
        key: convert::idempotency_key(&config.idempotency_key, "config.idempotency_key")?,
    };
    Ok((command, convert::audio_format(config.audio, "config.audio")?))
}

/// ListDecisions.
pub fn list_decisions(request: proto::ListDecisionsRequest) -> Read<DecisionFilter> {
    Ok(DecisionFilter {
        subject: convert::optional_subject_id(&request.subject_id, "subject_id")?,
        from: convert::optional_timestamp(request.from, "from")?,
        until: convert::optional_timestamp(request.until, "until")?,
        decision: convert::decision_filter(request.decision, "decision")?,
        reason: convert::reason_filter(request.reason, "reason")?,
        kind: convert::kind_filter(request.kind, "kind")?,
        page_size: convert::page_size(request.page_size, "page_size")?,
        page_token: convert::page_token(request.page_token, "page_token")?,
    })
}

/// ExplainDecision.
pub fn explain_decision(request: proto::ExplainDecisionRequest) -> Read<ExplainDecision> {
    let decision = convert::id(&request.decision_id, "decision_id", DecisionId::parse)?;
    let audience = convert::audience(request.audience, "audience")?;
    Ok(ExplainDecision { decision, audience })
}
