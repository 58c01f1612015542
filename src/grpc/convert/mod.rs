//! Domain to proto and back. Every match is exhaustive, and an UNSPECIFIED or unknown enum value is
//! refused with the path of its field.

mod age;
mod inbound;
mod outbound;
pub mod requests;

pub use age::*;
pub use inbound::*;
pub use outbound::*;
