//! What edges say to sessions and hear from them. Fine scores are already removed where the role may not see
//! them.

use crate::behavior::RawCapture;
use crate::behavior::event::RawEvents;
use crate::domain::{
    AgeClass, ArtifactRef, AudioFormat, Decision, DecisionId, DurationMs, FactorName, IntentId,
    Modality, NextStep, PadOutcome, PhoneNumber, Probability, SessionChannel, SessionId,
    SessionReason, SubjectId, Timestamp, Versions,
};
use crate::usecase::command::IdempotencyKey;
use crate::usecase::output::ShownScore;
use crate::usecase::sessions::token::SessionGrant;

pub use crate::policy::session::{AniHistory, FactorOutcome, SessionRouting, Verstat};
pub use crate::session::call::{
    AskId, ClaimOrigin, ContextEvent, Ended, Intent, Leg, Message, RefusalReason, SessionEnd,
};

/// Open a session.
#[derive(Debug, Clone)]
pub struct OpenSession {
    /// Where it takes place.
    pub channel: SessionChannel,
    /// Who is claimed.
    pub subject: Option<SubjectId>,
    /// Who may be behind the number; at most as many as one identification may search.
    pub candidates: Vec<SubjectId>,
    /// Where the call comes from.
    pub number: Option<PhoneNumber>,
    /// Format of all audio; without one no audio will come.
    pub audio: Option<AudioFormat>,
    /// Language by BCP 47, lower case.
    pub language: Option<String>,
    /// Asked at once.
    pub intent: Option<Intent>,
    /// Known at once.
    pub context: Vec<ContextEvent>,
    /// What the token it is opened with is good for; `None` with an API key.
    pub grant: Option<SessionGrant>,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Go on with a session whose connection was lost.
#[derive(Clone)]
pub struct ResumeSession {
    /// Which.
    pub session: SessionId,
    /// The secret its opening gave.
    pub token: String,
    /// Number of the last response seen.
    pub last_seen: u64,
    /// What the token of the caller is good for; `None` with an API key.
    pub grant: Option<SessionGrant>,
}

/// A message with its payload. No `Debug`: what was said or typed must not reach a log.
#[derive(Clone)]
pub enum SessionMessage {
    /// Audio of a leg.
    Audio {
        /// Who speaks.
        leg: Leg,
        /// May split a sample.
        content: Vec<u8>,
    },
    /// Keys, a stroke, or a while of a pointer.
    Capture(Box<RawCapture>),
    /// Something written or said.
    Text {
        /// Recognized from speech, not typed.
        transcript: bool,
        /// The text.
        content: String,
    },
    /// Anything without a payload.
    Plain(Message),
}

impl SessionMessage {
    /// Memory of its payload in bytes, about.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Audio { content, .. } => content.len(),
            Self::Text { content, .. } => content.len(),
            Self::Capture(raw) => match &raw.events {
                RawEvents::Keystroke(keys) => std::mem::size_of_val(keys.as_slice()),
                RawEvents::Touch(points) | RawEvents::Pointer(points) => {
                    std::mem::size_of_val(points.as_slice())
                }
            },
            Self::Plain(_) => 0,
        }
    }

    /// The message without its payload. `app`: it comes over a session token, on the word of an app.
    pub(super) fn plain(&self, app: bool) -> Message {
        match self {
            Self::Audio { leg, .. } => Message::Audio(*leg),
            Self::Capture(raw) => Message::Capture(modality(raw)),
            Self::Text { .. } => Message::Capture(Modality::Text),
            Self::Plain(Message::Context(event)) if app => Message::AppContext(event.clone()),
            Self::Plain(message) => message.clone(),
        }
    }
}

fn modality(raw: &RawCapture) -> Modality {
    match raw.events {
        RawEvents::Keystroke(_) => Modality::Keystroke,
        RawEvents::Touch(_) => Modality::Touch,
        RawEvents::Pointer(_) => Modality::Pointer,
    }
}

/// Limits of a session, as told to its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownLimits {
    /// Longest time without a message, in milliseconds.
    pub idle_ms: DurationMs,
    /// Longest session, in milliseconds.
    pub total_ms: DurationMs,
    /// How long a session waits for its lost connection, in milliseconds.
    pub resume_window_ms: DurationMs,
    /// Questions.
    pub max_intents: usize,
    /// Challenges.
    pub max_challenges: u32,
}

