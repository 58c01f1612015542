//! What writer and readers share: keys, the directory of tenants and API keys, and the version every
//! subject must be at.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use sqlx::SqlitePool;
use tokio::sync::watch;

use super::doc::{self, ApiKeyDoc, ErasureDoc, TenantDoc};
use super::keys::{RootKeys, TenantKeys};
use super::policies::PolicyEntry;
use super::table::Row;
use crate::crypto::{Entropy, PresentedKey, Rotation, RotationSeed};
use crate::domain::{ApiKeyId, ReceiptId, SubjectId, TenantId, Timestamp};
use crate::store::{ApiKeyInfo, AuditHead, Caller, Erasure, RotationInfo, StoreError, TenantInfo};

/// First half of the hash that names a subject, the feedback on a decision, or a source, in memory.
pub(super) type Lookup = [u8; 16];

/// Shared state of an open store.
pub(super) struct Shared {
    pub root: RootKeys,
    pub entropy: Arc<dyn Entropy>,
    pub pool: SqlitePool,
    pub directory: RwLock<DirectoryState>,
    /// Version of every subject, of the feedback on every decision, and of every source, as last committed. A row that is older was put back.
    pub versions: RwLock<HashMap<Lookup, u64>>,
    /// Held for writing while a commit and its publication are under way.
    pub gate: tokio::sync::RwLock<()>,
    pub head: watch::Sender<AuditHead>,
    pub writable: AtomicBool,
}

/// Tenants, API keys, erasures and which policies there are: few, read on every call, so held in memory.
#[derive(Default)]
pub(super) struct DirectoryState {
    pub tenants: BTreeMap<TenantId, Arc<Tenant>>,
    pub keys: HashMap<ApiKeyId, Arc<ApiKey>>,
    pub erasures: HashMap<ReceiptId, Arc<ErasureEntry>>,
    pub policies: HashMap<TenantId, Arc<PolicyEntry>>,
}

/// A tenant with its keys.
#[derive(Debug)]
pub(super) struct Tenant {
    pub id: TenantId,
    pub row: Row,
    pub keys: Arc<TenantKeys>,
    pub doc: TenantDoc,
    rotations: Mutex<HashMap<usize, Arc<Rotation>>>,
}

/// An API key.
#[derive(Debug)]
pub(super) struct ApiKey {
    pub id: ApiKeyId,
    pub tenant: TenantId,
    pub row: Row,
    pub doc: ApiKeyDoc,
}

/// An erasure.
#[derive(Debug)]
pub(super) struct ErasureEntry {
    pub tenant: TenantId,
    pub row: Row,
    pub erasure: Erasure,
}

/// A change of the directory, published after its commit.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Tenant(Arc<Tenant>),
    ApiKey(Arc<ApiKey>),
    Erasure(Arc<ErasureEntry>),
    Policies(Arc<PolicyEntry>),
}

impl Shared {
    pub fn directory(&self) -> RwLockReadGuard<'_, DirectoryState> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn directory_mut(&self) -> RwLockWriteGuard<'_, DirectoryState> {
        self.directory.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn tenant(&self, id: &TenantId) -> Result<Arc<Tenant>, StoreError> {
        let found = self.directory().tenants.get(id).cloned();
        found.ok_or_else(|| StoreError::NoTenant(id.clone()))
    }

    /// The last group could be written, and no commit ended in doubt.
    pub fn writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    pub fn set_writable(&self, writable: bool) {
        let was = self.writable.swap(writable, Ordering::Relaxed);
        match (was, writable) {
            (true, false) => tracing::error!("the store cannot be written to"),
            (false, true) => tracing::info!("the store can be written to again"),
            _ => {}
        }
    }

    pub fn version(&self, lookup: &Lookup) -> Option<u64> {
        let versions = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        versions.get(lookup).copied()
    }

    pub fn publish_versions(&self, changes: &[(Lookup, Option<u64>)]) {
        let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
        for (lookup, version) in changes {
            match version {
                Some(version) => versions.insert(*lookup, *version),
                None => versions.remove(lookup),
            };
        }
    }

    /// Checks a presented key. An unknown id is compared with a hash that never matches, so that it
    /// takes the same time.
    pub fn authenticate(&self, presented: &str, now: Timestamp) -> Option<Caller> {
        let presented = PresentedKey::parse(presented).ok()?;
        let entry = self.directory().keys.get(presented.id()).cloned();
        let expected = entry.as_ref().map_or([0; 32], |entry| entry.doc.hash);
        let message = api_message(presented.id(), presented.secret());
        let matches = self.root.api.verify(message.as_slice(), &expected);
        let entry = entry.filter(|_| matches)?;
        entry.info().in_force(now).then(|| Caller {
            tenant: entry.tenant.clone(),
            key: entry.id.clone(),
            role: entry.doc.role,
        })
    }
}

/// What the keyed hash of an API key covers.
pub(super) fn api_message(id: &ApiKeyId, secret: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
    let message = crate::crypto::Encoder::new("vouch.api-key.v1").text(id.as_str()).bytes(secret);
    zeroize::Zeroizing::new(message.as_slice().to_vec())
}

impl DirectoryState {
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Tenant(tenant) => {
                self.tenants.insert(tenant.id.clone(), tenant);
            }
            Change::ApiKey(key) => {
                self.keys.insert(key.id.clone(), key);
            }
            Change::Erasure(entry) => {
                self.erasures.insert(entry.erasure.receipt.clone(), entry);
            }
            Change::Policies(entry) => {
                self.policies.insert(entry.tenant.clone(), entry);
            }
        }
    }
}

