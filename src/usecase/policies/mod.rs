//! Policies of sessions, by tenant: checked, proposed by one and approved by another, run in shadow, gone back from,
//! and held against what was decided before. A tenant without one of its own has that of the server.

mod change;
mod in_force;
mod read;
mod replay;
mod words;

pub use change::{PolicyRefusal, change_event, checked_proposal, must_be_free};
pub(in crate::usecase) use in_force::{Held, Policies};
pub use read::check_file;
pub use replay::{MAX_REPLAYED, Replay};
pub use words::*;
