//! Which policy a session is held to: the tenant's, or the server's. Read from the ledger with each opening, so that
//! a change holds for the next session; sessions that run keep theirs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::crypto::sha256_hex;
use crate::domain::TenantId;
use crate::policy::session::{ActivePolicy, PolicyBytes, PolicyLedger, read_policy};
use crate::scoring::fusion::Fusion;
use crate::usecase::UseCaseError;
use crate::usecase::core::Inner;
use crate::usecase::policies::PolicyOverview;
use crate::usecase::sessions::SessionPolicy;

/// Most compiled policies that are remembered; beyond, all are forgotten and compiled anew.
const MAX_COMPILED: usize = 256;

/// What a session is held to from its opening to its end.
pub(in crate::usecase) struct Held {
    /// Decides.
    pub policy: Arc<dyn SessionPolicy>,
    /// Decides beside it, for the record alone.
    pub shadow: Option<Arc<ActivePolicy>>,
}

/// The policy of the server, and the compiled ones of tenants.
pub(in crate::usecase) struct Policies {
    /// Name, version and digest of the server's.
    pub(super) server: PolicyBytes,
    /// Its file.
    pub(super) server_file: String,
    /// It, compiled.
    pub(super) server_policy: Arc<ActivePolicy>,
    /// Takes the place of the server's policy.
    replaced: RwLock<Option<Arc<dyn SessionPolicy>>>,
    /// By digest of the file: the same bytes are the same policy, whoever's they are.
    compiled: Mutex<HashMap<String, Arc<ActivePolicy>>>,
}

impl Policies {
    /// With the policy of the server.
    ///
    /// # Errors
    /// It is unsound.
    pub(in crate::usecase) fn new(file: &str, fusion: &Fusion) -> Result<Self, UseCaseError> {
        let read = read_policy(file, fusion.clone());
        let policy =
            read.map_err(|e| UseCaseError::Internal(format!("sessions.policy: {e}").into()))?;
        Ok(Self {
            server: bytes_of(&policy, file),
            server_file: file.to_owned(),
            server_policy: Arc::new(policy),
            replaced: RwLock::default(),
            compiled: Mutex::default(),
        })
    }

    /// Replaces the policy of the server.
    pub(in crate::usecase) fn replace(&self, policy: Arc<dyn SessionPolicy>) {
        *self.replaced.write().unwrap_or_else(PoisonError::into_inner) = Some(policy);
    }

    fn of_server(&self) -> Arc<dyn SessionPolicy> {
        let replaced = self.replaced.read().unwrap_or_else(PoisonError::into_inner).clone();
        replaced.unwrap_or_else(|| Arc::clone(&self.server_policy) as Arc<dyn SessionPolicy>)
    }

    fn known(&self, sha256: &str) -> Option<Arc<ActivePolicy>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(sha256).cloned()
    }

    fn remember(&self, sha256: &str, policy: &Arc<ActivePolicy>) {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if compiled.len() >= MAX_COMPILED {
            compiled.clear();
        }
        compiled.insert(sha256.to_owned(), Arc::clone(policy));
    }

    /// Where the policies of a tenant stand.
    pub(super) fn overview(&self, ledger: &PolicyLedger) -> PolicyOverview {
        let active = ledger.active();
        PolicyOverview {
            active: active.map_or_else(|| self.server.clone(), |known| known.policy.clone()),
            server_default: active.is_none(),
            since: active.and_then(|known| known.active_since),
            approved_by: active.and_then(|known| known.decided_by.clone()),
            pending: ledger.pending.clone(),
            shadow: ledger.shadow.clone(),
        }
    }
}

/// Names a policy and its bytes.
pub(super) fn bytes_of(policy: &ActivePolicy, file: &str) -> PolicyBytes {
    PolicyBytes { version: policy.version().clone(), sha256: sha256_hex(file.as_bytes()) }
}

impl Inner {
    /// What a session of the tenant that is opened now is held to.
    ///
    /// # Errors
    /// [`UseCaseError::PolicyUnusable`]: the tenant's policy was put in force and this server cannot use it. Another
    /// one in its place would be a change that nobody approved.
    pub(in crate::usecase) async fn held(&self, tenant: &TenantId) -> Result<Held, UseCaseError> {
        let ledger = self.parts.store.policies(tenant).as_of(self.now());
        let policies = &self.sessions.policies;
        let policy: Arc<dyn SessionPolicy> = match ledger.active() {
            None => policies.of_server(),
            Some(active) => self.compiled(tenant, &active.policy).await?,
        };
        let shadow = match &ledger.shadow {
            None => None,
            // What is in shadow decides nothing: without it the session goes on.
            Some(run) => {
                let found = self.compiled(tenant, &run.policy).await;
                found.inspect_err(|error| tracing::warn!(%error, %tenant, "no shadow")).ok()
            }
        };
        Ok(Held { policy, shadow })
    }

    /// A policy of the tenant, compiled.
    pub(super) async fn compiled(
        &self,
        tenant: &TenantId,
        policy: &PolicyBytes,
    ) -> Result<Arc<ActivePolicy>, UseCaseError> {
        let policies = &self.sessions.policies;
        if let Some(known) = policies.known(&policy.sha256) {
            return Ok(known);
        }
        let file = self.parts.store.policy_file(tenant, &policy.sha256).await?;
        let fusion = self.parts.fusion.clone();
        let read = self.compute(move || read_policy(&file, fusion)).await?;
        let read = read.map_err(|problem| {
            tracing::error!(%problem, %tenant, policy = %policy.version, "a policy in force is unusable");
            UseCaseError::PolicyUnusable(policy.version.clone())
        })?;
        let read = Arc::new(read);
        policies.remember(&policy.sha256, &read);
        Ok(read)
    }
}
