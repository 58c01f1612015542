//! Keystrokes: fixed and free text.

pub mod free;
