//! The directory of numbers: who may be behind one. A row is sealed under its subject's key, and the subject's
//! document names it with its MAC, so that a row put back, moved or added is refused.

use super::batch;
use super::doc::{self, NumberRef};
use super::errors;
use super::read::{current, settled};
use super::shared::{Shared, Tenant};
use super::table::{Row, Table, Value, select};
use super::work::Work;
use crate::crypto::Encoder;
use crate::domain::{PhoneNumber, SubjectId, TenantId, Timestamp};
use crate::store::StoreError;

/// Most numbers of one subject.
const MAX_NUMBERS: usize = 8;
/// Most subjects behind one number: a household.
const MAX_HOUSEHOLD: usize = 16;

/// `phone_number.sealed`.
#[derive(serde::Serialize, serde::Deserialize)]
struct NumberDoc {
    added_at: Timestamp,
    /// Nobody added it: an accepted session came from it.
    remembered: bool,
}

/// The digest that names a number.
fn digest(tenant: &Tenant, number: &PhoneNumber) -> [u8; 32] {
    let name = Encoder::new("vouch.phone-number.v1").text(number.as_str());
    tenant.keys.number.mac(name.as_slice())
}

/// The digest that names a number of a subject.
fn row_id(tenant: &Tenant, digest: &[u8; 32], handle: &[u8; 16]) -> [u8; 32] {
    let name = Encoder::new("vouch.phone-number-of.v1").bytes(digest).bytes(handle);
    tenant.keys.number.mac(name.as_slice())
}

/// How many numbers a subject's document names.
pub(super) fn count(numbers: &[NumberRef]) -> u32 {
    u32::try_from(numbers.len()).unwrap_or(u32::MAX)
}

/// Adds a number. One that is only remembered is passed over where it is known already or there is no place for
/// it: a decision must not fail for it.
pub(super) async fn add(
    work: &mut Work<'_, '_>,
    number: &PhoneNumber,
    remembered: bool,
) -> Result<(), StoreError> {
    let tenant = std::sync::Arc::clone(&work.tenant);
    let digest = digest(&tenant, number);
    let subject = work.subject_mut()?;
    let id = row_id(&tenant, &digest, &subject.handle);
    work.applied.phone_numbers = count(&work.subject_mut()?.doc.numbers);
    let held = &work.subject_mut()?.doc.numbers;
    if held.iter().any(|n| n.id == id) {
        return if remembered { Ok(()) } else { Err(StoreError::PhoneNumberExists) };
    }
    let own = held.len() + 1;
    let sql = select!(phone_number "WHERE number = ?");
    let binds = vec![Value::Blob(digest.to_vec())];
    let household = work.batch.all(Table::PhoneNumber, sql, binds).await?.len() + 1;
    let limits = [
        ("phone numbers of a subject", MAX_NUMBERS, own),
        ("subjects behind a phone number", MAX_HOUSEHOLD, household),
    ];
    if let Some((what, limit, got)) = limits.into_iter().find(|(_, limit, got)| got > limit) {
        return if remembered { Ok(()) } else { Err(StoreError::Limit { what, limit, got }) };
    }
    let doc = NumberDoc { added_at: work.at, remembered };
    work.change()?;
    let (Some(subject), batch) = (&mut work.subject, &mut *work.batch) else {
        return Err(StoreError::Invalid("an effect on a subject names none"));
    };
    let place = (Table::PhoneNumber, &id[..], 1);
    let sealed = doc::seal(&doc, &subject.key, place, &*batch.shared.entropy)?;
    let values = vec![
        Value::Blob(id.to_vec()),
        Value::Blob(digest.to_vec()),
        Value::Blob(subject.handle.to_vec()),
        sealed,
    ];
    let row = batch.insert(Table::PhoneNumber, values).await?;
    subject.doc.numbers.push(NumberRef { id, mac: row.mac });
    work.applied.phone_numbers = count(&subject.doc.numbers);
    Ok(())
}

/// Removes a number.
pub(super) async fn remove(
    work: &mut Work<'_, '_>,
    number: &PhoneNumber,
) -> Result<(), StoreError> {
    let tenant = std::sync::Arc::clone(&work.tenant);
    let digest = digest(&tenant, number);
    let subject = work.change()?;
    let id = row_id(&tenant, &digest, &subject.handle);
    let at = subject.doc.numbers.iter().position(|n| n.id == id);
    let named = subject.doc.numbers.remove(at.ok_or(StoreError::NoPhoneNumber)?);
    let left = count(&subject.doc.numbers);
    let get = Table::PhoneNumber.spec().get;
    let row = work.batch.one(Table::PhoneNumber, get, vec![Value::Blob(id.to_vec())]).await?;
    let missing = || Table::PhoneNumber.broken(hex::encode(&id[..8]), "the row is missing");
    let row = row.ok_or_else(missing)?;
    genuine(&row, Some(&named))?;
    work.batch.delete(&row).await?;
    work.applied.phone_numbers = left;
    Ok(())
}

fn genuine(row: &Row, named: Option<&NumberRef>) -> Result<(), StoreError> {
    match named {
        Some(named) if named.mac == row.mac => Ok(()),
        _ => Err(row.broken("its subject does not name it: put back, moved or added")),
    }
}

/// Who may be behind a number.
pub(super) async fn household(
    shared: &Shared,
    tenant: &TenantId,
    number: &PhoneNumber,
) -> Result<Vec<SubjectId>, StoreError> {
    settled(shared, || household_once(shared, tenant, number)).await
}

async fn household_once(
    shared: &Shared,
    tenant: &TenantId,
    number: &PhoneNumber,
) -> Result<Vec<SubjectId>, StoreError> {
    let tenant = shared.tenant(tenant)?;
    let digest = digest(&tenant, number);
    let mut tx = shared.pool.begin().await.map_err(errors::sql)?;
    let sql = select!(phone_number "WHERE number = ? ORDER BY id");
    let binds = vec![Value::Blob(digest.to_vec())];
    let rows = batch::all(&mut tx, shared, Table::PhoneNumber, sql, binds).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let sql = select!(subject "WHERE handle = ?");
        let binds = vec![Value::Blob(row.blob(2)?.to_vec())];
        let subject = batch::one(&mut tx, shared, Table::Subject, sql, binds).await?;
        let subject = subject.ok_or_else(|| row.broken("its subject is missing"))?;
        let subject = current(shared, &tenant, subject)?;
        let id: [u8; 32] = row.array(0)?;
        genuine(&row, subject.doc.numbers.iter().find(|n| n.id == id))?;
        doc::open::<NumberDoc>(&row, 3, &subject.key, &id)?;
        found.push(subject.doc.id);
    }
    tx.commit().await.map_err(errors::sql)?;
    Ok(found)
}
