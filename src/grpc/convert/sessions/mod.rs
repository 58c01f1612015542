//! Sessions: messages in, responses out.

mod inbound;
mod outbound;

pub use inbound::*;
pub use outbound::*;
