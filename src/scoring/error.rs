//! What can go wrong when scoring.

/// Errors of this module.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScoringError {
    /// A side needs at least one utterance.
    #[error("a side needs at least 1 utterance, got 0")]
    NoUtterances,
    /// More utterances than [`crate::scoring::MAX_UTTERANCES`].
    #[error("a side has at most {limit} utterances, got {got}")]
    TooManyUtterances {
        /// The limit.
        limit: usize,
        /// What came.
        got: usize,
    },
    /// An embedding of another extractor.
    #[error("the back-end takes embeddings of {expected} values, got {got}")]
    Dimension {
        /// Values the back-end takes.
        expected: usize,
        /// Values that came.
        got: usize,
    },
    /// NaN, infinite or all zero after centring.
    #[error("an embedding has no direction: zero, NaN or infinite")]
    NoDirection,
    /// An artefact that cannot be used.
    #[error("unusable back-end artefact: {0}")]
    Artifact(String),
    /// Too little data to fit or measure something.
    #[error("too little data: {what} needs at least {needed}, got {got}")]
    TooFew {
        /// What is missing.
        what: &'static str,
        /// The least that is needed.
        needed: usize,
        /// What came.
        got: usize,
    },
    /// An argument outside its range.
    #[error("{what} must be {range}, got {got}")]
    OutOfRange {
        /// Its name.
        what: &'static str,
        /// What it may be.
        range: &'static str,
        /// What came.
        got: f64,
    },
    /// The fit did not lead to a usable result.
    #[error("the fit failed: {0}")]
    Fit(&'static str),
}
