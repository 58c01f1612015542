//! Touches: how somebody swipes, scrolls and draws words, from points to an LLR.
//!
//! A capture is one stroke. Its row ([`features`]) holds the features of Frank et al. (Touchalytics, IEEE TIFS 2013)
//! and the course of the stroke on an even time grid ([`course`]). Swipes are compared with swipes of the same
//! direction and words with words ([`mod@kind`]): each value becomes its quantile among background people
//! ([`quantile`]), and a probe of any number of strokes is compared by the nearest enrolled strokes against those of
//! background people, by the person's own spread, and by a two-covariance model that knows strokes, sessions and people
//! ([`model`], [`fit`]). A regression fitted on other people makes one LLR of it ([`calibrate`]). Without a background,
//! [`fallback`] compares in the person's own spread.

pub mod background;
pub mod calibrate;
pub mod cohort;
pub mod course;
pub mod extract;
pub mod fallback;
pub mod features;
pub mod fit;
mod habits;
pub mod kind;
pub mod model;
pub mod protocol;
pub mod quantile;
pub mod template;
pub mod train;

pub use background::Background;
pub use extract::extract;
pub use protocol::{LeaveOut, Person, Protocol, run};
pub use template::Template;
pub use train::TrainingSample;

#[cfg(test)]
mod tests;
