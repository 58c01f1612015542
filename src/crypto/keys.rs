//! 256-bit keys: derivation (HKDF, RFC 5869), wrapping, and where the master key comes from.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hkdf;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::crypto::{Encoder, Entropy, OpenError, SealKey};

/// Longest key file, in bytes: 64 hex digits and some white space.
const MAX_KEY_FILE_BYTES: u64 = 256;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is not a key.
    #[error("a master key is 32 bytes as 64 hex digits or as base64")]
    Malformed,
    /// Others can read the file.
    #[error("the key file {path} has mode {mode:03o}: only its owner may have access (chmod 600)")]
    TooOpen {
        /// Which file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The file cannot be read or written.
    #[error("the key file {path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// The system's error.
        source: io::Error,
    },
}

/// A secret of 32 bytes. Zeroed when dropped; `Debug` withholds it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key256([u8; 32]);

impl Key256 {
    /// A fresh key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut key = Self([0; 32]);
        entropy.fill(&mut key.0);
        key
    }

    /// From bytes that are a key already.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key for one purpose.
    pub fn derive(&self, purpose: &str) -> Key256 {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"vouch.v1").extract(&self.0);
        let info = [purpose.as_bytes()];
        let okm = prk.expand(&info, hkdf::HKDF_SHA256).expect("32 bytes are below HKDF's limit");
        let mut key = Key256([0; 32]);
        okm.fill(&mut key.0).expect("the length is the one asked for");
        key
    }

    /// Seals this key under another one, bound to the name of its owner.
    pub fn wrap(&self, under: &SealKey, owner: &str, entropy: &dyn Entropy) -> Vec<u8> {
        under.seal(wrap_place(owner).as_slice(), &self.0, entropy)
    }

    /// Opens what [`Key256::wrap`] made.
    ///
    /// # Errors
    /// [`OpenError`] when the wrapping key, the owner or the bytes differ.
    pub fn unwrap_from(under: &SealKey, owner: &str, wrapped: &[u8]) -> Result<Self, OpenError> {
        let plain = under.open(wrap_place(owner).as_slice(), wrapped)?;
        let mut key = Self([0; 32]);
        if plain.len() != key.0.len() {
            return Err(OpenError);
        }
        key.0.copy_from_slice(&plain);
        Ok(key)
    }

    /// The bytes, for the primitives of this module.
    pub(in crate::crypto) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

fn wrap_place(owner: &str) -> Encoder {
    Encoder::new("vouch.wrapped-key.v1").text(owner)
}

impl fmt::Debug for Key256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key256(withheld)")
    }
}

/// The key that opens a store. It wraps the store's root key and seals nothing else.
#[derive(Clone)]
pub struct MasterKey(Key256);

impl MasterKey {
    /// A fresh key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Key256::generate(entropy))
    }

    /// Reads 64 hex digits or base64 (standard or URL-safe), white space around it ignored.
    ///
    /// # Errors
    /// [`KeyError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let bytes = hex::decode(text)
            .ok()
            .or_else(|| STANDARD.decode(text).ok())
            .or_else(|| URL_SAFE_NO_PAD.decode(text).ok())
            .map(Zeroizing::new)
            .ok_or(KeyError::Malformed)?;
        let mut key = Key256([0; 32]);
        if bytes.len() != key.0.len() {
            return Err(KeyError::Malformed);
        }
        key.0.copy_from_slice(&bytes);
        Ok(Self(key))
    }

    /// Reads a key file, which only its owner may have access to.
    ///
    /// # Errors
    /// [`KeyError`]: not readable, too open, malformed.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let file_error = |source| KeyError::File { path: path.display().to_string(), source };
        let metadata = fs::metadata(path).map_err(file_error)?;
        check_mode(path, &metadata)?;
        if metadata.len() > MAX_KEY_FILE_BYTES {
            return Err(KeyError::Malformed);
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(file_error)?);
        Self::parse(&text)
    }

    /// Writes the key to a new file of mode 0600 and waits until it is on disk.
    ///
    /// # Errors
    /// [`KeyError::File`], also when the file exists already.
    pub fn save_new(&self, path: &Path) -> Result<(), KeyError> {
        let write = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            {
                use std::os::unix::fs::OpenOptionsExt as _;
                options.mode(0o600);
            }
            let mut file = options.open(path)?;
            let text = Zeroizing::new(format!("{}\n", *Zeroizing::new(hex::encode(self.0.0))));
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
                fs::File::open(folder)?.sync_all()?;
            }
            Ok(())
        };
        write().map_err(|source| KeyError::File { path: path.display().to_string(), source })
    }

    /// A public name of the key: 16 hex digits that tell nothing about it.
    pub fn key_id(&self) -> String {
        hex::encode(&self.0.derive("key-id").0[..8])
    }

    /// The key that wraps a store's root key.
    pub(crate) fn wrapping(&self) -> SealKey {
        SealKey::new(&self.0.derive("wrap-root"))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({}, withheld)", self.key_id())
    }
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &fs::Metadata) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(KeyError::TooOpen { path: path.display().to_string(), mode })
}

#[cfg(not(unix))]
fn check_mode(_path: &Path, _metadata: &fs::Metadata) -> Result<(), KeyError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SystemEntropy;

    #[test]
    fn derivation_agrees_with_an_independent_hkdf() {
        // HKDF by hand from HMAC (RFC 5869, one block of output).
        let mac = |key: &[u8], message: &[u8]| {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
            ring::hmac::sign(&key, message).as_ref().to_vec()
        };
        let prk = mac(b"vouch.v1", &[9; 32]);
        let expected = mac(&prk, b"purpose\x01");
        let derived = Key256::from_bytes([9; 32]).derive("purpose");
        assert_eq!(derived.expose().as_slice(), expected);
    }

    #[test]
    fn a_wrapped_key_opens_only_for_its_owner() {
        let under = SealKey::new(&Key256::from_bytes([1; 32]));
        let key = Key256::generate(&SystemEntropy);
        let wrapped = key.wrap(&under, "a", &SystemEntropy);
        let opened = Key256::unwrap_from(&under, "a", &wrapped).expect("same owner");
        assert_eq!(opened.expose(), key.expose());
        assert!(Key256::unwrap_from(&under, "b", &wrapped).is_err());
    }

    #[test]
    fn a_key_file_is_private_and_never_overwritten() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("master.key");
        let key = MasterKey::generate(&SystemEntropy);
        key.save_new(&path).expect("written");
        assert_eq!(MasterKey::load(&path).expect("read").key_id(), key.key_id());
        assert!(key.save_new(&path).is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("chmod");
            let refused = MasterKey::load(&path);
            assert!(matches!(refused, Err(KeyError::TooOpen { mode: 0o640, .. })));
        }
    }

    #[test]
    fn text_forms_are_read_and_secrets_withheld() {
        let hex_text = "0b".repeat(32);
        let base64_text = STANDARD.encode([11; 32]);
        let a = MasterKey::parse(&format!(" {hex_text}\n")).expect("hex");
        let b = MasterKey::parse(&base64_text).expect("base64");
        assert_eq!(a.key_id(), b.key_id());
        for bad in ["", "0b", "zz", &"0b".repeat(33)] {
            assert!(matches!(MasterKey::parse(bad), Err(KeyError::Malformed)));
        }
        assert!(!format!("{a:?} {:?}", a.0).contains("0b0b"));
    }
}
