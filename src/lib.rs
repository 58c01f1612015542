//! Vouch: a voice and behavioral biometrics authentication server.
//!
//! The modules stand in story order: each uses only those above it, except `usecase`, which uses
//! everything above, and the edges (`grpc`, `cli`), which use `usecase` and `domain`.
//! `tests/architecture.rs` holds this.

pub mod audio;
pub mod crypto;
pub mod domain;
pub mod engine;
pub mod features;
pub mod policy;
pub mod scoring;
pub mod session;
pub mod store;
pub mod usecase;

pub mod cli;
pub mod config;
pub mod grpc;
pub mod telemetry;
