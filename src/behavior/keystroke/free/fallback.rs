//! Constants for where no background is: how habits are distributed over people, and what their comparison is worth.
//!
//! Fitted once on the 988 people of the desktop set of Dhakal et al. (CHI 2018), times on a grid of 16 ms; see
//! `models/behavior-free/CARD.md` for what they reach.

use crate::behavior::keystroke::free::habits::{HABITS, Spread};

/// LLR of a comparison per unit of the sum over habits, which are far from independent.
pub const SLOPE: f64 = 0.3;
/// LLR of a comparison whose habits sum up to zero.
pub const BIAS: f64 = -0.3;

const fn spread(mean: f32, between: f32, within: f32) -> Spread {
    Spread { mean, between, within }
}

/// Distribution of each habit over people.
pub const SPREADS: [Spread; HABITS] = [spread(4.5, 0.05, 0.1); HABITS];
