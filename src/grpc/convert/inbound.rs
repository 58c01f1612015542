//! Requests: proto to domain, checked.

use crate::domain::{
    AudioEncoding, AudioFormat, AuditKind, Authorization, Decision, PhoneNumber, Purpose, Reason,
    SubjectId, Timestamp,
};
use crate::grpc::proto;
use crate::grpc::status::BadField;
use crate::usecase::command::{
    Audience, Chunk, IdempotencyKey, MAX_IDEMPOTENCY_KEY_LEN, Recording,
};

/// Most items of a page.
pub const MAX_PAGE_SIZE: u32 = 1000;
/// Items of a page when the request does not say.
pub const DEFAULT_PAGE_SIZE: u32 = 100;
/// Longest free text of a request (notice id, agent, factor …), in bytes.
pub const MAX_TEXT_LEN: usize = 256;
/// Longest page token, in bytes.
pub const MAX_PAGE_TOKEN_LEN: usize = 512;

/// A result of reading a request.
pub type Read<T> = Result<T, BadField>;

/// A message that must be there.
pub fn required<T>(value: Option<T>, field: &str) -> Read<T> {
    value.ok_or_else(|| BadField::new(field, "is required"))
}

/// A subject id.
pub fn subject_id(text: &str, field: &str) -> Read<SubjectId> {
    SubjectId::parse(text).map_err(|e| BadField::new(field, e.to_string()))
}

/// A subject id, or `None` when empty.
pub fn optional_subject_id(text: &str, field: &str) -> Read<Option<SubjectId>> {
    (!text.is_empty()).then(|| subject_id(text, field)).transpose()
}

/// An id of another kind.
pub fn id<T>(
    text: &str,
    field: &str,
    parse: fn(&str) -> Result<T, crate::domain::IdError>,
) -> Read<T> {
    parse(text).map_err(|e| BadField::new(field, e.to_string()))
}

/// A phone number.
pub fn phone_number(text: &str, field: &str) -> Read<PhoneNumber> {
    PhoneNumber::parse(text).map_err(|e| BadField::new(field, e.to_string()))
}

/// An idempotency key; required.
pub fn idempotency_key(text: &str, field: &str) -> Read<IdempotencyKey> {
    IdempotencyKey::parse(text).ok_or_else(|| {
        let problem = format!(
            "needs 1 to {MAX_IDEMPOTENCY_KEY_LEN} printable ASCII characters without spaces, got {} bytes",
            text.len()
        );
        BadField::new(field, problem)
    })
}

/// A text that must be there.
pub fn text(value: String, field: &str) -> Read<String> {
    if value.is_empty() {
        return Err(BadField::new(field, "is required"));
    }
    if value.len() > MAX_TEXT_LEN {
        let problem = format!("at most {MAX_TEXT_LEN} bytes, got {}", value.len());
        return Err(BadField::new(field, problem));
    }
    if value.chars().any(char::is_control) {
        return Err(BadField::new(field, "has a control character"));
    }
    Ok(value)
}

/// A page size: 1 to [`MAX_PAGE_SIZE`], 0 for [`DEFAULT_PAGE_SIZE`].
pub fn page_size(value: u32, field: &str) -> Read<usize> {
    let size = match value {
        0 => DEFAULT_PAGE_SIZE,
        1..=MAX_PAGE_SIZE => value,
        _ => {
            let problem = format!("at most {MAX_PAGE_SIZE}, got {value}");
            return Err(BadField::new(field, problem));
        }
    };
    Ok(size as usize)
}

/// A page token, or `None` when empty.
pub fn page_token(value: String, field: &str) -> Read<Option<String>> {
    if value.len() > MAX_PAGE_TOKEN_LEN {
        let problem = format!("at most {MAX_PAGE_TOKEN_LEN} bytes, got {}", value.len());
        return Err(BadField::new(field, problem));
    }
    Ok((!value.is_empty()).then_some(value))
}

