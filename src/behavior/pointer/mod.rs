//! Pointers: how somebody moves a mouse, from movement actions to an LLR.
//!
//! Events are cut into actions at pauses and buttons ([`action`]): a move that ends in rest, a move that ends in
//! a click, a drag. Each action is resampled to one fixed step and described by shape, timing and effort
//! ([`features`]); the actions follow Ahmed and Traore (IEEE TDSC 2007) and Antal and Denes-Fazakas (IEEE SACI
//! 2019), who named the set that the shipped background is fitted on. Means and spreads over blocks of actions
//! ([`stats`]) are compared by LDA and two-covariance PLDA with a calibration that knows how many actions there
//! were ([`background`], [`template`]). Without a background, [`fallback`] compares means in the person's own
//! spread.
//!
//! What tells devices apart rather than people is left out: no event rate, no clock step, no position, no screen
//! size, no length or speed in pixels (the gain of a mouse is a setting). Lengths are relative to the capture's
//! own median, efforts relative to the speed of the action.

pub mod action;
pub mod background;
pub mod fallback;
pub mod features;
mod fit;
pub mod protocol;
pub mod stats;
pub mod template;

pub use background::Background;
pub use features::extract;
pub use protocol::{Person, Protocol, run};
pub use template::Template;
