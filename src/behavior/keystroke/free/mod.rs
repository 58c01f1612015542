//! Free text: how somebody types, whatever is typed, from key events to an LLR.
//!
//! Events become presses on a coarse grid of time ([`press`]); what people do on average with that key or pair is
//! taken away ([`norms`]); statistics of what is left, over groups of keys, fingers and steps ([`groups`]), are
//! projected and compared by LDA and the two-covariance model, with confidence that grows with keys ([`model`],
//! [`fit`]). Coarse [`habits`] explain an answer, and are compared on their own where no background is
//! ([`fallback`]). A profile keeps sums of projected vectors and habits ([`features`]), never keys.
//!
//! The clock of a keyboard is no identity: all times are put on a grid as coarse as the coarsest common clock.

pub mod background;
pub mod fallback;
pub mod features;
mod fit;
pub mod groups;
pub mod habits;
pub mod keyboard;
pub mod model;
pub mod norms;
pub mod press;
pub mod protocol;
mod round;
pub mod template;

pub use background::Background;
pub use features::extract;
pub use protocol::{Person, Protocol, run};
pub use template::Template;

/// Fewest keys of a capture that features are made of.
pub const LEAST_KEYS: usize = 5;
/// Keys of a capture that are looked at; later ones are left alone.
pub const MAX_KEYS: usize = 5_000;

#[cfg(test)]
mod tests;
