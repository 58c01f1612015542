//! Domain to proto and back. Every match is exhaustive, and an UNSPECIFIED or unknown enum value is
//! refused with the path of its field.

mod age;
mod behavior;
mod conversation;
mod feedback;
mod inbound;
mod outbound;
mod policies;
pub mod requests;
mod sessions;

pub use age::*;
pub use behavior::*;
pub use conversation::*;
pub use feedback::*;
pub use inbound::*;
pub use outbound::*;
pub use policies::*;
pub use sessions::*;
