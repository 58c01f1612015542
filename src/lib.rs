//! Vouch: a voice and behavioral biometrics authentication server.
//!
//! The modules stand in story order: each uses only those above it, except `usecase`, which uses
//! everything above, and the edges (`grpc`, `cli`), which use `usecase` and `domain`.
//! `tests/architecture.rs` holds this.

pub mod domain;
pub mod audio;
pub mod features;
pub mod voice;
pub mod scoring;
pub mod behavior;
pub mod conversation;
pub mod policy;
pub mod session;
pub mod crypto;
pub mod engine;
pub mod store;
pub mod audit;
pub mod usecase;
pub mod grpc;
pub mod cli;
pub mod config;
pub mod telemetry;
pub mod app;

#[cfg(test)]
pub(crate) mod testing;
