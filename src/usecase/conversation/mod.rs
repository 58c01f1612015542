//! Conversation: the style of what somebody writes. Messages become a style, styles become a profile, a
//! comparison becomes an audited decision.
//!
//! Texts go no further than [`texts`]: they are counted and looked at in the engine and dropped with the
//! request. A style profile is stored as a profile of behavior of another kind, sealed alike, under a
//! consent of its own. Unsuccessful attempts count with those by behavior: one counter, so that a style is
//! no second door for who failed at typing.

pub mod models;

pub use models::Conversation;
