//! A fresh rotation for all embeddings of a tenant.
//!
//! Samples of behavior have none and are left as they are. An embedding of a voice is a direction without names: turned, it
//! still compares and tells nothing. A sample is values with names and units (a hold time in ms, a count of keys), compared value by
//! value: a rotation would have to be undone for every use by a key that lies where the subject's key lies, so it would be a second
//! seal and no protection of its own. What renews a stolen profile of typing is another text.

use std::sync::Arc;

use super::batch::Batch;
use super::doc::{
    self, OpenSubject, SeedBytes, UtteranceRef, each_embedding, pack_utterance, unpack_utterance,
    utterance_dim,
};
use super::effects;
use super::enrollment;
use super::shared::Tenant;
use super::table::{Table, Value, select};
use super::work::Work;
use crate::crypto::random;
use crate::store::StoreError;

/// Subjects read at a time.
const PAGE: i64 = 256;

/// Stores every embedding of the tenant anew. One transaction: other writers wait meanwhile.
pub(super) async fn renew(work: &mut Work<'_, '_>, expected: u32) -> Result<(), StoreError> {
    let found = work.tenant.doc.generation;
    if found != expected {
        return Err(StoreError::RotationConflict { expected, found });
    }
    if work.target.is_some() {
        return Err(StoreError::Invalid("a renewal is about no single subject"));
    }
    let old = Arc::clone(&work.tenant);
    let mut doc = old.doc.clone();
    doc.generation += 1;
    doc.seed = SeedBytes(random(&*work.batch.shared.entropy));
    effects::store_tenant(work, doc).await?;
    let new = Arc::clone(&work.tenant);
    let mut last = 0;
    loop {
        let sql = select!(subject "WHERE tenant = ? AND n > ? ORDER BY n LIMIT ?");
        let binds = vec![Value::from(new.id.as_str()), Value::Int(last), Value::Int(PAGE)];
        let rows = work.batch.all(Table::Subject, sql, binds).await?;
        let Some(end) = rows.last() else { break };
        last = end.int(0)?;
        for row in rows {
            let version = work.batch.version(&super::shared::short(&row.array(3)?));
            if version != Some(row.version) {
                return Err(row.broken("it is not at the version last committed: put back"));
            }
            let mut subject = effects::open_subject(&new, row)?;
            let enrolled = renew_subject(work.batch, &old, &new, &mut subject).await?;
            work.applied.renewed += u32::from(enrolled);
        }
    }
    work.applied.rotation_generation = new.doc.generation;
    Ok(())
}

/// Whether the subject has a voiceprint.
async fn renew_subject(
    batch: &mut Batch<'_>,
    old: &Tenant,
    new: &Tenant,
    subject: &mut OpenSubject,
) -> Result<bool, StoreError> {
    let mut document = subject.doc.clone();
    let pending = document.enrollment.iter_mut().flat_map(|e| &mut e.utterances);
    let enrolled = document.voiceprint.iter_mut().flat_map(|v| &mut v.utterances);
    let mut changed = false;
    for utterance in pending.chain(enrolled) {
        renew_utterance(batch, old, new, subject, utterance).await?;
        changed = true;
    }
    let has_voiceprint = document.voiceprint.is_some();
    if changed {
        subject.doc = document;
        effects::store_subject(batch, subject).await?;
    }
    Ok(has_voiceprint)
}

async fn renew_utterance(
    batch: &mut Batch<'_>,
    old: &Tenant,
    new: &Tenant,
    subject: &OpenSubject,
    utterance: &mut UtteranceRef,
) -> Result<(), StoreError> {
    let row = enrollment::row_of(batch, utterance).await?;
    let id = utterance.id.as_str();
    let plain = doc::open_bytes(&row, 2, &subject.key, &enrollment::place(subject, id))?;
    let unreadable = || row.broken("the utterance cannot be read");
    let (mut head, rotated) = unpack_utterance(&plain).ok_or_else(unreadable)?;
    if head.generation != old.doc.generation {
        return Err(row.broken("the utterance is of another rotation"));
    }
    let dim = utterance_dim(&head, &rotated);
    let (old, fresh) = (old.rotation(dim)?, new.rotation(dim)?);
    let raw = each_embedding(&head, &rotated, |e| old.invert(e)).ok_or_else(unreadable)?;
    let again = each_embedding(&head, &raw, |e| fresh.apply(e));
    head.generation = new.doc.generation;
    let plain = pack_utterance(&head, &again.ok_or_else(unreadable)?)?;
    let mut values = row.values.clone();
    values[2] = enrollment::seal(batch, subject, id, row.version + 1, &plain);
    utterance.mac = batch.update(&row, values).await?.mac;
    Ok(())
}
