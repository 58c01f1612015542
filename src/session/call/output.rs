//! What a session answers.

use crate::domain::{DecisionId, SubjectId, Timestamp};
use crate::policy::session::{DecisionFacts, SessionVerdict};
use crate::session::call::evidence::Standing;
use crate::session::call::words::{AskId, ClaimOrigin};

/// Where things stand for one question, or for the session as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// The question; `None` for the session as a whole.
    pub ask: Option<AskId>,
    /// What the verdict rests on.
    pub facts: DecisionFacts,
    /// The policy's word.
    pub verdict: SessionVerdict,
    /// The evidence as it was measured.
    pub evidence: Vec<Standing>,
    /// Whom it is about, and how they became the claim.
    pub claim: Option<(SubjectId, ClaimOrigin)>,
    /// Times another person was noticed.
    pub changes: u32,
}

/// A decision with its record.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// What was decided.
    pub assessment: Assessment,
    /// Its record.
    pub decision: DecisionId,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// The client closed it.
    Closed,
    /// No message came for too long.
    Idle,
    /// It lasted as long as it may.
    Total,
    /// The connection was lost and not resumed in time.
    Lost,
    /// The server was restarted.
    Restart,
    /// Ended from outside.
    Requested,
}

impl SessionEnd {
    /// Whether the client could not say all it had to say.
    pub fn is_incomplete(self) -> bool {
        matches!(self, Self::Lost | Self::Restart)
    }

    /// The name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Idle => "idle",
            Self::Total => "total",
            Self::Lost => "lost",
            Self::Restart => "restart",
            Self::Requested => "requested",
        }
    }
}

/// The end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub end: SessionEnd,
    /// Messages given up by the client.
    pub skipped: u64,
    /// Messages that came again.
    pub repeated: u64,
    /// Decisions taken, that of the end included.
    pub decisions: u32,
}

/// Why a message was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusalReason {
    /// As many questions as a session may have.
    TooManyIntents,
    /// As many challenges as a session may have.
    TooManyChallenges,
    /// A challenge is open.
    ChallengeOpen,
    /// The challenge is unknown, was answered or has expired.
    ChallengeGone,
    /// The session was opened without audio.
    NoAudio,
    /// It speaks for the person, and an app says it: only who holds an API key may.
    BackEndOnly,
    /// The content cannot be used; why, for people.
    Content(String),
}

/// What the client gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    /// The session is open.
    Opened,
    /// The session goes on.
    Resumed,
    /// Messages were taken, or came again or too early.
    Acknowledged {
        /// Not taken: send again from this number.
        missing_from: Option<u64>,
    },
    /// For the session as a whole, then for each question that waits.
    Update(Vec<Assessment>),
    /// Final for its question.
    Decision(Box<Decided>),
    /// Something to say.
    Challenge {
        /// Its number.
        number: u32,
        /// What to say.
        prompt: String,
        /// Until when.
        expires_at: Timestamp,
    },
    /// A message was taken and refused.
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
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// Its own number; 0 for `Resumed`, which comes before what is sent again under lower numbers.
    pub sequence: u64,
    /// Number of the last message taken.
    pub acknowledged: u64,
    /// What it says.
    pub response: Response,
}
