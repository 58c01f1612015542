//! Messages of a client in.

use std::time::Duration;

use crate::domain::{
    Amount, DurationMs, FactorName, Finding, FindingKind, IntentId, SessionChannel, SessionId,
    SubjectId,
};
use crate::grpc::convert::{self, Read};
use crate::grpc::proto;
use crate::grpc::proto::run_request::Message as In;
use crate::grpc::status::BadField;
use crate::usecase::sessions::{
    AniHistory, AskId, ContextEvent, DEFAULT_TOKEN_LIFETIME_MS, FactorOutcome, Intent, Leg,
    Message, MintSessionToken, OpenSession, ReportContext, ResumeSession, SessionGrant,
    SessionMessage, Verstat,
};

/// Longest language tag (RFC 5646, section 4.4.1).
const MAX_LANGUAGE_LEN: usize = 35;
/// Longest text message, in bytes.
const MAX_TEXT_BYTES: usize = 16 * 1024;
/// Most candidates behind a number.
const MAX_CANDIDATES: usize = convert::requests::MAX_CANDIDATES;
/// Most facts of an opening, and of a report.
const MAX_CONTEXT: usize = 32;
/// Longest secret of a session that is looked at, in bytes.
const MAX_TOKEN_LEN: usize = 128;

/// How a stream starts.
pub enum Start {
    /// A new session.
    Open(Box<OpenSession>),
    /// One that is there.
    Resume(ResumeSession),
}

fn known<P: TryFrom<i32>>(value: i32, field: &str) -> Read<P> {
    P::try_from(value).map_err(|_| BadField::new(field, format!("{value} is not a known value")))
}

fn required(field: &str) -> BadField {
    BadField::new(field, "is required, got UNSPECIFIED")
}

