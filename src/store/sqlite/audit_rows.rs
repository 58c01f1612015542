//! Rows of the audit chain: making, following and reading them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::table::{Row, Table, Value};
use crate::crypto::{ChainEntry, Entropy, Salt, SealKey, commitment, random};
use crate::domain::{DecisionId, Event, Reason, TenantId, Timestamp};
use crate::store::{AuditDraft, AuditHead, DecisionRecord, StoreError};

/// Bytes of the salt at the front of an opened payload.
const SALT_BYTES: usize = 32;

/// The name of a closed word, as serde writes it.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

fn parse_word<T: DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}

/// Reasons as text, each between commas, so that one can be searched for.
fn reasons_text(reasons: &[Reason]) -> String {
    reasons.iter().fold(",".to_owned(), |text, reason| text + &word(reason) + ",")
}

/// What [`reasons_text`] holds when it holds `reason`.
pub(super) fn reason_pattern(reason: Reason) -> String {
    format!(",{},", word(&reason))
}

/// Columns of a new record and its chain hash. `subject` is the handle of the subject it is about and
/// the key to seal with; without one the tenant's key seals.
pub(super) fn compose(
    head: &AuditHead,
    tenant: &TenantId,
    draft: &AuditDraft,
    subject: Option<&[u8; 16]>,
    key: &SealKey,
    entropy: &dyn Entropy,
) -> Result<(Vec<Value>, AuditHead), StoreError> {
    let payload = super::doc::to_bytes(&draft.event)?;
    serde_json::from_slice::<Event>(&payload)
        .map_err(|_| StoreError::Invalid("a number of the audit event is not finite"))?;
    let salt: Salt = random(entropy);
    let mut plain = zeroize::Zeroizing::new(salt.to_vec());
    plain.extend_from_slice(&payload);
    let id = draft.decision.as_str();
    let place = Table::Audit.place(id.as_bytes(), 1);
    let sealed = key.seal(place.as_slice(), &plain, entropy);
    let entry = ChainEntry {
        decision_id: id.to_owned(),
        tenant: tenant.as_str().to_owned(),
        at_unix_ms: draft.at.unix_ms(),
        kind: word(&draft.event.kind),
        decision: draft.event.decision.as_ref().map(word),
        reasons: reasons_text(&draft.event.reasons),
        commitment: commitment(&salt, &payload),
    };
    let sequence = head.sequence + 1;
    let hash = entry.link(&head.hash, sequence);
    let number = i64::try_from(sequence).map_err(|_| StoreError::Invalid("the chain is full"))?;
    let values = vec![
        Value::Int(number),
        Value::Text(entry.decision_id),
        Value::Text(entry.tenant),
        Value::Int(entry.at_unix_ms),
        Value::Text(entry.kind),
        entry.decision.map_or(Value::Null, Value::Text),
        Value::Text(entry.reasons),
        Value::Blob(entry.commitment.to_vec()),
        Value::Blob(hash.to_vec()),
        subject.map_or(Value::Null, |handle| Value::Blob(handle.to_vec())),
        Value::Blob(sealed),
    ];
    Ok((values, AuditHead { sequence, hash }))
}

/// The linked part of a record.
pub(super) fn entry(row: &Row) -> Result<ChainEntry, StoreError> {
    Ok(ChainEntry {
        decision_id: row.text(1)?.to_owned(),
        tenant: row.text(2)?.to_owned(),
        at_unix_ms: row.int(3)?,
        kind: row.text(4)?.to_owned(),
        decision: match row.is_null(5) {
            true => None,
            false => Some(row.text(5)?.to_owned()),
        },
        reasons: row.text(6)?.to_owned(),
        commitment: row.array(7)?,
    })
}

/// Position of a record.
pub(super) fn sequence(row: &Row) -> Result<u64, StoreError> {
    u64::try_from(row.int(0)?).map_err(|_| row.broken("the sequence is negative"))
}

/// The head after `row`, which must follow `head`.
pub(super) fn follow(head: AuditHead, row: &Row) -> Result<AuditHead, StoreError> {
    let sequence = sequence(row)?;
    if sequence != head.sequence + 1 {
        return Err(row.broken("a record before it is missing"));
    }
    let hash = entry(row)?.link(&head.hash, sequence);
    if hash != row.array::<32>(8)? {
        return Err(row.broken("it does not follow the record before it"));
    }
    Ok(AuditHead { sequence, hash })
}

/// A record without its columns for the subject and the payload.
pub(super) fn emptied(row: &Row) -> Vec<Value> {
    let mut values = row.values.clone();
    values[9] = Value::Null;
    values[10] = Value::Null;
    values
}

/// Holds an opened payload against its commitment.
pub(super) fn check_payload(row: &Row, plain: &[u8]) -> Result<Event, StoreError> {
    let split = plain.split_first_chunk::<SALT_BYTES>();
    let (salt, payload) = split.ok_or_else(|| row.broken("the payload is too short"))?;
    if commitment(salt, payload) != row.array::<32>(7)? {
        return Err(row.broken("the payload is not the one committed to"));
    }
    serde_json::from_slice(payload).map_err(|_| row.broken("the payload cannot be read"))
}

/// A record as readers get it.
pub(super) fn record(row: &Row, event: Option<Event>) -> Result<DecisionRecord, StoreError> {
    let unknown = || row.broken("a word is unknown to this version");
    let entry = entry(row)?;
    let reasons = entry.reasons.split(',').filter(|name| !name.is_empty());
    Ok(DecisionRecord {
        id: DecisionId::parse(&entry.decision_id).map_err(|_| unknown())?,
        sequence: sequence(row)?,
        at: Timestamp::from_unix_ms(entry.at_unix_ms),
        kind: parse_word(&entry.kind).ok_or_else(unknown)?,
        decision: match &entry.decision {
            Some(name) => Some(parse_word(name).ok_or_else(unknown)?),
            None => None,
        },
        reasons: reasons
            .map(|name| parse_word(name).ok_or_else(unknown))
            .collect::<Result<_, _>>()?,
        event,
    })
}
