//! Vouch: a voice and behavioral biometrics authentication server.
//!
//! The modules stand in story order: each uses only those above it, except `usecase`, which uses
//! everything above, and the edges (`grpc`, `cli`), which use `usecase` and `domain`.
//! `tests/architecture.rs` holds this.

pub mod domain;
pub mod scoring;
pub mod usecase;
