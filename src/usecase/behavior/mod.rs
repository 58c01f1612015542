//! Behavior: typing, touch and pointer. Captures become samples, samples become a profile, a comparison
//! becomes an audited decision.
//!
//! What was typed goes no further than [`probe`]: keys are names there, timings and classes afterwards. A
//! profile is for one kind of behavior on one class of device and, for fixed text, for one text; nothing
//! is ever compared across those.
//!
//! Attempts by behavior are counted apart from those by voice, one counter for all profiles of a subject.
//! Apart, because whoever can type into a login form could otherwise lock a customer out of the telephone,
//! and because behavior, the weaker evidence, must not forgive failed attempts by voice. One for all
//! profiles, because else each text and device would give an impostor fresh tries.

pub(in crate::usecase) mod adapt;
pub(in crate::usecase) mod compare;
mod enroll;
mod fitted;
mod judge;
pub mod models;
mod observe;
pub mod output;
pub(in crate::usecase) mod probe;
mod profiles;
pub(in crate::usecase) mod verify;

pub use fitted::Fitted;
pub use models::{BehaviorHistory, BehaviorModels, BehaviorTemplate};

/// Most captures of one request.
pub const MAX_CAPTURES: usize = 256;
/// Most captures of one stream.
pub const MAX_OBSERVED: u32 = 1_000;
/// Captures of a stream that count: the latest. Behavior of minutes ago may be another person's.
pub const OBSERVED_WINDOW: usize = 64;
/// Most events in them; longer captures push earlier ones out.
pub const OBSERVED_EVENTS: usize = 100_000;
