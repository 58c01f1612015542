//! Scores: comparison, normalization, calibration, and search.

pub mod search;
