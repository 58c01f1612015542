//! AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces. A sealed value is nonce, ciphertext, tag.
//!
//! Random nonces are safe up to 2^32 messages a key (SP 800-38D, 8.3); a subject's and a tenant's key
//! stay far below.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::crypto::{Entropy, Key256, random};

/// The sealed value, its place or its key is not the one it was sealed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value does not open")]
pub struct OpenError;

/// A prepared AES-256-GCM key.
pub struct SealKey(LessSafeKey);

impl SealKey {
    /// Prepares a key.
    pub fn new(key: &Key256) -> Self {
        let unbound = UnboundKey::new(&AES_256_GCM, key.expose()).expect("the key has 32 bytes");
        Self(LessSafeKey::new(unbound))
    }

    /// Seals `plain`; it opens only with the same `place` (associated data).
    pub fn seal(&self, place: &[u8], plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random(entropy);
        let mut out = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let tag = self
            .0
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place),
                &mut out[NONCE_LEN..],
            )
            .expect("a value is shorter than the 64 GiB that GCM can seal");
        out.extend_from_slice(tag.as_ref());
        out
    }

    /// Opens what [`SealKey::seal`] made.
    ///
    /// # Errors
    /// [`OpenError`] when key, place or bytes differ.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(OpenError)?;
        let mut plain = Zeroizing::new(rest.to_vec());
        let length = self
            .0
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place), &mut plain)
            .map_err(|_| OpenError)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(withheld)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SystemEntropy;

    #[test]
    fn opens_only_in_its_place_and_unchanged() {
        let key = SealKey::new(&Key256::from_bytes([3; 32]));
        let sealed = key.seal(b"row 1", b"secret", &SystemEntropy);
        assert_eq!(key.open(b"row 1", &sealed).as_deref(), Ok(&b"secret".to_vec()));
        assert_eq!(key.open(b"row 2", &sealed), Err(OpenError));
        for i in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[i] ^= 1;
            assert_eq!(key.open(b"row 1", &bad), Err(OpenError), "byte {i}");
            assert_eq!(key.open(b"row 1", &sealed[..i]), Err(OpenError));
        }
        let other = SealKey::new(&Key256::from_bytes([4; 32]));
        assert_eq!(other.open(b"row 1", &sealed), Err(OpenError));
    }

    #[test]
    fn nonces_differ() {
        let key = SealKey::new(&Key256::from_bytes([3; 32]));
        let a = key.seal(b"", b"x", &SystemEntropy);
        assert_ne!(a, key.seal(b"", b"x", &SystemEntropy));
    }
}