/// A moment, to the millisecond; parts of a millisecond are cut off.
pub fn timestamp(value: &prost_types::Timestamp, field: &str) -> Read<Timestamp> {
    let nanos_ok = (0..1_000_000_000).contains(&value.nanos);
    let ms = value
        .seconds
        .checked_mul(1_000)
        .and_then(|ms| ms.checked_add(i64::from(value.nanos / 1_000_000)));
    // The range of google.protobuf.Timestamp: years 1 to 9999.
    let range = -62_135_596_800_000..=253_402_300_799_999;
    match ms {
        Some(ms) if nanos_ok && range.contains(&ms) => Ok(Timestamp::from_unix_ms(ms)),
        _ => Err(BadField::new(field, "is not a moment of the years 1 to 9999")),
    }
}

/// A moment that may be absent.
pub fn optional_timestamp(
    value: Option<prost_types::Timestamp>,
    field: &str,
) -> Read<Option<Timestamp>> {
    value.map(|t| timestamp(&t, field)).transpose()
}

fn known<P: TryFrom<i32>>(value: i32, field: &str) -> Read<P> {
    P::try_from(value).map_err(|_| BadField::new(field, format!("{value} is not a known value")))
}

fn unspecified(field: &str) -> BadField {
    BadField::new(field, "is required, got UNSPECIFIED")
}

/// An encoding.
pub fn audio_encoding(value: i32, field: &str) -> Read<AudioEncoding> {
    use proto::AudioEncoding as P;
    match known::<P>(value, field)? {
        P::Unspecified => Err(unspecified(field)),
        P::Wav => Ok(AudioEncoding::Wav),
        P::PcmS16le => Ok(AudioEncoding::PcmS16Le),
        P::G711Ulaw => Ok(AudioEncoding::G711Ulaw),
        P::G711Alaw => Ok(AudioEncoding::G711Alaw),
        P::Flac => Ok(AudioEncoding::Flac),
        P::OggVorbis => Ok(AudioEncoding::OggVorbis),
        P::Mp3 => Ok(AudioEncoding::Mp3),
        P::Opus => Ok(AudioEncoding::Opus),
    }
}

/// A purpose.
pub fn purpose(value: i32, field: &str) -> Read<Purpose> {
    use proto::ConsentPurpose as P;
    match known::<P>(value, field)? {
        P::Unspecified => Err(unspecified(field)),
        P::VoiceAuthentication => Ok(Purpose::VoiceAuthentication),
        P::BehaviorAuthentication => Ok(Purpose::BehaviorAuthentication),
        P::ConversationAuthentication => Ok(Purpose::ConversationAuthentication),
    }
}

/// A decision to filter by; UNSPECIFIED is all.
pub fn decision_filter(value: i32, field: &str) -> Read<Option<Decision>> {
    use proto::Decision as P;
    Ok(match known::<P>(value, field)? {
        P::Unspecified => None,
        P::Accept => Some(Decision::Accept),
        P::StepUp => Some(Decision::StepUp),
        P::Reject => Some(Decision::Reject),
        P::Inconclusive => Some(Decision::Inconclusive),
        P::NoMatch => Some(Decision::NoMatch),
        P::NotEnrolled => Some(Decision::NotEnrolled),
        P::OptedOut => Some(Decision::OptedOut),
        P::Expired => Some(Decision::Expired),
        P::Locked => Some(Decision::Locked),
    })
}

/// Who reads an explanation; UNSPECIFIED is nobody in particular.
pub fn audience(value: i32, field: &str) -> Read<Option<Audience>> {
    use proto::Audience as P;
    Ok(match known::<P>(value, field)? {
        P::Unspecified => None,
        P::Customer => Some(Audience::Customer),
        P::Agent => Some(Audience::Agent),
        P::Analyst => Some(Audience::Analyst),
    })
}

