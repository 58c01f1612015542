//! One transaction: idempotency, the subject, effects, audit record, remembered answer.

use std::sync::Arc;

use super::audit_rows;
use super::batch::Batch;
use super::doc::{self, OpenSubject};
use super::effects;
use super::erase;
use super::requests;
use super::shared::{Tenant, short};
use super::sources::Held;
use super::table::{Table, Value, select};
use crate::crypto::{SealKey, random};
use crate::domain::{DecisionId, SubjectId, TenantId, Timestamp};
use crate::store::{
    Applied, AuditDraft, Committed, Effect, Outcome, Response, StoreError, SubjectTarget,
    Transaction,
};

/// A transaction under way.
pub(super) struct Work<'b, 'w> {
    pub batch: &'b mut Batch<'w>,
    pub tenant: Arc<Tenant>,
    /// The target's id, whether or not it exists yet.
    pub target: Option<SubjectTarget>,
    pub subject: Option<OpenSubject>,
    /// The subject's document differs from its row.
    pub dirty: bool,
    pub at: Timestamp,
    pub applied: Applied,
    /// Sources that were slowed down or locked.
    pub held: Vec<Held>,
}

/// Carries a transaction out, up to the commit.
pub(super) async fn run(
    batch: &mut Batch<'_>,
    transaction: Transaction,
) -> Result<Outcome, StoreError> {
    let Transaction { tenant: tenant_id, idempotency, subject: target, effects, audit } =
        transaction;
    let known = batch.shared.tenant(&tenant_id);
    if let (Ok(tenant), Some(request)) = (&known, &idempotency)
        && let Some(answer) = requests::recall(batch, tenant, &request.key, audit.at).await?
    {
        return Ok(Outcome::Replayed(answer));
    }
    let mut effects = effects.into_iter().peekable();
    let tenant = match effects.next_if(|effect| matches!(effect, Effect::CreateTenant)) {
        None => known?,
        Some(_) if known.is_ok() => return Err(StoreError::TenantExists(tenant_id)),
        Some(_) => effects::create_tenant(batch, &tenant_id, audit.at).await?,
    };
    let mut work = begin(batch, tenant, target, &audit).await?;
    for effect in effects {
        effects::apply(&mut work, effect).await?;
    }
    let subject = work.finish(audit, &tenant_id).await?;
    let response = match idempotency {
        None => Vec::new(),
        Some(request) => {
            let response = match request.response {
                Response::Bytes(bytes) => bytes,
                Response::Build(build) => build(&work.applied),
            };
            if response.len() > Response::MAX_BYTES {
                return Err(StoreError::TooLarge {
                    what: "bytes of a remembered answer",
                    limit: Response::MAX_BYTES,
                    got: response.len(),
                });
            }
            let expires_at = work.at.plus_ms(request.lifetime_ms);
            let (batch, tenant) = (&mut *work.batch, &work.tenant);
            requests::remember(batch, tenant, &request.key, subject, expires_at, &response).await?;
            response
        }
    };
    let applied = work.applied;
    Ok(Outcome::Committed(Box::new(Committed { applied, response })))
}

async fn begin<'b, 'w>(
    batch: &'b mut Batch<'w>,
    tenant: Arc<Tenant>,
    target: Option<SubjectTarget>,
    audit: &AuditDraft,
) -> Result<Work<'b, 'w>, StoreError> {
    let subject = match &target {
        Some(target) => find(batch, &tenant, &target.id).await?,
        None => None,
    };
    if let Some(expected) = target.as_ref().and_then(|t| t.expected_version) {
        let found = subject.as_ref().map_or(0, |s| s.row.version);
        if found != expected {
            return Err(StoreError::Conflict { expected, found });
        }
    }
    let applied = Applied {
        decision: audit.decision.clone(),
        sequence: 0,
        subject_version: None,
        withdrawn: 0,
        utterances_dropped: 0,
        feedback_entries: 0,
        phone_numbers: 0,
        renewed: 0,
        rotation_generation: tenant.doc.generation,
        erasure: None,
    };
    let at = audit.at;
    Ok(Work { batch, tenant, target, subject, dirty: false, at, applied, held: Vec::new() })
}

/// A subject's row, opened; refuses one that is not at its version.
pub(super) async fn find(
    batch: &mut Batch<'_>,
    tenant: &Tenant,
    id: &SubjectId,
) -> Result<Option<OpenSubject>, StoreError> {
    let lookup = tenant.lookup(id);
    let sql = select!(subject "WHERE lookup = ?");
    let row = batch.one(Table::Subject, sql, vec![Value::Blob(lookup.to_vec())]).await?;
    match (row, batch.version(&short(&lookup))) {
        (None, None) => Ok(None),
        (Some(row), Some(version)) if row.version == version => {
            effects::open_subject(tenant, row).map(Some)
        }
        (Some(row), _) => Err(row.broken("it is not at the version last committed: put back")),
        (None, Some(_)) => {
            Err(Table::Subject.broken(hex::encode(&lookup[..8]), "the row is missing"))
        }
    }
}

