//! The key tree: master → root → tenant → subject, and what each derives.

use std::fmt;

use crate::crypto::{Entropy, Key256, MacKey, MasterKey, OpenError, SealKey, Signer};
use crate::domain::TenantId;

/// Random pseudonym of a subject.
pub(super) type Handle = [u8; 16];

/// Name of the root key when wrapped.
const ROOT: &str = "root";

/// The root key of a store and what derives from it.
pub(super) struct RootKeys {
    root: Key256,
    /// MACs of rows.
    pub integrity: MacKey,
    /// Summands of the row sum.
    pub sum: MacKey,
    /// The `state` row.
    pub state: SealKey,
    /// Tenant keys.
    pub wrap: SealKey,
    /// Secrets of API keys.
    pub api: MacKey,
}

impl RootKeys {
    pub fn new(root: Key256) -> Self {
        Self {
            integrity: MacKey::new(&root.derive("rows")),
            sum: MacKey::new(&root.derive("row-sum")),
            state: SealKey::new(&root.derive("state")),
            wrap: SealKey::new(&root.derive("wrap-tenant")),
            api: MacKey::new(&root.derive("api-key")),
            root,
        }
    }

    pub fn wrapped(&self, master: &MasterKey, entropy: &dyn Entropy) -> Vec<u8> {
        self.root.wrap(&master.wrapping(), ROOT, entropy)
    }

    pub fn unwrap(master: &MasterKey, wrapped: &[u8]) -> Result<Self, OpenError> {
        Key256::unwrap_from(&master.wrapping(), ROOT, wrapped).map(Self::new)
    }

    pub fn checkpoint_signer(&self) -> Signer {
        Signer::from_seed(&self.root.derive("checkpoint"))
    }
}

impl fmt::Debug for RootKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKeys(withheld)")
    }
}

/// What derives from a tenant's key.
#[derive(Debug)]
pub(super) struct TenantKeys {
    /// Subject keys.
    pub wrap: SealKey,
    /// Documents of the tenant.
    pub data: SealKey,
    /// Ids of subjects.
    pub lookup: MacKey,
    /// Names of requests.
    pub idempotency: MacKey,
    /// Names of texts.
    pub text: MacKey,
    /// Phone numbers.
    pub number: MacKey,
}

impl TenantKeys {
    pub fn new(key: &Key256) -> Self {
        Self {
            wrap: SealKey::new(&key.derive("wrap-subject")),
            data: SealKey::new(&key.derive("data")),
            lookup: MacKey::new(&key.derive("lookup")),
            idempotency: MacKey::new(&key.derive("idempotency")),
            text: MacKey::new(&key.derive("behavior-text")),
            number: MacKey::new(&key.derive("phone-number")),
        }
    }

    /// A fresh tenant: its keys and its wrapped key.
    pub fn generate(root: &RootKeys, tenant: &TenantId, entropy: &dyn Entropy) -> (Self, Vec<u8>) {
        let key = Key256::generate(entropy);
        let wrapped = key.wrap(&root.wrap, tenant.as_str(), entropy);
        (Self::new(&key), wrapped)
    }

    pub fn unwrap(root: &RootKeys, tenant: &str, wrapped: &[u8]) -> Result<Self, OpenError> {
        Key256::unwrap_from(&root.wrap, tenant, wrapped).map(|key| Self::new(&key))
    }

    /// A fresh subject: its key and its wrapped key.
    pub fn generate_subject(&self, handle: &Handle, entropy: &dyn Entropy) -> (SealKey, Vec<u8>) {
        let key = Key256::generate(entropy);
        let wrapped = key.wrap(&self.wrap, &hex::encode(handle), entropy);
        (SealKey::new(&key), wrapped)
    }

    pub fn unwrap_subject(&self, handle: &Handle, wrapped: &[u8]) -> Result<SealKey, OpenError> {
        Key256::unwrap_from(&self.wrap, &hex::encode(handle), wrapped).map(|key| SealKey::new(&key))
    }
}
