//! HMAC-SHA256 (RFC 2104) with comparison in constant time.

use std::fmt;

use ring::hmac;

use crate::crypto::Key256;

/// A prepared HMAC-SHA256 key.
#[derive(Clone)]
pub struct MacKey(hmac::Key);

impl MacKey {
    /// Prepares a key.
    pub fn new(key: &Key256) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
    }

    /// The MAC of `message`.
    pub fn mac(&self, message: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&self.0, message).as_ref());
        out
    }

    /// Whether `tag` is the MAC of `message`; takes the same time wherever they differ.
    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(withheld)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_message_verifies() {
        let key = MacKey::new(&Key256::from_bytes([7; 32]));
        let tag = key.mac(b"message");
        assert!(key.verify(b"message", &tag));
        assert!(!key.verify(b"messagf", &tag));
        assert!(!key.verify(b"message", &tag[..31]));
        assert_eq!(format!("{key:?}"), "MacKey(withheld)");
    }
}