/// A kind of act to filter by; UNSPECIFIED is all.
pub fn kind_filter(value: i32, field: &str) -> Read<Option<AuditKind>> {
    use proto::AuditKind as P;
    Ok(match known::<P>(value, field)? {
        P::Unspecified => None,
        P::Subject => Some(AuditKind::Subject),
        P::Consent => Some(AuditKind::Consent),
        P::Enrollment => Some(AuditKind::Enrollment),
        P::Verification => Some(AuditKind::Verification),
        P::Identification => Some(AuditKind::Identification),
        P::Erasure => Some(AuditKind::Erasure),
        P::Template => Some(AuditKind::Template),
        P::Key => Some(AuditKind::Key),
        P::Categorization => Some(AuditKind::Categorization),
        P::BehaviorEnrollment => Some(AuditKind::BehaviorEnrollment),
        P::BehaviorVerification => Some(AuditKind::BehaviorVerification),
        P::BehaviorDeletion => Some(AuditKind::BehaviorDeletion),
        P::ConversationEnrollment => Some(AuditKind::ConversationEnrollment),
        P::ConversationVerification => Some(AuditKind::ConversationVerification),
        P::ConversationDeletion => Some(AuditKind::ConversationDeletion),
        P::Redaction => Some(AuditKind::Redaction),
        P::Policy => Some(AuditKind::Policy),
        P::Feedback => Some(AuditKind::Feedback),
        P::PhoneNumber => Some(AuditKind::PhoneNumber),
        P::Export => Some(AuditKind::Export),
        P::Calibration => Some(AuditKind::Calibration),
        P::Source => Some(AuditKind::Source),
        P::Session => Some(AuditKind::Session),
    })
}

/// A reason to filter by; UNSPECIFIED is all.
pub fn reason_filter(value: i32, field: &str) -> Read<Option<Reason>> {
    use proto::Reason as P;
    Ok(match known::<P>(value, field)? {
        P::Unspecified => None,
        P::SpeakLonger => Some(Reason::SpeakLonger),
        P::TooNoisy => Some(Reason::TooNoisy),
        P::Clipped => Some(Reason::Clipped),
        P::TooQuiet => Some(Reason::TooQuiet),
        P::NotSpeech => Some(Reason::NotSpeech),
        P::PacketLoss => Some(Reason::PacketLoss),
        P::VoiceMatch => Some(Reason::VoiceMatch),
        P::VoiceMismatch => Some(Reason::VoiceMismatch),
        P::VoiceUncertain => Some(Reason::VoiceUncertain),
        P::PadNotEvaluated => Some(Reason::PadNotEvaluated),
        P::SpeakerInconsistent => Some(Reason::SpeakerInconsistent),
        P::MultipleSpeakers => Some(Reason::MultipleSpeakers),
        P::NoTemplate => Some(Reason::NoTemplate),
        P::ModelMismatch => Some(Reason::ModelMismatch),
        P::NoConsent => Some(Reason::NoConsent),
        P::OptedOut => Some(Reason::OptedOut),
        P::TemplateExpired => Some(Reason::TemplateExpired),
        P::TooManyAttempts => Some(Reason::TooManyAttempts),
        P::Extrapolated => Some(Reason::Extrapolated),
        P::BelowIdentificationThreshold => Some(Reason::BelowIdentificationThreshold),
        P::EndedEarly => Some(Reason::EndedEarly),
        P::NarrowBand => Some(Reason::NarrowBand),
        P::EnrollmentComplete => Some(Reason::EnrollmentComplete),
        P::EnrollmentInProgress => Some(Reason::EnrollmentInProgress),
        P::Administrative => Some(Reason::Administrative),
        P::ErasurePending => Some(Reason::ErasurePending),
        P::AgeIntervalWide => Some(Reason::AgeIntervalWide),
        P::AgeUncertain => Some(Reason::AgeUncertain),
        P::SeniorLikely => Some(Reason::SeniorLikely),
        P::MoreInput => Some(Reason::MoreInput),
        P::BehaviorMatch => Some(Reason::BehaviorMatch),
        P::BehaviorMismatch => Some(Reason::BehaviorMismatch),
        P::BehaviorUncertain => Some(Reason::BehaviorUncertain),
        P::BehaviorAlone => Some(Reason::BehaviorAlone),
        P::SocialEngineering => Some(Reason::SocialEngineering),
        P::SourceLocked => Some(Reason::SourceLocked),
        P::OtherFactorNeeded => Some(Reason::OtherFactorNeeded),
        P::InputReplayed => Some(Reason::InputReplayed),
        P::InputScripted => Some(Reason::InputScripted),
        P::InputPasted => Some(Reason::InputPasted),
        P::RemoteControl => Some(Reason::RemoteControl),
        P::Hesitation => Some(Reason::Hesitation),
        P::CaptureInconsistent => Some(Reason::CaptureInconsistent),
        P::OtherText => Some(Reason::OtherText),
    })
}

