//! Keystrokes: fixed and free text.

pub mod fixed;
pub mod free;
