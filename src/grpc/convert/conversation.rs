//! Texts and styles: requests and answers.

use crate::domain::{BehaviorProfileId, Finding, FindingKind, RedactionMode, SubjectId};
use crate::grpc::convert::behavior::other_factor;
use crate::grpc::convert::{self, Read};
use crate::grpc::proto;
use crate::grpc::status::BadField;
use crate::usecase::command::{
    DeleteBehaviorProfile, EnrollTexts, RawText, RedactText, SetRedaction, VerifyTexts,
};
use crate::usecase::conversation::MAX_TEXTS;
use crate::usecase::output;

fn texts(values: Vec<proto::WrittenText>) -> Read<Vec<RawText>> {
    let got = values.len();
    if got == 0 || got > MAX_TEXTS {
        return Err(BadField::new("texts", format!("needs 1 to {MAX_TEXTS}, {got} came")));
    }
    let one = |(i, text): (usize, proto::WrittenText)| {
        let at = |t: prost_types::Timestamp| convert::timestamp(&t, &format!("texts[{i}].sent_at"));
        let sent_at = text.sent_at.map(at).transpose()?;
        Ok(RawText { content: text.content, sent_at })
    };
    values.into_iter().enumerate().map(one).collect()
}

/// EnrollTexts.
pub fn enroll_texts(request: proto::EnrollTextsRequest) -> Read<EnrollTexts> {
    Ok(EnrollTexts {
        subject: convert::subject_id(&request.subject_id, "subject_id")?,
        texts: texts(request.texts)?,
        authorization: convert::authorization(request.authorization, "authorization")?,
        reenroll: request.reenroll,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// VerifyTexts.
pub fn verify_texts(request: proto::VerifyTextsRequest) -> Read<VerifyTexts> {
    Ok(VerifyTexts {
        subject: convert::subject_id(&request.subject_id, "subject_id")?,
        texts: texts(request.texts)?,
        other: other_factor(request.other_factor, request.adapt, "")?,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// GetStyleProfile.
pub fn get_style_profile(request: proto::GetStyleProfileRequest) -> Read<SubjectId> {
    convert::subject_id(&request.subject_id, "subject_id")
}

/// DeleteStyleProfile.
pub fn delete_style_profile(
    request: proto::DeleteStyleProfileRequest,
) -> Read<DeleteBehaviorProfile> {
    Ok(DeleteBehaviorProfile {
        subject: convert::subject_id(&request.subject_id, "subject_id")?,
        profile: convert::id(&request.profile_id, "profile_id", BehaviorProfileId::parse)?,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// RedactText. The length is checked behind this door.
pub fn redact_text(request: proto::RedactTextRequest) -> Read<RedactText> {
    Ok(RedactText { text: request.text })
}

/// SetRedaction.
pub fn set_redaction(request: proto::SetRedactionRequest) -> Read<SetRedaction> {
    use proto::RedactionMode as P;
    let mode = match P::try_from(request.mode) {
        Ok(P::Pseudonymize) => RedactionMode::Pseudonymize,
        Ok(P::Anonymize) => RedactionMode::Anonymize,
        Ok(P::Unspecified) => return Err(BadField::new("mode", "is required, got UNSPECIFIED")),
        Err(_) => {
            return Err(BadField::new("mode", format!("{} is not a known value", request.mode)));
        }
    };
    let key = convert::idempotency_key(&request.idempotency_key, "idempotency_key")?;
    Ok(SetRedaction { mode, key })
}

/// How personal data is taken out.
pub fn redaction_mode(mode: RedactionMode) -> i32 {
    use proto::RedactionMode as P;
    match mode {
        RedactionMode::Pseudonymize => P::Pseudonymize as i32,
        RedactionMode::Anonymize => P::Anonymize as i32,
    }
}

fn progress(value: &output::StyleProgress) -> proto::StyleProgress {
    proto::StyleProgress {
        words: value.words,
        required_words: value.required_words,
        text: value.text(),
    }
}

/// Outcome of texts offered to a profile.
pub fn text_enrollment(value: output::TextEnrollment) -> proto::EnrollTextsResponse {
    proto::EnrollTextsResponse {
        state: convert::enrollment_state(value.state),
        progress: Some(progress(&value.progress)),
        accepted: value.accepted,
        reasons: convert::reasons(&value.reasons),
        profile_id: value.profile.map(String::from).unwrap_or_default(),
        words: value.words,
        decision_id: value.decision_id.into(),
        versions: Some(convert::versions(&value.versions)),
    }
}

fn finding(value: output::ShownTextFinding) -> Option<proto::TextFinding> {
    use proto::FindingState as S;
    use proto::TextFindingKind as K;
    let kind = match value.kind {
        FindingKind::PastedScript => K::PastedScript,
        FindingKind::SocialEngineering => K::SocialEngineering,
        FindingKind::TextUnlikePerson => K::UnlikePerson,
        FindingKind::RemoteAccess
        | FindingKind::Automation
        | FindingKind::SecondVoice
        | FindingKind::Watchlist => return None,
    };
    let state = match value.state {
        Finding::Present => S::Detected,
        Finding::Absent => S::NotDetected,
        Finding::Unknown => S::Unknown,
    };
    Some(proto::TextFinding { kind: kind as i32, state: state as i32, codes: value.codes })
}

/// A final decision.
pub fn text_verification(value: output::TextVerification) -> proto::VerifyTextsResponse {
    let habit = |h: output::ShownStyleHabit| proto::StyleHabit { what: h.what, llr: h.llr };
    proto::VerifyTextsResponse {
        decision: convert::decision(value.decision) as i32,
        reasons: convert::reasons(&value.reasons),
        score: value.score.map(convert::score),
        findings: value.findings.into_iter().filter_map(finding).collect(),
        habits: value.habits.into_iter().map(habit).collect(),
        words: value.words,
        messages: value.messages,
        enough: value.enough,
        adapted: value.adapted,
        decision_id: value.decision_id.into(),
        versions: Some(convert::versions(&value.versions)),
    }
}

/// A profile without its content.
pub fn style_profile(value: output::StyleProfileInfo) -> proto::StyleProfile {
    proto::StyleProfile {
        profile_id: value.id.into(),
        subject_id: value.subject.into(),
        state: convert::enrollment_state(value.state),
        progress: Some(progress(&value.progress)),
        adapted_words: value.adapted_words,
        created_at: Some(convert::timestamp_out(value.created_at)),
        completed_at: value.completed_at.map(convert::timestamp_out),
        expires_at: value.expires_at.map(convert::timestamp_out),
        authorization: Some(proto::Authorization {
            agent: value.authorization.agent,
            factor: value.authorization.factor,
        }),
        background: value.background.to_string(),
        bytes: value.bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(texts: usize) -> proto::VerifyTextsRequest {
        proto::VerifyTextsRequest {
            subject_id: "s".into(),
            texts: vec![proto::WrittenText::default(); texts],
            idempotency_key: "k".into(),
            ..Default::default()
        }
    }

    fn refused<T>(read: Read<T>) -> String {
        read.err().map(|bad| bad.field).unwrap_or_default()
    }

    #[test]
    fn numbers_of_texts_are_held() {
        assert!(verify_texts(request(1)).is_ok());
        assert!(verify_texts(request(MAX_TEXTS)).is_ok());
        assert_eq!(refused(verify_texts(request(0))), "texts");
        assert_eq!(refused(verify_texts(request(MAX_TEXTS + 1))), "texts");
        assert_eq!(refused(verify_texts(request(1_000_000))), "texts");
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let adapt = proto::VerifyTextsRequest { adapt: true, ..request(1) };
        assert_eq!(refused(verify_texts(adapt)), "adapt");
        for mode in [0, 77] {
            let set = proto::SetRedactionRequest { mode, idempotency_key: "k".into() };
            assert_eq!(refused(set_redaction(set)), "mode");
        }
    }
}
