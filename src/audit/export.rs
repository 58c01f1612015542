//! The log as JSON lines.

use std::io::Write;
use std::path::Path;

use super::AuditError;
use crate::domain::TenantId;
use crate::store::sqlite::ChainReader;
use crate::store::{AuditLog, DecisionFilter, MAX_PAGE_SIZE, PageRequest};

/// Links read at a time.
const PAGE: u32 = 1_000;

/// Writes a tenant's decisions, newest first, with their payloads as far as they were not erased.
/// Answers how many.
///
/// # Errors
/// [`AuditError::Store`], [`AuditError::Output`].
pub async fn export_decisions(
    log: &dyn AuditLog,
    tenant: &TenantId,
    filter: &DecisionFilter,
    out: &mut (dyn Write + Send),
) -> Result<u64, AuditError> {
    let mut token = None;
    let mut written = 0;
    loop {
        let page = PageRequest { size: MAX_PAGE_SIZE, token };
        let page = log.decisions(tenant, filter, page).await?;
        for record in &page.items {
            let line = serde_json::to_string(record)
                .map_err(|error| AuditError::Output(std::io::Error::other(error)))?;
            writeln!(out, "{line}").map_err(AuditError::Output)?;
            written += 1;
        }
        token = page.next;
        if token.is_none() {
            return Ok(written);
        }
    }
}

/// Writes the links of the chain, oldest first, without payloads: enough to verify it elsewhere. Needs
/// no key and does not check anything. Answers how many.
///
/// # Errors
/// [`AuditError::Store`], [`AuditError::Output`].
pub async fn export_chain(store: &Path, out: &mut (dyn Write + Send)) -> Result<u64, AuditError> {
    let mut reader = ChainReader::open(store).await?;
    let mut position = 0;
    let mut written = 0;
    loop {
        let rows = reader.after(position, PAGE).await?;
        let Some(last) = rows.last() else {
            return Ok(written);
        };
        position = last.sequence;
        for row in &rows {
            let link = row.link.as_ref().map(|(entry, hash)| {
                serde_json::json!({
                    "sequence": row.sequence,
                    "decision_id": entry.decision_id,
                    "tenant": entry.tenant,
                    "at": entry.at_unix_ms,
                    "kind": entry.kind,
                    "decision": entry.decision,
                    "reasons": entry.reasons,
                    "commitment": hex::encode(entry.commitment),
                    "hash": hex::encode(hash),
                    "erased": !row.has_payload,
                })
            });
            let line = link.unwrap_or_else(
                || serde_json::json!({"sequence": row.sequence, "unreadable": true}),
            );
            writeln!(out, "{line}").map_err(AuditError::Output)?;
            written += 1;
        }
    }
}
