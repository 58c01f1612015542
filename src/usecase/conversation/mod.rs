//! Conversation: the style of what somebody writes. Messages become a style, styles become a profile, a
//! comparison becomes an audited decision.
//!
//! Texts go no further than [`texts`]: they are counted and looked at in the engine and dropped with the
//! request. A style profile is stored as a profile of behavior of another kind, sealed alike, under a
//! consent of its own. Unsuccessful attempts count with those by behavior: one counter, so that a style is
//! no second door for who failed at typing.

mod enroll;
pub mod models;
pub mod output;
mod profiles;
pub(in crate::usecase) mod texts;
mod verify;

pub use models::Conversation;

/// Most messages of one request.
pub const MAX_TEXTS: usize = 2_048;
/// Most bytes of all of them.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
