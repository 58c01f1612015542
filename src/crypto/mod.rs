//! Keys, sealing, digests and signatures. `ring` is used nowhere else.

pub mod api_key;
pub mod chain;
pub mod digest;
pub mod encode;
pub mod entropy;
pub mod keys;
pub mod mac;
pub mod rotation;
pub mod seal;
pub mod sign;

pub use api_key::{ApiKeyError, MintedKey, PresentedKey};
pub use chain::{ChainEntry, Salt, commitment};
pub use digest::{RunningSha256, sha256, sha256_hex};
pub use encode::Encoder;
pub use entropy::{Entropy, SystemEntropy, random};
pub use keys::{Key256, KeyError, MasterKey};
pub use mac::MacKey;
pub use rotation::{Rotation, RotationSeed};
pub use seal::{OpenError, SealKey};
pub use sign::{Signer, VerifyKey};
