//! Effects on tenants, keys and subjects.

use std::sync::Arc;

use super::batch::Batch;
use super::behavior_profiles;
use super::doc::{self, ApiKeyDoc, OpenSubject, SeedBytes, SubjectDoc, TenantDoc};
use super::enrollment;
use super::feedback;
use super::keys::{Handle, TenantKeys};
use super::ledger::ONLY;
use super::phone_numbers;
use super::policies;
use super::renew;
use super::shared::{ApiKey, Change, Tenant, api_message};
use super::sources;
use super::table::{Row, Table, Value};
use super::work::{Work, seal_for_tenant};
use crate::crypto::{MasterKey, MintedKey, random};
use crate::domain::{
    ApiKeyId, ArtifactRef, ConsentRecord, Purpose, RedactionMode, Role, TenantId, Timestamp,
};
use crate::store::{Attempts, Effect, StoreError};

/// Most consents of one subject, ended ones included.
const MAX_CONSENTS: usize = 256;
/// Longest label of an API key, in bytes.
const MAX_LABEL_BYTES: usize = 64;
/// Most API keys of one tenant, revoked ones included.
const MAX_API_KEYS: usize = 10_000;

/// Carries one effect out.
pub(super) async fn apply(work: &mut Work<'_, '_>, effect: Effect) -> Result<(), StoreError> {
    if work.applied.erasure.is_some() {
        return Err(StoreError::Invalid("an erasure must be the last effect"));
    }
    match effect {
        Effect::CreateTenant => Err(StoreError::Invalid("a tenant is created first of all")),
        Effect::PutApiKey { key, role, label, expires_at } => {
            put_api_key(work, &key, role, label, expires_at).await
        }
        Effect::RevokeApiKey { key } => revoke_api_key(work, &key).await,
        Effect::CreateSubject => create_subject(work).await,
        Effect::PutConsent(record) => put_consent(work, record),
        Effect::WithdrawConsents(purpose) => withdraw(work, purpose),
        Effect::SetOptOut(opted_out) => change(work, |doc| doc.opted_out = opted_out),
        Effect::AddUtterance { enrollment, reenroll, utterance, consent } => {
            enrollment::add(work, enrollment, reenroll, *utterance, &consent).await
        }
        Effect::CancelEnrollment => enrollment::cancel(work).await,
        Effect::CompleteEnrollment { voiceprint, expires_at, authorization, consent } => {
            enrollment::complete(work, voiceprint, expires_at, authorization, &consent).await
        }
        Effect::AdaptVoiceprint { voiceprint, utterance, drop, consent } => {
            needs_version(work)?;
            enrollment::adapt(work, &voiceprint, *utterance, &drop, &consent).await
        }
        Effect::DeleteVoiceprint { voiceprint } => enrollment::delete(work, &voiceprint).await,
        Effect::SetVoiceprintExpiry { voiceprint, expires_at } => {
            enrollment::set_expiry(work, &voiceprint, expires_at)
        }
        Effect::SetAttempts(attempts) => {
            needs_version(work)?;
            change(work, |doc| doc.attempts = attempts)
        }
        Effect::SetBehaviorAttempts(attempts) => {
            needs_version(work)?;
            change(work, |doc| doc.behavior_attempts = attempts)
        }
        Effect::CountSource { source, outcome, rules } => {
            sources::count(work, &source, outcome, &rules).await
        }
        Effect::PutBehaviorProfile { profile, consent } => {
            needs_version(work)?;
            behavior_profiles::put(work, *profile, &consent).await
        }
        Effect::DeleteBehaviorProfile { profile } => {
            behavior_profiles::delete(work, &profile).await
        }
        Effect::AddPhoneNumber { number, remembered } => {
            phone_numbers::add(work, &number, remembered).await
        }
        Effect::RemovePhoneNumber { number } => phone_numbers::remove(work, &number).await,
        Effect::PutFeedback { decision, feedback } => {
            feedback::put(work, &decision, *feedback).await
        }
        Effect::EraseSubject { receipt } => work.erase(receipt).await,
        Effect::PinExtractor(extractor) => pin_extractor(work, extractor).await,
        Effect::SetRedaction(redaction) => {
            change_tenant(work, |doc| doc.redaction = redaction).await
        }
        Effect::SetAgeClass(setting) => {
            change_tenant(work, |doc| doc.age_class = setting.map(|setting| *setting)).await
        }
        Effect::ChangePolicy { act, by, file } => policies::change(work, &act, &by, file).await,
        Effect::SetCalibration(calibration) => {
            change_tenant(work, |doc| doc.calibration = calibration.map(|c| *c)).await
        }
        Effect::RotateMasterKey(master) => rotate_master(work, &master).await,
        Effect::RenewRotation { expected_generation: from } => renew::renew(work, from).await,
    }
}

/// Changes the document of the subject.
fn change(work: &mut Work<'_, '_>, how: impl FnOnce(&mut SubjectDoc)) -> Result<(), StoreError> {
    how(&mut work.change()?.doc);
    Ok(())
}