/// What one modality says.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownEvidence {
    /// Which.
    pub modality: Modality,
    /// How strongly.
    pub score: Option<ShownScore>,
    /// Milliseconds of net speech, keys, strokes, movements or words.
    pub amount: u32,
    /// As much as the modality needs.
    pub enough: bool,
    /// Since it was measured, in milliseconds.
    pub age_ms: DurationMs,
    /// Measured before another person took over.
    pub before_change: bool,
    /// Whether the input was looked at for attacks.
    pub pad: PadOutcome,
}

/// What may be used to greet a caller who was found by voice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Personalization {
    /// Who.
    pub subject: SubjectId,
    /// The language the session was opened with.
    pub language: Option<String>,
    /// Only where the tenant enabled it and the caller was categorized.
    pub age_class: Option<AgeClass>,
}

/// Where things stand for a question, or for the session as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownAssessment {
    /// The question; `None` for the session as a whole.
    pub ask: Option<AskId>,
    /// The intent it was held against.
    pub intent: IntentId,
    /// What the policy says.
    pub decision: Decision,
    /// Why.
    pub reasons: Vec<SessionReason>,
    /// What should happen next.
    pub next: NextStep,
    /// Factors that could lead to ACCEPT.
    pub factors: Vec<FactorName>,
    /// By modality.
    pub evidence: Vec<ShownEvidence>,
    /// All evidence together.
    pub fused: Option<ShownScore>,
    /// Only for roles with fine scores.
    pub p_genuine: Option<Probability>,
    /// 0 to 100; in steps of ten for roles without fine scores.
    pub risk: u8,
    /// Where the call could go.
    pub routing: Option<SessionRouting>,
    /// Whom it is about.
    pub claim: Option<(SubjectId, ClaimOrigin)>,
    /// What may greet the caller; only for one who was found by voice and is accepted.
    pub personalization: Option<Personalization>,
    /// Times another person was noticed.
    pub changes: u32,
    /// What produced it.
    pub versions: Versions,
    /// The fusion in force.
    pub fusion: ArtifactRef,
}

/// A final, audited decision.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownDecision {
    /// What was decided.
    pub assessment: ShownAssessment,
    /// Its record.
    pub decision: DecisionId,
}

/// What a session says.
#[derive(Clone)]
pub enum SessionResponse {
    /// It is open.
    Opened {
        /// Its id.
        session: SessionId,
        /// Its secret.
        token: String,
        /// Its limits.
        limits: ShownLimits,
        /// What is in force.
        versions: Versions,
    },
    /// It goes on.
    Resumed {
        /// Its id.
        session: SessionId,
        /// Its limits.
        limits: ShownLimits,
        /// What is in force.
        versions: Versions,
    },
    /// Messages were taken, or came again or too early.
    Acknowledged {
        /// Send again from here.
        missing_from: Option<u64>,
        /// Messages that came again.
        repeated: u64,
        /// Messages given up.
        skipped: u64,
    },
    /// An estimate.
    Update(Vec<ShownAssessment>),
    /// A decision.
    Decision(Box<ShownDecision>),
    /// Something to say.
    Challenge {
        /// Its number in the session.
        number: u32,
        /// What to say.
        prompt: String,
        /// Until when.
        expires_at: Timestamp,
    },
    /// A message was refused.
    Refused {
        /// Its number.
        sequence: u64,
        /// Why.
        reason: RefusalReason,
    },
    /// The last one.
    Ended(Ended),
}

/// A response with its numbers.
#[derive(Clone)]
pub struct SessionOutput {
    /// Its own.
    pub sequence: u64,
    /// Of the last message taken.
    pub acknowledged: u64,
    /// What it says.
    pub response: SessionResponse,
}

/// Where a session stands.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionStatus {
    /// Its id.
    pub session: SessionId,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The end, once it is there.
    pub ended: Option<Ended>,
    /// Number of the last message taken.
    pub acknowledged: u64,
    /// A client is connected.
    pub connected: bool,
    /// The newest estimate; empty once it has ended.
    pub assessments: Vec<ShownAssessment>,
    /// Decisions on questions so far.
    pub decisions: Vec<ShownDecision>,
    /// What is in force.
    pub versions: Versions,
}
