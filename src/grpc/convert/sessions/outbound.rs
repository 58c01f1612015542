//! Responses of a session out.

use crate::domain::{DurationMs, Modality, NextStep, PadOutcome, SessionReason};
use crate::grpc::convert;
use crate::grpc::proto;
use crate::grpc::proto::run_response::Message as Out;
use crate::usecase::sessions::{
    ClaimOrigin, Ended, Personalization, RefusalReason, SessionEnd, SessionOutput, SessionResponse,
    SessionStatus, ShownAssessment, ShownDecision, ShownEvidence, ShownLimits,
};

fn duration_out(ms: DurationMs) -> prost_types::Duration {
    let seconds = i64::try_from(ms / 1_000).unwrap_or(i64::MAX);
    // Under 1,000 milliseconds in nanoseconds fit.
    prost_types::Duration { seconds, nanos: (ms % 1_000) as i32 * 1_000_000 }
}

fn limits_out(limits: ShownLimits) -> proto::SessionLimits {
    proto::SessionLimits {
        idle: Some(duration_out(limits.idle_ms)),
        total: Some(duration_out(limits.total_ms)),
        resume_window: Some(duration_out(limits.resume_window_ms)),
        max_intents: u32::try_from(limits.max_intents).unwrap_or(u32::MAX),
        max_challenges: limits.max_challenges,
    }
}

fn modality_out(modality: Modality) -> proto::SessionModality {
    use proto::SessionModality as P;
    match modality {
        Modality::Voice => P::Voice,
        Modality::Keystroke => P::Keystroke,
        Modality::Touch => P::Touch,
        Modality::Pointer => P::Pointer,
        Modality::Text => P::Text,
    }
}

fn evidence_out(evidence: ShownEvidence) -> proto::SessionEvidence {
    use proto::SessionPad as P;
    let pad = match evidence.pad {
        PadOutcome::NotEvaluated => P::NotEvaluated,
        PadOutcome::BonaFide => P::BonaFide,
        PadOutcome::Attack => P::Attack,
    };
    proto::SessionEvidence {
        modality: modality_out(evidence.modality) as i32,
        score: evidence.score.map(convert::score),
        amount: evidence.amount,
        enough: evidence.enough,
        age: Some(duration_out(evidence.age_ms)),
        before_change: evidence.before_change,
        pad: pad as i32,
    }
}

fn next_step_out(next: NextStep) -> proto::NextStep {
    use proto::NextStep as P;
    match next {
        NextStep::Proceed => P::Proceed,
        NextStep::SpeakLonger => P::SpeakLonger,
        NextStep::Challenge => P::Challenge,
        NextStep::OtherFactor => P::OtherFactor,
        NextStep::Human => P::Human,
        NextStep::Stop => P::Stop,
    }
}

fn reason_out(reason: SessionReason) -> proto::SessionReason {
    use SessionReason as R;
    use proto::SessionReason as P;
    match reason {
        R::Sufficient => P::Sufficient,
        R::OptedOut => P::OptedOut,
        R::NoConsent => P::NoConsent,
        R::NotEnrolled => P::NotEnrolled,
        R::TemplateExpired => P::TemplateExpired,
        R::Locked => P::Locked,
        R::SubjectUnknown => P::SubjectUnknown,
        R::NobodyClaimed => P::NobodyClaimed,
        R::IntentUnknown => P::IntentUnknown,
        R::AmountUnpriced => P::AmountUnpriced,
        R::NothingMeasured => P::NothingMeasured,
        R::SpeakLonger => P::SpeakLonger,
        R::RiskUncertain => P::RiskUncertain,
        R::RiskHigh => P::RiskHigh,
        R::EvidenceFor => P::EvidenceFor,
        R::EvidenceAgainst => P::EvidenceAgainst,
        R::EvidenceOld => P::EvidenceOld,
        R::ContextAgainst => P::ContextAgainst,
        R::ContextFor => P::ContextFor,
        R::PadNotEvaluated => P::PadNotEvaluated,
        R::PadAttack => P::PadAttack,
        R::PersonChanged => P::PersonChanged,
        R::SecondVoice => P::SecondVoice,
        R::AssuranceMissing => P::AssuranceMissing,
        R::InherenceNotCounted => P::InherenceNotCounted,
        R::FactorFailed => P::FactorFailed,
        R::RuleApplied => P::RuleApplied,
        R::RuleFailed => P::RuleFailed,
        R::SourceLocked => P::SourceLocked,
        R::OtherFactorNeeded => P::OtherFactorNeeded,
    }
}

fn origin_out(origin: ClaimOrigin) -> proto::ClaimOrigin {
    use proto::ClaimOrigin as P;
    match origin {
        ClaimOrigin::Client => P::Client,
        ClaimOrigin::Token => P::Token,
        ClaimOrigin::Identified { .. } => P::Identified,
    }
}

fn personalization_out(p: Personalization) -> proto::Personalization {
    let unspecified = proto::AgeClass::Unspecified;
    proto::Personalization {
        subject_id: p.subject.into(),
        language: p.language.unwrap_or_default(),
        age_class: p.age_class.map_or(unspecified, convert::age_class) as i32,
    }
}

