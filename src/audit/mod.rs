//! Proof of the audit chain: signed checkpoints outside the database, verification, export.
//!
//! The chain itself is written by `store` with each effect. Its heads are signed here and appended to
//! a file elsewhere, so that a database that was cut off, rolled back or rewritten is found up to the
//! last checkpoint. Records after it form the window not yet anchored. Whoever can also shorten the
//! checkpoint file can shorten both: keep it, or a copy, where the server's user cannot rewrite it.

mod anchor;
mod checkpoint;
mod export;
mod verify;

#[cfg(test)]
mod tests;

pub use anchor::{AnchorPolicy, Anchors};
pub use checkpoint::{Checkpoint, CheckpointFile, parse_checkpoints, read_checkpoints};
pub use export::{export_chain, export_decisions};
pub use verify::{Finding, Problem, Report, verify};

/// What can go wrong here, besides what verification finds.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The checkpoint file cannot be read or written.
    #[error("checkpoint file {path}: {source}")]
    File {
        /// Which.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// A line of the checkpoint file is not a checkpoint.
    #[error("checkpoint file {path}, line {line}: not a checkpoint")]
    BadLine {
        /// Which.
        path: String,
        /// From 1.
        line: usize,
    },
    /// The store's chain does not reach, or does not agree with, a checkpoint.
    #[error("the audit chain fails its checkpoints: {0}")]
    Chain(Finding),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// Writing the export failed.
    #[error("writing failed: {0}")]
    Output(std::io::Error),
}
