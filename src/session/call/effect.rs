//! What a session wants done.

use crate::domain::{DurationMs, Modality, SubjectId, Timestamp};
use crate::session::call::attempt::Attempted;
use crate::session::call::output::{Assessment, Outgoing, SessionEnd};

/// What is kept of an open session outside memory, so that a restart is no silent loss.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OpenRecord {
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Whom it is about.
    pub subject: Option<SubjectId>,
}

/// What is to be recorded. It becomes an answer when it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What was decided; its `ask` is `None` for the end of the session.
    pub assessment: Assessment,
    /// Why the session ended; `None` for a question on the way.
    pub end: Option<SessionEnd>,
    /// What it means for the locks of the subject.
    pub attempted: Attempted,
}

/// What to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Keep this while the session is open; replaces what was kept.
    Keep(OpenRecord),
    /// Send to the client, if one is connected. Updates may be dropped.
    Send(Box<Outgoing>),
    /// Work on the payload of the message just taken.
    Process,
    /// Find out where the subject stands; answer with `Event::Standing`.
    LookUp(SubjectId),
    /// No more audio will come: hear what was held back, answer with `Event::Heard`.
    EndAudio,
    /// Compare all speech since the person last changed with the claim; answer with `Event::Compared`.
    CompareVoice,
    /// Compare the newest window of speech with the first speech of the person and the windows that were kept, and
    /// with the window before it; answer with `Event::Window`.
    CompareWindow {
        /// Net speech at which the window begins, in milliseconds.
        from_ms: u32,
        /// Net speech at which it ends.
        until_ms: u32,
    },
    /// The window just compared is the present person's: keep it to hold later ones against.
    KeepWindow {
        /// Net speech at which it begins, in milliseconds.
        from_ms: u32,
    },
    /// Search all speech among the candidates; answer with `Event::Searched`.
    SearchCandidates,
    /// Another person is there: what was captured of this modality before `from` is not theirs.
    Restart {
        /// Which.
        modality: Modality,
        /// In the modality's amount; `None`: from now on.
        from: Option<u32>,
    },
    /// Make a prompt; answer with `Event::ChallengeMade`.
    MakeChallenge {
        /// Its number.
        number: u32,
    },
    /// Check an answer; answer with `Event::AnswerChecked`.
    CheckAnswer {
        /// Number of the challenge.
        number: u32,
        /// What should have been said.
        prompt: String,
        /// What the client says was said.
        transcript: Option<String>,
    },
    /// Another person is there, and what was seen of the one before was not counted yet: count it on the claim.
    Count(Attempted),
    /// Record a decision; answer with `Event::Recorded` or `Event::NotRecorded`.
    Record(Box<Record>),
    /// The session is over: forget what was kept, close the connection.
    Finish,
}

/// The end of a session that was open when the server stopped: nothing of it can be decided any more. For
/// how long it had been open.
pub fn after_restart(record: &OpenRecord, now: Timestamp) -> (SessionEnd, DurationMs) {
    (SessionEnd::Restart, now.since(record.opened_at))
}
