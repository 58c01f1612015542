//! Keys, sealing, digests and signatures. `ring` is used nowhere else.

pub mod api_key;
pub mod entropy;

pub use api_key::{ApiKeyError, MintedKey, PresentedKey};
pub use entropy::{Entropy, SystemEntropy, random};