/// Changes the document of the tenant.
async fn change_tenant(
    work: &mut Work<'_, '_>,
    how: impl FnOnce(&mut TenantDoc),
) -> Result<(), StoreError> {
    let mut doc = work.tenant.doc.clone();
    how(&mut doc);
    store_tenant(work, doc).await
}

/// A new tenant with fresh keys.
pub(super) async fn create_tenant(
    batch: &mut Batch<'_>,
    id: &TenantId,
    at: Timestamp,
) -> Result<Arc<Tenant>, StoreError> {
    let shared = batch.shared;
    let (keys, wrapped) = TenantKeys::generate(&shared.root, id, &*shared.entropy);
    let doc = TenantDoc {
        created_at: at,
        extractor: None,
        generation: 1,
        seed: SeedBytes(random(&*shared.entropy)),
        age_class: None,
        redaction: RedactionMode::default(),
        calibration: None,
    };
    let place = (Table::Tenant, id.as_str().as_bytes(), 1);
    let sealed = doc::seal(&doc, &keys.data, place, &*shared.entropy)?;
    let values = vec![Value::from(id.as_str()), Value::Blob(wrapped), sealed];
    let row = batch.insert(Table::Tenant, values).await?;
    let tenant = Arc::new(Tenant::new(id.clone(), row, Arc::new(keys), doc));
    batch.changes.push(Change::Tenant(Arc::clone(&tenant)));
    Ok(tenant)
}

/// Replaces the tenant's document.
pub(super) async fn store_tenant(
    work: &mut Work<'_, '_>,
    doc: TenantDoc,
) -> Result<(), StoreError> {
    let old = &work.tenant;
    let version = old.row.version + 1;
    let place = (Table::Tenant, old.id.as_str().as_bytes(), version);
    let mut values = old.row.values.clone();
    values[2] = seal_for_tenant(work.batch, old, &doc, place)?;
    let row = work.batch.update(&old.row, values).await?;
    let tenant = Tenant::new(old.id.clone(), row, Arc::clone(&old.keys), doc);
    work.tenant = Arc::new(tenant);
    let change = Change::Tenant(Arc::clone(&work.tenant));
    work.batch.changes.push(change);
    Ok(())
}

/// Pins the extractor, unless it is pinned already.
pub(super) async fn pin_extractor(
    work: &mut Work<'_, '_>,
    extractor: ArtifactRef,
) -> Result<(), StoreError> {
    if work.tenant.doc.extractor.as_ref() == Some(&extractor) {
        return Ok(());
    }
    let mut doc = work.tenant.doc.clone();
    doc.extractor = Some(extractor);
    store_tenant(work, doc).await
}

async fn rotate_master(work: &mut Work<'_, '_>, master: &MasterKey) -> Result<(), StoreError> {
    let batch = &mut *work.batch;
    let get = Table::Keyring.spec().get;
    let row = batch
        .one(Table::Keyring, get, vec![Value::Int(ONLY)])
        .await?
        .ok_or_else(|| Table::Keyring.broken(ONLY.to_string(), "the row is missing"))?;
    let wrapped = batch.shared.root.wrapped(master, &*batch.shared.entropy);
    let values = vec![Value::Int(ONLY), Value::Text(master.key_id()), Value::Blob(wrapped)];
    batch.update(&row, values).await?;
    Ok(())
}

async fn put_api_key(
    work: &mut Work<'_, '_>,
    key: &MintedKey,
    role: Role,
    label: String,
    expires_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    if label.len() > MAX_LABEL_BYTES {
        return Err(StoreError::TooLarge {
            what: "bytes of an API key's label",
            limit: MAX_LABEL_BYTES,
            got: label.len(),
        });
    }
    let (taken, held) = {
        let directory = work.batch.shared.directory();
        let own = |k: &&Arc<ApiKey>| k.tenant == work.tenant.id;
        (directory.keys.contains_key(key.id()), directory.keys.values().filter(own).count())
    };
    if taken {
        return Err(StoreError::ApiKeyExists);
    }
    if held >= MAX_API_KEYS {
        return Err(StoreError::Limit {
            what: "API keys of a tenant",
            limit: MAX_API_KEYS,
            got: held + 1,
        });
    }
    let message = api_message(key.id(), key.secret());
    let doc = ApiKeyDoc {
        role,
        label,
        created_at: work.at,
        expires_at,
        revoked_at: None,
        hash: work.batch.shared.root.api.mac(&message),
    };
    let id = key.id().as_str();
    let place = (Table::ApiKey, id.as_bytes(), 1);
    let sealed = seal_for_tenant(work.batch, &work.tenant, &doc, place)?;
    let tenant = Value::from(work.tenant.id.as_str());
    let values = vec![Value::from(id), tenant, sealed];
    let row = work.batch.insert(Table::ApiKey, values).await?;
    let entry = ApiKey::open(&work.tenant, row)?;
    work.batch.changes.push(Change::ApiKey(Arc::new(entry)));
    Ok(())
}

