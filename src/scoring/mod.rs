//! From embeddings to evidence: back-end, score normalization, calibration, and the metrics that
//! judge them.

pub mod artifact;
pub mod backend;
pub mod builtin;
pub mod calibration;
mod cohort;
pub mod error;
pub mod fusion;
pub mod linear;
pub mod logistic;
pub mod metrics;
pub mod plda;
pub mod search;
pub mod scorer;
pub mod side;
pub mod tail;
pub mod train;
pub mod uncertainty;
pub mod vector;

pub use backend::{
    BackEnd, BackEndInfo, BackEndParts, IdentificationThreshold, MAX_UTTERANCES, UtteranceView,
};
pub use calibration::{Calibration, Conditions};
pub use error::ScoringError;
pub use scorer::{Prepared, Scorer};
pub use side::Side;
pub use uncertainty::Uncertainty;
pub use vector::cosine;
