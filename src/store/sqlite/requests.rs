//! Remembered answers to repeated requests.

use super::batch::Batch;
use super::doc;
use super::shared::Tenant;
use super::table::{Row, Table, Value};
use crate::crypto::Encoder;
use crate::domain::Timestamp;
use crate::store::{IdempotencyKey, StoreError};

/// Row id of a request: the client's key is not stored.
pub(super) fn row_id(tenant: &Tenant, key: &IdempotencyKey) -> [u8; 32] {
    let name = Encoder::new("vouch.request.v1").text(key.method).text(&key.key);
    tenant.keys.idempotency.mac(name.as_slice())
}

/// The answer in a row, if it has not expired.
pub(super) fn answer(
    tenant: &Tenant,
    row: &Row,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, StoreError> {
    if row.int(3)? <= now.unix_ms() {
        return Ok(None);
    }
    let id = row.array::<32>(0)?;
    let plain = doc::open_bytes(row, 4, &tenant.keys.data, &id)?;
    let (body_hash, answer) =
        plain.split_first_chunk::<32>().ok_or_else(|| row.broken("the answer is too short"))?;
    if *body_hash != key.body_hash {
        return Err(StoreError::IdempotencyMismatch);
    }
    Ok(Some(answer.to_vec()))
}

/// The answer remembered for a request; forgets an expired one.
pub(super) async fn recall(
    batch: &mut Batch<'_>,
    tenant: &Tenant,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, StoreError> {
    let id = Value::Blob(row_id(tenant, key).to_vec());
    let spec = Table::Idempotency.spec();
    let Some(row) = batch.one(Table::Idempotency, spec.get, vec![id]).await? else {
        return Ok(None);
    };
    let answer = answer(tenant, &row, key, now)?;
    if answer.is_none() {
        batch.delete(&row).await?;
    }
    Ok(answer)
}

/// Remembers an answer.
pub(super) async fn remember(
    batch: &mut Batch<'_>,
    tenant: &Tenant,
    key: &IdempotencyKey,
    subject: Option<[u8; 16]>,
    expires_at: Timestamp,
    response: &[u8],
) -> Result<(), StoreError> {
    let id = row_id(tenant, key);
    let mut plain = zeroize::Zeroizing::new(key.body_hash.to_vec());
    plain.extend_from_slice(response);
    let place = Table::Idempotency.place(&id, 1);
    let entropy = &*batch.shared.entropy;
    let sealed = tenant.keys.data.seal(place.as_slice(), &plain, entropy);
    let values = vec![
        Value::Blob(id.to_vec()),
        Value::from(tenant.id.as_str()),
        subject.map_or(Value::Null, |handle| Value::Blob(handle.to_vec())),
        Value::Int(expires_at.unix_ms()),
        Value::Blob(sealed),
    ];
    batch.insert(Table::Idempotency, values).await?;
    Ok(())
}