async fn revoke_api_key(work: &mut Work<'_, '_>, key: &ApiKeyId) -> Result<(), StoreError> {
    let found = work.batch.shared.directory().keys.get(key).cloned();
    let old = found
        .filter(|k| k.tenant == work.tenant.id && k.doc.revoked_at.is_none())
        .ok_or(StoreError::NoApiKey)?;
    let doc = ApiKeyDoc { revoked_at: Some(work.at), ..old.doc.clone() };
    let version = old.row.version + 1;
    let place = (Table::ApiKey, key.as_str().as_bytes(), version);
    let mut values = old.row.values.clone();
    values[2] = seal_for_tenant(work.batch, &work.tenant, &doc, place)?;
    let row = work.batch.update(&old.row, values).await?;
    let entry = ApiKey::open(&work.tenant, row)?;
    work.batch.changes.push(Change::ApiKey(Arc::new(entry)));
    Ok(())
}

async fn create_subject(work: &mut Work<'_, '_>) -> Result<(), StoreError> {
    let Some(target) = &work.target else {
        return Err(StoreError::Invalid("an effect on a subject names none"));
    };
    if work.subject.is_some() {
        return Err(StoreError::SubjectExists(target.id.clone()));
    }
    let doc = SubjectDoc {
        id: target.id.clone(),
        created_at: work.at,
        opted_out: false,
        consents: Vec::new(),
        enrollment: None,
        voiceprint: None,
        attempts: Attempts::default(),
        behavior: Vec::new(),
        behavior_attempts: Attempts::default(),
        numbers: Vec::new(),
    };
    let entropy = &*work.batch.shared.entropy;
    let handle: Handle = random(entropy);
    let (key, wrapped) = work.tenant.keys.generate_subject(&handle, entropy);
    let sealed = doc::seal(&doc, &key, (Table::Subject, &handle, 1), entropy)?;
    let values = vec![
        Value::Int(work.batch.next("SELECT coalesce(max(n), 0) + 1 FROM subject").await?),
        Value::Blob(handle.to_vec()),
        Value::from(work.tenant.id.as_str()),
        Value::Blob(work.tenant.lookup(&doc.id).to_vec()),
        Value::Blob(wrapped),
        sealed,
    ];
    let row = work.batch.insert(Table::Subject, values).await?;
    work.subject = Some(OpenSubject { row, handle, key, doc });
    Ok(())
}

/// Opens a subject's row.
pub(super) fn open_subject(tenant: &Tenant, row: Row) -> Result<OpenSubject, StoreError> {
    let handle: Handle = row.array(1)?;
    let key = tenant
        .keys
        .unwrap_subject(&handle, row.blob(4)?)
        .map_err(|_| row.broken("the wrapped key does not open"))?;
    let doc = doc::open(&row, 5, &key, &handle)?;
    Ok(OpenSubject { row, handle, key, doc })
}

/// Writes a subject's document.
pub(super) async fn store_subject(
    batch: &mut Batch<'_>,
    subject: &mut OpenSubject,
) -> Result<(), StoreError> {
    let place = (Table::Subject, &subject.handle[..], subject.row.version + 1);
    let mut values = subject.row.values.clone();
    values[5] = doc::seal(&subject.doc, &subject.key, place, &*batch.shared.entropy)?;
    subject.row = batch.update(&subject.row, values).await?;
    Ok(())
}

fn put_consent(work: &mut Work<'_, '_>, record: ConsentRecord) -> Result<(), StoreError> {
    let consents = &mut work.change()?.doc.consents;
    if consents.iter().any(|c| c.id == record.id) {
        return Err(StoreError::Invalid("a consent with this id exists already"));
    }
    if consents.len() >= MAX_CONSENTS {
        return Err(StoreError::Limit {
            what: "consents of a subject",
            limit: MAX_CONSENTS,
            got: consents.len() + 1,
        });
    }
    consents.push(record);
    Ok(())
}

fn withdraw(work: &mut Work<'_, '_>, purpose: Purpose) -> Result<(), StoreError> {
    let at = work.at;
    let consents = &mut work.change()?.doc.consents;
    let open = consents.iter_mut().filter(|c| {
        c.purpose == purpose && c.withdrawn_at.is_none() && c.expires_at.is_none_or(|end| end > at)
    });
    let mut withdrawn = 0;
    for consent in open {
        consent.withdrawn_at = Some(at);
        withdrawn += 1;
    }
    work.applied.withdrawn += withdrawn;
    Ok(())
}

/// For effects that put what was computed from what was read.
fn needs_version(work: &Work<'_, '_>) -> Result<(), StoreError> {
    let expected = work.target.as_ref().and_then(|t| t.expected_version);
    expected.map(|_| ()).ok_or(StoreError::Invalid(
        "a counter of attempts, a behavior profile and an adaptation need an expected version",
    ))
}
