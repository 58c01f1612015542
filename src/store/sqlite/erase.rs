//! Erasing a subject.

use std::sync::Arc;

use super::audit_rows;
use super::batch::Batch;
use super::doc::{ErasureDoc, OpenSubject};
use super::shared::{Change, ErasureEntry, Tenant};
use super::table::{Table, Value, select};
use super::work::seal_for_tenant;
use crate::domain::{DecisionId, ReceiptId, Timestamp};
use crate::store::{Erasure, ErasureState, StoreError};

/// Deletes the subject's wrapped key and rows and empties its audit records. Old pages stay in the
/// log until it is truncated; the row of the erasure says so until then.
pub(super) async fn erase(
    batch: &mut Batch<'_>,
    tenant: &Tenant,
    subject: OpenSubject,
    receipt: ReceiptId,
    decision: DecisionId,
    at: Timestamp,
) -> Result<Erasure, StoreError> {
    let handle = || vec![Value::Blob(subject.handle.to_vec())];
    let mut destroyed = 1u32;
    let audit = select!(audit "WHERE subject = ? ORDER BY seq");
    for row in batch.all(Table::Audit, audit, handle()).await? {
        batch.update(&row, audit_rows::emptied(&row)).await?;
        destroyed = destroyed.saturating_add(1);
    }
    let utterances = select!(utterance "WHERE subject = ?");
    let profiles = select!(behavior_profile "WHERE subject = ?");
    let feedback = select!(feedback "WHERE subject = ?");
    let numbers = select!(phone_number "WHERE subject = ?");
    let requests = select!(idempotency "WHERE subject = ?");
    for (table, sql) in [
        (Table::Utterance, utterances),
        (Table::BehaviorProfile, profiles),
        (Table::Feedback, feedback),
        (Table::PhoneNumber, numbers),
        (Table::Idempotency, requests),
    ] {
        for row in batch.all(table, sql, handle()).await? {
            batch.delete(&row).await?;
            destroyed = destroyed.saturating_add(1);
        }
    }
    batch.delete(&subject.row).await?;
    let doc = ErasureDoc {
        state: ErasureState::Pending,
        erased_at: at,
        rows_destroyed: destroyed,
        decision,
    };
    let id = receipt.as_str().as_bytes();
    let sealed = seal_for_tenant(batch, tenant, &doc, (Table::Erasure, id, 1))?;
    let values = vec![Value::from(receipt.as_str()), Value::from(tenant.id.as_str()), sealed];
    let row = batch.insert(Table::Erasure, values).await?;
    let entry = ErasureEntry::open(tenant, row)?;
    let erasure = entry.erasure.clone();
    batch.changes.push(Change::Erasure(Arc::new(entry)));
    Ok(erasure)
}