fn assessment_out(a: ShownAssessment) -> proto::Assessment {
    let (subject, origin) = match a.claim {
        Some((subject, origin)) => (String::from(subject), origin_out(origin)),
        None => (String::new(), proto::ClaimOrigin::Unspecified),
    };
    proto::Assessment {
        ask_id: a.ask.map(String::from).unwrap_or_default(),
        intent: a.intent.into(),
        decision: convert::decision(a.decision) as i32,
        reasons: a.reasons.into_iter().map(|r| reason_out(r) as i32).collect(),
        next_step: next_step_out(a.next) as i32,
        factors: a.factors.into_iter().map(String::from).collect(),
        evidence: a.evidence.into_iter().map(evidence_out).collect(),
        fused: a.fused.map(convert::score),
        p_genuine: a.p_genuine.map(crate::domain::Probability::value),
        risk: u32::from(a.risk),
        route: a.routing.map(|route| proto::SessionRoute {
            queue: route.queue.into(),
            rule: route.rule.into(),
            confidence: route.confidence.map(crate::domain::Probability::value),
            reason: route.reason.unwrap_or_default(),
        }),
        subject_id: subject,
        claim_origin: origin as i32,
        changes_of_person: a.changes,
        personalization: a.personalization.map(personalization_out),
        versions: Some(convert::versions(&a.versions)),
        fusion: a.fusion.to_string(),
    }
}

fn decision_out(decided: ShownDecision) -> proto::SessionDecision {
    proto::SessionDecision {
        assessment: Some(assessment_out(decided.assessment)),
        decision_id: decided.decision.into(),
    }
}

fn update_out(assessments: Vec<ShownAssessment>) -> proto::SessionUpdate {
    let assessments = assessments.into_iter().map(assessment_out).collect();
    proto::SessionUpdate { assessments }
}

fn refusal_out(sequence: u64, reason: RefusalReason) -> proto::Refusal {
    use proto::RefusalReason as P;
    let (reason, detail) = match reason {
        RefusalReason::TooManyIntents => (P::TooManyIntents, "too many intents".to_owned()),
        RefusalReason::TooManyChallenges => {
            (P::TooManyChallenges, "too many challenges".to_owned())
        }
        RefusalReason::ChallengeOpen => {
            (P::ChallengeOpen, "a challenge waits for its answer".to_owned())
        }
        RefusalReason::ChallengeGone => {
            (P::ChallengeGone, "the challenge was answered or has expired".to_owned())
        }
        RefusalReason::NoAudio => {
            (P::NoAudioFormat, "the session was opened without a format of audio".to_owned())
        }
        RefusalReason::BackEndOnly => {
            let why = "it speaks for the person: only a back end with an API key may say so, \
                       not an app with a session token";
            (P::BackEndOnly, why.to_owned())
        }
        RefusalReason::Content(detail) => (P::Content, detail),
    };
    proto::Refusal { refused: sequence, reason: reason as i32, detail }
}

/// The end of a session.
pub fn session_ended(ended: Ended) -> proto::SessionEnded {
    use proto::SessionEnd as P;
    let end = match ended.end {
        SessionEnd::Closed => P::Closed,
        SessionEnd::Idle => P::Idle,
        SessionEnd::Total => P::Total,
        SessionEnd::Lost => P::Lost,
        SessionEnd::Restart => P::Restart,
        SessionEnd::Requested => P::ByRequest,
    };
    proto::SessionEnded {
        end: end as i32,
        skipped: ended.skipped,
        repeated: ended.repeated,
        decisions: ended.decisions,
    }
}

/// A response.
pub fn session_output(output: SessionOutput) -> proto::RunResponse {
    let message = match output.response {
        SessionResponse::Opened { session, token, limits, versions } => {
            Out::Opened(proto::SessionOpened {
                session_id: session.into(),
                resume_token: token,
                limits: Some(limits_out(limits)),
                versions: Some(convert::versions(&versions)),
            })
        }
        SessionResponse::Resumed { session, limits, versions } => {
            Out::Resumed(proto::SessionResumed {
                session_id: session.into(),
                limits: Some(limits_out(limits)),
                versions: Some(convert::versions(&versions)),
            })
        }
        SessionResponse::Acknowledged { missing_from, repeated, skipped } => {
            Out::Acknowledgement(proto::Acknowledgement { missing_from, repeated, skipped })
        }
        SessionResponse::Update(assessments) => Out::Update(update_out(assessments)),
        SessionResponse::Decision(decided) => Out::Decision(decision_out(*decided)),
        SessionResponse::Challenge { number, prompt, expires_at } => {
            Out::Challenge(proto::SessionChallenge {
                challenge_id: number.to_string(),
                prompt,
                expires_at: Some(convert::timestamp_out(expires_at)),
            })
        }
        SessionResponse::Refused { sequence, reason } => {
            Out::Refusal(refusal_out(sequence, reason))
        }
        SessionResponse::Ended(ended) => Out::Ended(session_ended(ended)),
    };
    let (sequence, acknowledged) = (output.sequence, output.acknowledged);
    proto::RunResponse { sequence, acknowledged, message: Some(message) }
}

/// GetSession.
pub fn session_status(status: SessionStatus) -> proto::GetSessionResponse {
    proto::GetSessionResponse {
        session_id: status.session.into(),
        opened_at: Some(convert::timestamp_out(status.opened_at)),
        ended: status.ended.map(session_ended),
        acknowledged: status.acknowledged,
        connected: status.connected,
        update: (!status.assessments.is_empty()).then(|| update_out(status.assessments)),
        decisions: status.decisions.into_iter().map(decision_out).collect(),
        versions: Some(convert::versions(&status.versions)),
    }
}