impl Tenant {
    pub fn new(id: TenantId, row: Row, keys: Arc<TenantKeys>, doc: TenantDoc) -> Self {
        Self { id, row, keys, doc, rotations: Mutex::default() }
    }

    /// Opens a tenant's row.
    pub fn open(root: &RootKeys, row: Row) -> Result<Self, StoreError> {
        let id = TenantId::parse(row.text(0)?)
            .map_err(|_| row.broken("the key is not a tenant's id"))?;
        let keys = TenantKeys::unwrap(root, id.as_str(), row.blob(1)?)
            .map_err(|_| row.broken("the wrapped key does not open"))?;
        let doc = doc::open(&row, 2, &keys.data, id.as_str().as_bytes())?;
        Ok(Self::new(id, row, Arc::new(keys), doc))
    }

    /// The rotation in force for a dimension; made once.
    pub fn rotation(&self, dim: usize) -> Result<Arc<Rotation>, StoreError> {
        let mut rotations: MutexGuard<'_, _> =
            self.rotations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rotation) = rotations.get(&dim) {
            return Ok(Arc::clone(rotation));
        }
        let seed = RotationSeed::from_bytes(self.doc.seed.0);
        let rotation = Rotation::new(&seed, dim).ok_or(StoreError::TooLarge {
            what: "dimensions of an embedding",
            limit: crate::crypto::rotation::MAX_DIM,
            got: dim,
        })?;
        let rotation = Arc::new(rotation);
        rotations.insert(dim, Arc::clone(&rotation));
        Ok(rotation)
    }

    /// Name of a subject in the database.
    pub fn lookup(&self, subject: &SubjectId) -> [u8; 32] {
        self.keys.lookup.mac(subject.as_str().as_bytes())
    }

    /// A pseudonym for a value of a kind.
    pub fn pseudonym(&self, kind: &str, value: &str) -> u64 {
        let name = crate::crypto::Encoder::new("vouch.pseudonym.v1").text(kind).text(value);
        let mac = self.keys.text.mac(name.as_slice());
        mac.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
    }

    pub fn info(&self) -> TenantInfo {
        TenantInfo {
            id: self.id.clone(),
            created_at: self.doc.created_at,
            extractor: self.doc.extractor.clone(),
            rotation: RotationInfo { generation: self.doc.generation },
            age_class: self.doc.age_class.clone(),
            redaction: self.doc.redaction,
            calibration: self.doc.calibration.clone(),
        }
    }
}

/// The first half of a lookup hash.
pub(super) fn short(lookup: &[u8; 32]) -> Lookup {
    let mut short = [0; 16];
    short.copy_from_slice(&lookup[..16]);
    short
}

impl ApiKey {
    /// Opens an API key's row.
    pub fn open(tenant: &Tenant, row: Row) -> Result<Self, StoreError> {
        let id =
            ApiKeyId::parse(row.text(0)?).map_err(|_| row.broken("the key is not a key's id"))?;
        let doc = doc::open(&row, 2, &tenant.keys.data, id.as_str().as_bytes())?;
        Ok(Self { id, tenant: tenant.id.clone(), row, doc })
    }

    pub fn info(&self) -> ApiKeyInfo {
        ApiKeyInfo {
            id: self.id.clone(),
            role: self.doc.role,
            label: self.doc.label.clone(),
            created_at: self.doc.created_at,
            expires_at: self.doc.expires_at,
            revoked_at: self.doc.revoked_at,
        }
    }
}

impl ErasureEntry {
    /// Opens an erasure's row.
    pub fn open(tenant: &Tenant, row: Row) -> Result<Self, StoreError> {
        let receipt = ReceiptId::parse(row.text(0)?)
            .map_err(|_| row.broken("the key is not a receipt's id"))?;
        let doc: ErasureDoc = doc::open(&row, 2, &tenant.keys.data, receipt.as_str().as_bytes())?;
        let erasure = Erasure {
            receipt,
            state: doc.state,
            erased_at: doc.erased_at,
            rows_destroyed: doc.rows_destroyed,
            decision: doc.decision,
        };
        Ok(Self { tenant: tenant.id.clone(), row, erasure })
    }

    /// Its document.
    pub fn doc(&self) -> ErasureDoc {
        ErasureDoc {
            state: self.erasure.state,
            erased_at: self.erasure.erased_at,
            rows_destroyed: self.erasure.rows_destroyed,
            decision: self.erasure.decision.clone(),
        }
    }
}
