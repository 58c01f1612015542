//! What a comparison of behavior says.

use crate::domain::{Llr, RawScore};

/// The answer of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The model's similarity.
    pub raw: RawScore,
    /// Calibrated.
    pub llr: Llr,
    /// Whether profile and probe hold what the calibration was made for; if not, the LLR is timid.
    pub enough: bool,
    /// What spoke for and against, strongest first; at most [`Evidence::MAX_HABITS`].
    pub habits: Vec<Habit>,
}

impl Evidence {
    /// Most habits named.
    pub const MAX_HABITS: usize = 6;
}

/// One habit that spoke for or against. It names no content: positions and groups of keys only.
#[derive(Debug, Clone, PartialEq)]
pub struct Habit {
    /// Which, as a phrase: `hold time`, `pause before key`, `stroke speed`.
    pub what: &'static str,
    /// Where in a fixed text, from 1.
    pub position: Option<u16>,
    /// How far the probe is from the profile, in the person's own standard deviations; above zero is longer, faster or more.
    pub deviation: f64,
    /// What it adds to the LLR, roughly.
    pub llr: f64,
}
