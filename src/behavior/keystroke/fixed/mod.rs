//! Fixed text: a password, a PIN or a name that is typed again and again, from key events to an LLR.
//!
//! An [`extract`]ed sample holds hold and step times and what a touch screen gives ([`layout`]), never keys. A
//! [`Template`] keeps robust statistics of the enrolled typings ([`stats`]); a comparison becomes distances and
//! likelihood ratios ([`components`]), more of them where a [`Background`] knows the text ([`text`], [`known`]); a
//! regression for the number of enrolled typings makes one LLR of them ([`combine`]). Where no background is,
//! a clipped scaled Manhattan distance stands alone ([`fallback`]). [`habits`] says what spoke for and against.

pub mod background;
pub mod combine;
pub mod components;
pub mod extract;
pub mod fallback;
pub mod fit;
pub mod habits;
pub mod keys;
pub mod known;
pub mod layout;
mod moments;
pub mod protocol;
mod rows;
pub mod stats;
pub mod template;
pub mod text;
pub mod window;

pub use background::Background;
pub use components::Scratch;
pub use extract::extract;
pub use fit::TrainOptions;
pub use protocol::{Fits, Protocol, run};
pub use template::Template;

/// Most typings of a profile.
pub const MAX_ENROLLED: usize = 1_000;

#[cfg(test)]
mod tests;
