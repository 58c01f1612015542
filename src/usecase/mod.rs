//! Where the parts meet.

pub mod calibrate;
pub mod embed_file;
pub mod embedding_cache;
pub mod evaluate;
pub mod fit_backend;
pub mod score_trials;
pub mod speech_set;
