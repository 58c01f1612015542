//! What happens to a session.

use crate::domain::{
    AgeClass, DecisionId, Finding, FindingKind, Llr, Modality, Probability, SubjectId,
};
use crate::policy::session::SubjectStanding;
use crate::session::call::evidence::Measured;
use crate::session::call::words::{AskId, ContextEvent, Message};

/// One piece of news.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A message of the client.
    Received {
        /// Of which connection.
        connection: u64,
        /// Its number.
        sequence: u64,
        /// What it is.
        message: Message,
    },
    /// A fact about the surroundings that did not come from the client.
    Reported(ContextEvent),
    /// The payload of a message could not be used; why, for people.
    Unusable {
        /// Its number.
        sequence: u64,
        /// Why.
        detail: String,
    },
    /// A client who knows the session's secret goes on.
    Connected {
        /// The new connection; one before it counts no more.
        connection: u64,
        /// Number of the last response it saw.
        last_seen: u64,
    },
    /// A connection is gone.
    Disconnected {
        /// Which.
        connection: u64,
    },
    /// Where the claimed subject stands, after `LookUp` or when that has changed.
    Standing(SubjectStanding),
    /// More of the caller was heard; net speech of the session so far.
    Heard {
        /// In milliseconds.
        net_speech_ms: u32,
    },
    /// The comparison of voice that was asked for.
    Compared(Measured),
    /// It could not be made.
    NotCompared,
    /// A comparison of another modality.
    Evidence {
        /// Which.
        modality: Modality,
        /// What came out.
        measured: Measured,
    },
    /// What was compared with for a modality may not be used any more: consent was withdrawn, or it ended.
    Withdrawn {
        /// Which.
        modality: Modality,
    },
    /// A window of a modality was compared with what was captured before it.
    Window {
        /// Which.
        modality: Modality,
        /// The same person against another; `None` when it could not be made.
        llr: Option<Llr>,
        /// The same for this window and the one before it; `None` where that is not known.
        like_last: Option<Llr>,
        /// Amount of the modality at which the window begins.
        from: u32,
    },
    /// A check of the server found something, or did not.
    Found {
        /// Of what.
        kind: FindingKind,
        /// Whether it is there.
        finding: Finding,
    },
    /// The search that was asked for: who was accepted, and among how many.
    Searched {
        /// Who.
        accepted: Option<SubjectId>,
        /// Among how many voiceprints.
        among: u32,
    },
    /// The class of age, for routing only.
    Categorized {
        /// Which.
        class: AgeClass,
        /// Probability of a senior.
        p_senior: Option<Probability>,
    },
    /// A class of age was found that may not be used any more.
    Uncategorized,
    /// A prompt was made.
    ChallengeMade {
        /// Number of the challenge.
        number: u32,
        /// The prompt.
        prompt: String,
    },
    /// An answer was checked.
    AnswerChecked {
        /// Number of the challenge.
        number: u32,
        /// Whether it was right; unknown when nothing was recognized.
        right: Finding,
    },
    /// A decision was recorded.
    Recorded {
        /// Of which question; `None` for the end.
        ask: Option<AskId>,
        /// Its record.
        decision: DecisionId,
    },
    /// It could not be recorded.
    NotRecorded {
        /// Of which question; `None` for the end.
        ask: Option<AskId>,
    },
    /// The session shall end.
    EndRequested,
    /// Time has passed; see [`CallSession::next_wake`](super::CallSession::next_wake).
    Tick,
}
