//! A whole call or app session as a state machine without I/O. Messages of the client come in by number and
//! are taken once, whatever the connection does; comparisons, findings and facts of the surroundings are
//! collected; the policy, handed over as a function, says what they come to; each question is decided once,
//! recorded once, and only then answered.
//!
//! [`CallSession::step`] is a pure function of state, event and time. Who drives it does what the effects
//! say, in order, and answers those that ask for an answer.

pub mod asks;
pub mod attempt;
pub mod challenge;
mod clock;
pub mod context;
pub mod effect;
pub mod event;
pub mod evidence;
pub mod limits;
mod machine;
mod news;
pub mod output;
mod person;
mod receive;
pub mod record;
pub mod replay;
pub mod sequence;
mod settle;
#[cfg(test)]
pub(crate) mod tests;
pub mod voice;
pub mod watch;
pub mod words;

pub use attempt::Attempted;
pub use effect::{Effect, OpenRecord, Record, after_restart};
pub use event::Event;
pub use evidence::{Measured, Standing};
pub use limits::{CallLimits, CallRules};
pub use machine::{CallSession, Judge};
pub use output::{Assessment, Decided, Ended, Outgoing, RefusalReason, Response, SessionEnd};
pub use settle::can_wait;
pub use watch::ChangeRule;
pub use words::{AskId, ClaimOrigin, ContextEvent, Intent, Leg, Message, Opening};