impl Work<'_, '_> {
    /// The target, which must exist.
    pub fn subject_mut(&mut self) -> Result<&mut OpenSubject, StoreError> {
        let Some(target) = &self.target else {
            return Err(StoreError::Invalid("an effect on a subject names none"));
        };
        self.subject.as_mut().ok_or_else(|| StoreError::NoSubject(target.id.clone()))
    }

    /// The target, about to be changed.
    pub fn change(&mut self) -> Result<&mut OpenSubject, StoreError> {
        self.subject_mut()?;
        self.dirty = true;
        self.subject_mut()
    }

    /// Writes the subject's document and the audit record. Answers the handle the record is about.
    async fn finish(
        &mut self,
        audit: AuditDraft,
        tenant: &TenantId,
    ) -> Result<Option<[u8; 16]>, StoreError> {
        if self.dirty
            && let Some(subject) = &mut self.subject
        {
            effects::store_subject(self.batch, subject).await?;
        }
        self.applied.subject_version = self.subject.as_ref().map(|s| s.row.version);
        let mut audit = audit;
        let erased = self.applied.erasure.is_some();
        let (handle, key) = self.audit_subject(&audit, erased).await?;
        if handle.is_none() {
            audit.event.subject = None;
        }
        self.applied.sequence = self.chain(tenant, &audit, handle.as_ref(), key.as_ref()).await?;
        for held in std::mem::take(&mut self.held) {
            let entropy = &*self.batch.shared.entropy;
            let record = AuditDraft {
                decision: DecisionId::new(self.at, random(entropy)),
                at: self.at,
                event: held.event(&audit),
            };
            self.chain(tenant, &record, None, None).await?;
        }
        Ok(handle)
    }

    /// Chains a record, sealed under the key of its subject or of the tenant; its position.
    async fn chain(
        &mut self,
        tenant: &TenantId,
        audit: &AuditDraft,
        handle: Option<&[u8; 16]>,
        key: Option<&SealKey>,
    ) -> Result<u64, StoreError> {
        let key = key.unwrap_or(&self.tenant.keys.data);
        let head = &self.batch.ledger.head;
        let entropy = &*self.batch.shared.entropy;
        let (values, head) = audit_rows::compose(head, tenant, audit, handle, key, entropy)?;
        self.batch.insert(Table::Audit, values).await?;
        self.batch.ledger.head = head;
        Ok(head.sequence)
    }

    /// Handle and key of the subject an audit record is about. An id that names nobody is not kept:
    /// nothing could ever erase it.
    async fn audit_subject(
        &mut self,
        audit: &AuditDraft,
        erased: bool,
    ) -> Result<(Option<[u8; 16]>, Option<SealKey>), StoreError> {
        let Some(id) = audit.event.subject.as_ref().filter(|_| !erased) else {
            return Ok((None, None));
        };
        let other;
        let subject = match &self.subject {
            Some(subject) if subject.doc.id == *id => subject,
            _ => {
                other = find(self.batch, &self.tenant, id).await?;
                let Some(other) = &other else {
                    return Ok((None, None));
                };
                other
            }
        };
        let wrapped = subject.row.blob(4)?;
        let key = self.tenant.keys.unwrap_subject(&subject.handle, wrapped);
        let key = key.map_err(|_| subject.row.broken("the wrapped key does not open"))?;
        Ok((Some(subject.handle), Some(key)))
    }

    /// Destroys the subject.
    pub async fn erase(&mut self, receipt: crate::domain::ReceiptId) -> Result<(), StoreError> {
        self.subject_mut()?;
        if let Some(subject) = self.subject.take() {
            self.dirty = false;
            let decision = self.applied.decision.clone();
            let erasure =
                erase::erase(self.batch, &self.tenant, subject, receipt, decision, self.at).await?;
            self.applied.erasure = Some(erasure);
        }
        Ok(())
    }
}

/// Seals a document of the tenant under its key.
pub(super) fn seal_for_tenant<T: serde::Serialize>(
    batch: &Batch<'_>,
    tenant: &Tenant,
    doc: &T,
    place: (Table, &[u8], u64),
) -> Result<Value, StoreError> {
    doc::seal(doc, &tenant.keys.data, place, &*batch.shared.entropy)
}
