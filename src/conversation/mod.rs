//! Conversation biometrics: the style of a chat or transcript becomes a profile, and a comparison an LLR with the
//! habits that spoke for and against. Text is analyzed and dropped; what is kept are sums ([`profile`]).
//!
//! Besides: findings that are no evidence about the person ([`findings`]), and personal data out of what is logged or
//! exported ([`redact`]).

pub mod background;
mod clean;
pub mod compare;
pub mod dataset;
pub mod error;
mod features;
pub mod findings;
pub mod limits;
pub mod message;
pub mod profile;
pub mod protocol;
pub mod redact;
pub mod train;
mod words;

pub use background::Background;
pub use compare::{Evidence, HabitShare};
pub use error::ConversationError;
pub use features::Habit;
pub use message::Message;
pub use profile::{Reading, Style, StyleReader, style_of};

#[cfg(test)]
mod tests;
