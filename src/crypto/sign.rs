//! Ed25519 signatures (RFC 8032).

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::crypto::{Key256, sha256};

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// Signs; made from a secret seed.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    /// The key pair of a seed.
    pub fn from_seed(seed: &Key256) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(seed.expose()).expect("the seed has 32 bytes"))
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let mut out = [0; SIGNATURE_BYTES];
        out.copy_from_slice(self.0.sign(message).as_ref());
        out
    }

    /// The public half.
    pub fn verify_key(&self) -> VerifyKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.0.public_key().as_ref());
        VerifyKey(key)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verify_key().key_id())
    }
}

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyKey([u8; 32]);

impl VerifyKey {
    /// Reads 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        hex::decode_to_slice(text.trim(), &mut key).ok()?;
        Some(Self(key))
    }

    /// As 64 hex digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// Short name: the first 16 hex digits of its SHA-256.
    pub fn key_id(self) -> String {
        hex::encode(&sha256(&self.0)[..8])
    }

    /// Whether `signature` is one of `message`.
    pub fn verify(self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_rfc_8032_test_1() {
        let mut seed = [0; 32];
        hex::decode_to_slice(
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            &mut seed,
        )
        .expect("hex");
        let signer = Signer::from_seed(&Key256::from_bytes(seed));
        assert_eq!(
            signer.verify_key().to_hex(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        let signature = signer.sign(b"");
        assert!(hex::encode(signature).starts_with("e5564300c360ac729086e2cc806e828a"));
        let key = VerifyKey::parse(&signer.verify_key().to_hex()).expect("hex");
        assert!(key.verify(b"", &signature));
        assert!(!key.verify(b"x", &signature));
    }
}
