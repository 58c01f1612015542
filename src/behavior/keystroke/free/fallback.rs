//! Constants for where no background is: how habits are distributed over people, and what their comparison is worth.
//!
//! Fitted once on the 988 people of the desktop set of Dhakal et al. (CHI 2018), times on a grid of 16 ms; see
//! `models/behavior-free/CARD.md` for what they reach.

use crate::behavior::keystroke::free::habits::{HABITS, Spread};

/// LLR of a comparison per unit of the sum over habits, which are far from independent.
pub const SLOPE: f64 = 0.486;
/// LLR of a comparison whose habits sum up to zero.
pub const BIAS: f64 = -1.646;

const fn spread(mean: f32, between: f32, within: f32) -> Spread {
    Spread { mean, between, within }
}

/// Distribution of each habit over people.
#[rustfmt::skip]
pub const SPREADS: [Spread; HABITS] = [
    spread(4.6280, 0.04291, 0.16253), // hold time of letters
    spread(4.6308, 0.06100, 0.06695), // hold time of the space bar
    spread(5.4882, 0.15732, 0.19955), // hold time of shift and the like
    spread(4.3601, 0.04641, 0.15495), // hold time of corrections
    spread(5.1674, 0.09608, 0.29112), // pace within a hand
    spread(5.0437, 0.12420, 0.32497), // pace between hands
    spread(5.0969, 0.01763, 0.09288), // pace of repeated letters
    spread(5.0107, 0.12151, 0.21492), // pause before a space
    spread(5.4898, 0.25123, 0.27636), // pause after a space
    spread(0.2145, 0.02969, 0.18475), // keys that overlap
    spread(0.7892, 0.28946, 1.15537), // gap between letters
    spread(0.0941, 0.00855, 0.08647), // long pauses
    spread(0.0553, 0.00094, 0.11248), // corrections
    spread(0.0390, 0.00009, 0.02882), // use of shift
    spread(0.2901, 0.00329, 0.10594), // evenness of hold times
    spread(0.5818, 0.01100, 0.31068), // evenness of pace
    spread(0.1513, 0.02571, 0.15103), // very short holds
    spread(0.3352, 0.05570, 0.26047), // long holds
    spread(0.1245, 0.01579, 0.11299), // bursts
    spread(0.1725, 0.02377, 0.14982), // slow steps
];
