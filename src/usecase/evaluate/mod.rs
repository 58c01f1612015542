//! Evaluation of voice scores on sets of speech.

pub mod phone;
