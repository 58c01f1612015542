//! The gRPC edge: conversion and transport only.
//!
//! A call passes [`guard`] (request id, limits, API key, deadline, log line), then one of the services,
//! which read it with [`convert`], ask the application, and answer. Live streams run in [`live`].

mod age;
mod audit;
mod behavior;
pub mod call;
pub mod client;
mod connection;
mod conversation;
pub mod convert;
mod enrollment;
mod feedback;
mod frames;
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod health;
mod identification;
mod inbox;
mod live;
mod models;
mod policies;
pub mod proto;
pub mod server;
mod sessions;
pub mod settings;
pub mod status;
mod subjects;
mod verification;

pub use server::{Drained, ServeError, Server};
pub use settings::{ServerSettings, TlsSettings};
