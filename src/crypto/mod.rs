//! Sealing, keys, digests and signatures.

pub mod digest;