fn duration(value: Option<prost_types::Duration>, field: &str) -> Read<Option<DurationMs>> {
    let Some(value) = value else { return Ok(None) };
    let span =
        Duration::try_from(value).map_err(|_| BadField::new(field, "must not be negative"))?;
    Ok(Some(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
}

fn channel(value: i32, field: &str) -> Read<SessionChannel> {
    use proto::SessionChannel as P;
    match known::<P>(value, field)? {
        P::Unspecified => Err(required(field)),
        P::Phone => Ok(SessionChannel::Phone),
        P::App => Ok(SessionChannel::App),
        P::Web => Ok(SessionChannel::Web),
        P::Chat => Ok(SessionChannel::Chat),
    }
}

fn language(text: &str) -> Read<Option<String>> {
    let field = "open.language";
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > MAX_LANGUAGE_LEN {
        let problem = format!("at most {MAX_LANGUAGE_LEN} characters, got {}", text.len());
        return Err(BadField::new(field, problem));
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(BadField::new(field, "has only letters, digits and '-'"));
    }
    Ok(Some(text.to_ascii_lowercase()))
}

impl Start {
    /// Held to the token of the caller.
    pub fn with(mut self, token: Option<SessionGrant>) -> Self {
        match &mut self {
            Self::Open(open) => open.grant = token,
            Self::Resume(resume) => resume.grant = token,
        }
        self
    }
}

/// MintSessionToken.
pub fn mint_session_token(request: proto::MintSessionTokenRequest) -> Read<MintSessionToken> {
    convert::idempotency_key(&request.idempotency_key, "idempotency_key")?;
    let lifetime = duration(request.lifetime, "lifetime")?;
    Ok(MintSessionToken {
        subject: convert::optional_subject_id(&request.subject_id, "subject_id")?,
        channel: channel(request.channel, "channel")?,
        lifetime_ms: lifetime.unwrap_or(DEFAULT_TOKEN_LIFETIME_MS),
    })
}

/// ReportContext.
pub fn report_context(request: proto::ReportContextRequest) -> Read<ReportContext> {
    let got = request.context.len();
    if !(1..=MAX_CONTEXT).contains(&got) {
        return Err(BadField::new("context", format!("1 to {MAX_CONTEXT}, got {got}")));
    }
    let fact = |event| context(event, "context");
    Ok(ReportContext {
        session: session_id(&request.session_id)?,
        context: request.context.into_iter().map(fact).collect::<Read<_>>()?,
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// The first message of a stream.
pub fn start(request: proto::RunRequest) -> Read<Start> {
    match request.message {
        Some(In::Open(open)) => Ok(Start::Open(Box::new(open_session(open)?))),
        Some(In::Resume(resume)) => {
            if resume.resume_token.len() > MAX_TOKEN_LEN {
                let problem = format!("at most {MAX_TOKEN_LEN} bytes");
                return Err(BadField::new("resume.resume_token", problem));
            }
            let field = "resume.session_id";
            Ok(Start::Resume(ResumeSession {
                session: convert::id(&resume.session_id, field, SessionId::parse)?,
                token: resume.resume_token,
                last_seen: resume.last_seen,
                grant: None,
            }))
        }
        _ => Err(BadField::new("message", "the first message must open or resume a session")),
    }
}

fn open_session(open: proto::OpenSession) -> Read<OpenSession> {
    let within = |field: &str, most: usize, got: usize| match got > most {
        true => Err(BadField::new(field, format!("at most {most}, got {got}"))),
        false => Ok(()),
    };
    within("open.candidate_ids", MAX_CANDIDATES, open.candidate_ids.len())?;
    within("open.context", MAX_CONTEXT, open.context.len())?;
    let candidate = |id: &String| convert::subject_id(id, "open.candidate_ids");
    let fact = |event| context(event, "open.context");
    Ok(OpenSession {
        channel: channel(open.channel, "open.channel")?,
        subject: convert::optional_subject_id(&open.subject_id, "open.subject_id")?,
        candidates: open.candidate_ids.iter().map(candidate).collect::<Read<_>>()?,
        number: match open.phone_number.as_str() {
            "" => None,
            number => Some(convert::phone_number(number, "open.phone_number")?),
        },
        audio: match open.audio {
            None => None,
            config => Some(convert::audio_format(config, "open.audio")?),
        },
        language: language(&open.language)?,
        intent: open.intent.map(|asked| intent(asked, "open.intent")).transpose()?,
        context: open.context.into_iter().map(fact).collect::<Read<_>>()?,
        grant: None,
        key: convert::idempotency_key(&open.idempotency_key, "open.idempotency_key")?,
    })
}

/// A later message with its number. One that cannot be read still has its turn: it is refused in the
/// session, and the session goes on. `None` for what only a first message may be.
pub fn message(request: proto::RunRequest) -> Option<(u64, SessionMessage)> {
    let sequence = request.sequence;
    let read = match request.message {
        Some(In::Open(_) | In::Resume(_)) | None => return None,
        Some(message) => payload(message, sequence),
    };
    let unreadable = |bad: BadField| SessionMessage::Plain(Message::Unreadable(bad.to_string()));
    Some((sequence, read.unwrap_or_else(unreadable)))
}

fn payload(message: In, sequence: u64) -> Read<SessionMessage> {
    Ok(SessionMessage::Plain(match message {
        In::Audio(audio) => {
            let leg = leg(audio.leg)?;
            return Ok(SessionMessage::Audio { leg, content: audio.content });
        }
        In::Capture(capture) => return behavior(capture, sequence),
        In::Text(text) => return text_message(text),
        In::Context(event) => Message::Context(context(event, "context")?),
        In::Intent(asked) => Message::Intent(intent(asked, "intent")?),
        In::ChallengeAnswer(answer) => Message::Answer {
            // Numbers in the session; another text is another challenge.
            challenge: answer.challenge_id.parse().unwrap_or(0),
            transcript: (!answer.transcript.is_empty()).then_some(answer.transcript),
        },
        In::ChallengeRequest(_) => Message::WantChallenge,
        In::UpdateRequest(_) => Message::WantUpdate,
        In::Skip(_) => Message::Skip,
        In::Close(_) => Message::Close,
        In::Open(_) | In::Resume(_) => {
            return Err(BadField::new("message", "a session is opened or resumed once a stream"));
        }
    }))
}

fn leg(value: i32) -> Read<Leg> {
    use proto::CallLeg as P;
    Ok(match known::<P>(value, "audio.leg")? {
        P::Unspecified | P::Caller => Leg::Caller,
        P::Agent => Leg::Agent,
    })
}

/// A capture; whose it is said to be is the session's business.
fn behavior(capture: proto::BehaviorCapture, sequence: u64) -> Read<SessionMessage> {
    let subject =
        SubjectId::parse("session").map_err(|error| BadField::new("capture", error.to_string()))?;
    let number = usize::try_from(sequence).unwrap_or(usize::MAX);
    let raw = convert::behavior_capture(capture, &subject, number, "capture")?;
    Ok(SessionMessage::Capture(Box::new(raw)))
}

fn text_message(text: proto::TextMessage) -> Read<SessionMessage> {
    use proto::TextSource as P;
    let transcript = match known::<P>(text.source, "text.source")? {
        P::Unspecified => return Err(required("text.source")),
        P::Chat => false,
        P::Transcript => true,
    };
    let got = text.content.len();
    if got > MAX_TEXT_BYTES {
        let problem = format!("at most {MAX_TEXT_BYTES} bytes, got {got}");
        return Err(BadField::new("text.content", problem));
    }
    Ok(SessionMessage::Text { transcript, content: text.content })
}

fn intent(value: proto::Intent, field: &str) -> Read<Intent> {
    let at = |name: &str| format!("{field}.{name}");
    let amount = match value.amount {
        None => None,
        Some(amount) => {
            let read = Amount::new(amount, &value.currency);
            Some(read.map_err(|e| BadField::new(at("amount"), e.to_string()))?)
        }
    };
    Ok(Intent {
        ask: convert::id(&value.ask_id, &at("ask_id"), AskId::parse)?,
        intent: convert::id(&value.intent, &at("intent"), IntentId::parse)?,
        amount,
        wait_ms: duration(value.wait, &at("wait"))?.unwrap_or(0),
    })
}

fn finding(value: i32, field: &str) -> Read<Finding> {
    use proto::SessionFinding as P;
    Ok(match known::<P>(value, field)? {
        P::Unspecified => Finding::Unknown,
        P::Absent => Finding::Absent,
        P::Present => Finding::Present,
    })
}

fn finding_kind(value: i32, field: &str) -> Read<FindingKind> {
    use proto::SessionFindingKind as P;
    Ok(match known::<P>(value, field)? {
        P::Unspecified => return Err(required(field)),
        P::RemoteAccess => FindingKind::RemoteAccess,
        P::Automation => FindingKind::Automation,
        P::SecondVoice => FindingKind::SecondVoice,
        P::PastedScript => FindingKind::PastedScript,
        P::SocialEngineering => FindingKind::SocialEngineering,
        P::TextUnlikePerson => FindingKind::TextUnlikePerson,
        P::Watchlist => FindingKind::Watchlist,
    })
}

fn ani(value: i32, field: &str) -> Read<AniHistory> {
    use proto::AniHistory as P;
    Ok(match known::<P>(value, field)? {
        P::Unspecified => AniHistory::Unknown,
        P::Known => AniHistory::Known,
        P::New => AniHistory::New,
        P::Withheld => AniHistory::Withheld,
        P::OtherSubject => AniHistory::OtherSubject,
    })
}

fn verstat(value: i32, field: &str) -> Read<Verstat> {
    use proto::Verstat as P;
    Ok(match known::<P>(value, field)? {
        P::Unspecified => Verstat::Unknown,
        P::PassedA => Verstat::PassedA,
        P::PassedB => Verstat::PassedB,
        P::PassedC => Verstat::PassedC,
        P::Failed => Verstat::Failed,
        P::NotValidated => Verstat::NotValidated,
    })
}

fn context(event: proto::ContextEvent, field: &str) -> Read<ContextEvent> {
    use proto::context_event::Fact;
    let at = |name: &str| format!("{field}.{name}");
    let fact = event.fact.ok_or_else(|| BadField::new(field, "says nothing"))?;
    Ok(match fact {
        Fact::AniHistory(value) => ContextEvent::Ani(ani(value, &at("ani_history"))?),
        Fact::Verstat(value) => ContextEvent::Verstat(verstat(value, &at("verstat"))?),
        Fact::NewDevice(value) => ContextEvent::NewDevice(finding(value, &at("new_device"))?),
        Fact::SimSwapAge(age) => {
            let age = duration(Some(age), &at("sim_swap_age"))?;
            ContextEvent::SimSwapAgeMs(age.unwrap_or(0))
        }
        Fact::GeoVelocityKmh(speed) => {
            if !(speed.is_finite() && speed >= 0.0) {
                let problem = format!("must be a speed in km/h, got {speed}");
                return Err(BadField::new(at("geo_velocity_kmh"), problem));
            }
            ContextEvent::GeoVelocityKmh(speed)
        }
        Fact::Finding(found) => ContextEvent::Finding {
            kind: finding_kind(found.kind, &at("finding.kind"))?,
            finding: finding(found.finding, &at("finding.finding"))?,
        },
        Fact::PersonChanged(_) => ContextEvent::PersonChanged,
        Fact::Factor(result) => ContextEvent::Factor {
            factor: convert::id(&result.factor, &at("factor.factor"), FactorName::parse)?,
            outcome: match result.passed {
                true => FactorOutcome::Passed,
                false => FactorOutcome::Failed,
            },
        },
    })
}

/// The session of GetSession and EndSession.
pub fn session_id(text: &str) -> Read<SessionId> {
    convert::id(text, "session_id", SessionId::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(amount: Option<f64>, currency: &str) -> proto::Intent {
        proto::Intent {
            ask_id: "q1".to_owned(),
            intent: "transfer".to_owned(),
            amount,
            currency: currency.to_owned(),
            wait: Some(prost_types::Duration { seconds: 2, nanos: 500_000_000 }),
        }
    }

    #[test]
    fn intents_are_read_and_checked() {
        let read = intent(ask(Some(12_000.0), "EUR"), "intent").expect("an intent");
        assert_eq!((read.wait_ms, read.amount.map(|a| a.value())), (2_500, Some(12_000.0)));
        assert!(intent(ask(None, ""), "intent").is_ok());
        for (amount, currency) in [(-1.0, "EUR"), (f64::NAN, "EUR"), (1.0, "eur"), (1.0, "")] {
            assert!(intent(ask(Some(amount), currency), "intent").is_err(), "{amount} {currency}");
        }
        let negative = proto::Intent {
            wait: Some(prost_types::Duration { seconds: -1, nanos: 0 }),
            ..ask(None, "")
        };
        assert!(intent(negative, "intent").is_err());
    }

    #[test]
    fn openings_are_read_and_checked() {
        let open = proto::OpenSession {
            channel: proto::SessionChannel::Phone as i32,
            subject_id: "anna".to_owned(),
            phone_number: "+4930123456".to_owned(),
            language: "de-CH".to_owned(),
            idempotency_key: "k".to_owned(),
            ..Default::default()
        };
        let read = open_session(open.clone()).expect("an opening");
        assert_eq!(read.language.as_deref(), Some("de-ch"));
        assert!(read.audio.is_none());
        let wrong: [(&str, proto::OpenSession); 6] = [
            ("open.channel", proto::OpenSession { channel: 0, ..open.clone() }),
            ("open.channel", proto::OpenSession { channel: 99, ..open.clone() }),
            (
                "open.phone_number",
                proto::OpenSession { phone_number: "030 123".to_owned(), ..open.clone() },
            ),
            ("open.language", proto::OpenSession { language: "de_CH".to_owned(), ..open.clone() }),
            (
                "open.candidate_ids",
                proto::OpenSession { candidate_ids: vec!["a".to_owned(); 1_001], ..open.clone() },
            ),
            (
                "open.idempotency_key",
                proto::OpenSession { idempotency_key: String::new(), ..open.clone() },
            ),
        ];
        for (field, open) in wrong {
            assert_eq!(open_session(open).expect_err(field).field, field);
        }
    }

    #[test]
    fn a_message_that_cannot_be_read_keeps_its_number() {
        let request = |message| proto::RunRequest { sequence: 7, message: Some(message) };
        let bad = In::Text(proto::TextMessage {
            source: 1,
            content: "x".repeat(MAX_TEXT_BYTES + 1),
            at: None,
        });
        let (sequence, read) = message(request(bad)).expect("a message");
        assert_eq!(sequence, 7);
        assert!(matches!(read, SessionMessage::Plain(Message::Unreadable(_))));
        let empty = In::Context(proto::ContextEvent { fact: None });
        let (_, read) = message(request(empty)).expect("a message");
        assert!(matches!(read, SessionMessage::Plain(Message::Unreadable(_))));
        assert!(message(proto::RunRequest { sequence: 7, message: None }).is_none());
        let again = In::Resume(proto::ResumeSession::default());
        assert!(message(request(again)).is_none());
    }
}