/// A claimed audio format; `audio` checks rates and channels against what it can read.
pub fn audio_format(value: Option<proto::AudioConfig>, field: &str) -> Read<AudioFormat> {
    let config = required(value, field)?;
    let small = |n: u32, name: &str| {
        u16::try_from(n).map_err(|_| {
            BadField::new(format!("{field}.{name}"), format!("at most 65535, got {n}"))
        })
    };
    let channels = small(config.channels, "channels")?;
    Ok(AudioFormat {
        encoding: audio_encoding(config.encoding, &format!("{field}.encoding"))?,
        sample_rate_hz: (config.sample_rate_hz != 0).then_some(config.sample_rate_hz),
        channels: (channels != 0).then_some(channels),
        channel: config.channel.map(|n| small(n, "channel")).transpose()?,
    })
}

/// A whole recording.
pub fn recording(value: Option<proto::Audio>, field: &str) -> Read<Recording> {
    let audio = required(value, field)?;
    if audio.content.is_empty() {
        return Err(BadField::new(format!("{field}.content"), "is required"));
    }
    Ok(Recording {
        format: audio_format(audio.config, &format!("{field}.config"))?,
        content: audio.content,
    })
}

/// A piece of a live recording; sequence 0 is "not numbered".
pub fn chunk(value: proto::AudioChunk) -> Chunk {
    Chunk { sequence: (value.sequence != 0).then_some(value.sequence), content: value.content }
}

/// Who authorized an act.
pub fn authorization(value: Option<proto::Authorization>, field: &str) -> Read<Authorization> {
    let value = required(value, field)?;
    Ok(Authorization {
        agent: text(value.agent, &format!("{field}.agent"))?,
        factor: text(value.factor, &format!("{field}.factor"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::convert;

    #[test]
    fn unspecified_and_unknown_values_are_refused_with_their_field() {
        let unset = audio_encoding(0, "audio.config.encoding").unwrap_err();
        assert_eq!(unset.field, "audio.config.encoding");
        assert!(unset.problem.contains("UNSPECIFIED"));
        assert!(audio_encoding(99, "x").unwrap_err().problem.contains("99"));
        assert!(purpose(0, "purpose").is_err());
        assert!(purpose(77, "purpose").is_err());
        assert!(decision_filter(-1, "decision").is_err());
    }

    #[test]
    fn every_proto_value_comes_back_as_itself() {
        let reasons = (1..).map_while(|n| proto::Reason::try_from(n).ok());
        let mut seen = 0;
        for p in reasons {
            let reason = reason_filter(p as i32, "reason").unwrap().unwrap();
            assert_eq!(convert::reason(reason), p);
            seen += 1;
        }
        assert_eq!(seen, Reason::ALL.len());
        for p in (1..).map_while(|n| proto::Decision::try_from(n).ok()) {
            let decision = decision_filter(p as i32, "decision").unwrap().unwrap();
            assert_eq!(convert::decision(decision), p);
        }
        for p in (1..).map_while(|n| proto::AuditKind::try_from(n).ok()) {
            let kind = kind_filter(p as i32, "kind").unwrap().unwrap();
            assert_eq!(convert::kind(kind), p);
        }
    }

    #[test]
    fn limits_are_held_and_named() {
        assert_eq!(page_size(0, "page_size").unwrap(), 100);
        let over = page_size(1001, "page_size").unwrap_err();
        assert_eq!(over.problem, "at most 1000, got 1001");
        assert!(text("a".repeat(257), "f").is_err());
        assert!(text("a\nb".into(), "f").is_err());
        assert!(idempotency_key("", "idempotency_key").is_err());
        let config = proto::AudioConfig {
            encoding: proto::AudioEncoding::Wav as i32,
            channels: 70_000,
            ..Default::default()
        };
        let bad = audio_format(Some(config), "audio.config").unwrap_err();
        assert_eq!(bad.field, "audio.config.channels");
    }

    #[test]
    fn moments_keep_their_milliseconds() {
        let moment = Timestamp::from_unix_ms(-1_500);
        let there = convert::timestamp_out(moment);
        assert_eq!(timestamp(&there, "t").unwrap(), moment);
        let wild = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
        assert!(timestamp(&wild, "t").is_err());
    }
}
