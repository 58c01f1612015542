//! API keys as text: `vk_<id>_<secret>`, 16 hex digits and 43 characters of base64url (32 bytes).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::crypto::Entropy;
use crate::domain::ApiKeyId;

/// Bytes of randomness in a secret.
const SECRET_BYTES: usize = 32;
/// Bytes of randomness in an id.
const ID_BYTES: usize = 8;
/// Longest text looked at, in bytes: `vk_` + 64 + `_` + 43, rounded up.
const MAX_TEXT: usize = 128;

/// The text is not an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an API key reads vk_<id>_<secret>")]
pub struct ApiKeyError;

/// A new key, the only moment its secret is known.
#[derive(Clone)]
pub struct MintedKey {
    id: ApiKeyId,
    secret: Secret,
}

/// A key as a caller presents it, not yet checked.
pub struct PresentedKey {
    id: ApiKeyId,
    secret: Secret,
}

#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Secret([u8; SECRET_BYTES]);

impl MintedKey {
    /// A fresh key.
    pub fn mint(entropy: &dyn Entropy) -> Self {
        let mut id = [0; ID_BYTES];
        entropy.fill(&mut id);
        let mut secret = Secret([0; SECRET_BYTES]);
        entropy.fill(&mut secret.0);
        Self { id: ApiKeyId::parse(&hex::encode(id)).expect("hex digits are an id"), secret }
    }

    /// Its id.
    pub fn id(&self) -> &ApiKeyId {
        &self.id
    }

    /// What the client sends. Show it once.
    pub fn text(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.secret.0));
        Zeroizing::new(format!("vk_{}_{}", self.id, *secret))
    }

    /// The secret, for hashing.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret.0
    }
}

impl PresentedKey {
    /// Reads `vk_<id>_<secret>`.
    ///
    /// # Errors
    /// [`ApiKeyError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, ApiKeyError> {
        if text.len() > MAX_TEXT {
            return Err(ApiKeyError);
        }
        let rest = text.strip_prefix("vk_").ok_or(ApiKeyError)?;
        let (id, secret_text) = rest.split_once('_').ok_or(ApiKeyError)?;
        let id = ApiKeyId::parse(id).map_err(|_| ApiKeyError)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(secret_text).map_err(|_| ApiKeyError)?);
        let mut secret = Secret([0; SECRET_BYTES]);
        if bytes.len() != SECRET_BYTES {
            return Err(ApiKeyError);
        }
        secret.0.copy_from_slice(&bytes);
        Ok(Self { id, secret })
    }

    /// Its id.
    pub fn id(&self) -> &ApiKeyId {
        &self.id
    }

    /// The secret, for hashing.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret.0
    }
}

impl fmt::Debug for MintedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MintedKey({}, secret withheld)", self.id)
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresentedKey({}, secret withheld)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SystemEntropy;

    #[test]
    fn a_minted_key_is_read_back_and_hides_its_secret() {
        let key = MintedKey::mint(&SystemEntropy);
        let text = key.text();
        let read = PresentedKey::parse(&text).expect("a minted key parses");
        assert_eq!(read.id(), key.id());
        assert_eq!(read.secret(), key.secret());
        let secret_text = text.rsplit_once('_').map(|(_, s)| s.to_owned());
        let debug = format!("{key:?} {read:?}");
        assert!(!debug.contains(&secret_text.expect("two underscores")));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "vk_", "vk_a", "vk_a_", "vk_a_AAAA", "xx_a_AAAA", "vk_é_AA"] {
            assert!(PresentedKey::parse(text).is_err(), "{text}");
        }
        assert!(PresentedKey::parse(&"v".repeat(1_000_000)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(vk_)?[a-zA-Z0-9_.-]{0,140}|\\PC*") {
            if let Ok(key) = PresentedKey::parse(&text) {
                assert_eq!(key.secret().len(), SECRET_BYTES);
            }
            let _ = crate::crypto::MasterKey::parse(&text);
            let _ = crate::crypto::VerifyKey::parse(&text);
        }
    }
}
