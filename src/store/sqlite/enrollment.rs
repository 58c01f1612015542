//! Effects on enrollments and voiceprints.

use super::batch::Batch;
use super::doc::{
    EnrollmentDoc, OpenSubject, UtteranceDoc, UtteranceRef, VoiceprintDoc, each_embedding,
    pack_utterance,
};
use super::effects;
use super::shared::Tenant;
use super::table::{Row, Table, Value};
use super::work::Work;
use crate::domain::{
    Authorization, ConsentProof, EnrollmentId, Timestamp, UtteranceId, VoiceprintId,
};
use crate::store::{Embedding, NewUtterance, SampleOrigin, StoreError};

/// Most utterances of one enrollment.
const MAX_UTTERANCES: usize = 64;

/// Keeps an utterance.
pub(super) async fn add(
    work: &mut Work<'_, '_>,
    id: EnrollmentId,
    reenroll: bool,
    utterance: NewUtterance,
    consent: &ConsentProof,
) -> Result<(), StoreError> {
    check_consent(work, consent)?;
    let doc = &work.subject_mut()?.doc;
    match &doc.enrollment {
        Some(enrollment) if enrollment.id != id => return Err(StoreError::OtherEnrollment),
        Some(enrollment) => limit_utterances(enrollment.utterances.len() + 1)?,
        None if doc.voiceprint.is_some() && !reenroll => return Err(StoreError::VoiceprintExists),
        _ => {}
    }
    match &work.tenant.doc.extractor {
        Some(pinned) if *pinned != utterance.extractor => {
            return Err(StoreError::OtherExtractor {
                pinned: pinned.clone(),
                found: utterance.extractor,
            });
        }
        Some(_) => {}
        None => effects::pin_extractor(work, utterance.extractor.clone()).await?,
    }
    let at = work.at;
    let tenant = std::sync::Arc::clone(&work.tenant);
    work.change()?;
    let (Some(subject), batch) = (&mut work.subject, &mut *work.batch) else {
        return Err(StoreError::Invalid("an effect on a subject names none"));
    };
    let kept = insert(batch, &tenant, subject, utterance, consent).await?;
    let enrollment = subject.doc.enrollment.get_or_insert_with(|| EnrollmentDoc {
        id,
        started_at: at,
        reenroll,
        utterances: Vec::new(),
    });
    if enrollment.utterances.iter().any(|u| u.extractor != kept.extractor) {
        return Err(StoreError::Invalid(
            "the enrollment was begun with another extractor: cancel it",
        ));
    }
    enrollment.reenroll |= reenroll;
    enrollment.utterances.push(kept);
    Ok(())
}

/// A proof made earlier may be out of date by now: consent is checked again, at the commit.
pub(super) fn check_consent(
    work: &mut Work<'_, '_>,
    consent: &ConsentProof,
) -> Result<(), StoreError> {
    let at = work.at;
    let doc = &work.subject_mut()?.doc;
    ConsentProof::find(doc.opted_out, &doc.consents, consent.purpose(), at)
        .map(|_| ())
        .map_err(StoreError::NoConsent)
}

async fn insert(
    batch: &mut Batch<'_>,
    tenant: &Tenant,
    subject: &OpenSubject,
    utterance: NewUtterance,
    consent: &ConsentProof,
) -> Result<UtteranceRef, StoreError> {
    let values = utterance.embedding.values();
    let rendition = utterance.telephone.as_ref().map(Embedding::values);
    let all = zeroize::Zeroizing::new([values, rendition.unwrap_or_default()].concat());
    if values.is_empty() || all.iter().any(|v| !v.is_finite()) {
        return Err(StoreError::Invalid("an embedding is empty or not finite"));
    }
    if rendition.is_some_and(|r| r.len() != values.len()) {
        return Err(StoreError::Invalid("a telephone rendition has another length"));
    }
    let rotation = tenant.rotation(values.len())?;
    let doc = UtteranceDoc {
        captured_at: utterance.captured_at,
        extractor: utterance.extractor.clone(),
        bandwidth: utterance.bandwidth,
        net_speech_ms: utterance.net_speech_ms,
        quality: utterance.quality,
        authorization: utterance.authorization,
        consent: consent.consent_id().clone(),
        generation: tenant.doc.generation,
        telephone: rendition.is_some(),
    };
    let rotated = each_embedding(&doc, &all, |e| rotation.apply(e)).unwrap_or_default();
    let plain = pack_utterance(&doc, &rotated)?;
    let id = utterance.id.as_str();
    let sealed = seal(batch, subject, id, 1, &plain);
    let handle = Value::Blob(subject.handle.to_vec());
    let values = vec![Value::from(id), handle, sealed];
    let row = batch.insert(Table::Utterance, values).await?;
    let NewUtterance { id, extractor, .. } = utterance;
    Ok(UtteranceRef { id, extractor, mac: row.mac, origin: SampleOrigin::Enrolled })
}

/// Associated data of an utterance names its subject as well.
pub(super) fn place(subject: &OpenSubject, id: &str) -> Vec<u8> {
    [&subject.handle[..], id.as_bytes()].concat()
}

/// Seals an utterance's content.
pub(super) fn seal(
    batch: &Batch<'_>,
    subject: &OpenSubject,
    id: &str,
    version: u64,
    plain: &[u8],
) -> Value {
    let place = Table::Utterance.place(&place(subject, id), version);
    let sealed = subject.key.seal(place.as_slice(), plain, &*batch.shared.entropy);
    Value::Blob(sealed)
}

/// The row an utterance's reference means.
pub(super) async fn row_of(
    batch: &mut Batch<'_>,
    utterance: &UtteranceRef,
) -> Result<Row, StoreError> {
    let id = utterance.id.as_str();
    let get = Table::Utterance.spec().get;
    let row = batch
        .one(Table::Utterance, get, vec![Value::from(id)])
        .await?
        .ok_or_else(|| Table::Utterance.broken(id, "the row is missing"))?;
    if row.mac != utterance.mac {
        return Err(row.broken("it is not the row its subject names: put back or moved"));
    }
    Ok(row)
}

async fn drop_all(batch: &mut Batch<'_>, utterances: &[UtteranceRef]) -> Result<u32, StoreError> {
    let mut dropped = 0;
    for utterance in utterances {
        let row = row_of(batch, utterance).await?;
        batch.delete(&row).await?;
        dropped += 1;
    }
    Ok(dropped)
}

/// Drops the enrollment on the way.
pub(super) async fn cancel(work: &mut Work<'_, '_>) -> Result<(), StoreError> {
    let enrollment = work.change()?.doc.enrollment.take();
    let enrollment = enrollment.ok_or(StoreError::NoEnrollment)?;
    work.applied.utterances_dropped += drop_all(work.batch, &enrollment.utterances).await?;
    Ok(())
}

/// Makes the pending utterances the voiceprint.
pub(super) async fn complete(
    work: &mut Work<'_, '_>,
    id: VoiceprintId,
    expires_at: Option<Timestamp>,
    authorization: Authorization,
    consent: &ConsentProof,
) -> Result<(), StoreError> {
    check_consent(work, consent)?;
    let at = work.at;
    let doc = &mut work.change()?.doc;
    let enrollment = doc.enrollment.take().ok_or(StoreError::NoEnrollment)?;
    let Some(first) = enrollment.utterances.first() else {
        return Err(StoreError::NoEnrollment);
    };
    if doc.voiceprint.is_some() && !enrollment.reenroll {
        return Err(StoreError::VoiceprintExists);
    }
    let voiceprint = VoiceprintDoc {
        id,
        extractor: first.extractor.clone(),
        created_at: at,
        expires_at,
        authorization,
        consent: consent.consent_id().clone(),
        utterances: enrollment.utterances,
    };
    if let Some(old) = doc.voiceprint.replace(voiceprint) {
        drop_all(work.batch, &old.utterances).await?;
    }
    Ok(())
}

/// Adds an accepted utterance to the voiceprint, in place of adapted ones.
pub(super) async fn adapt(
    work: &mut Work<'_, '_>,
    id: &VoiceprintId,
    utterance: NewUtterance,
    drop: &[UtteranceId],
    consent: &ConsentProof,
) -> Result<(), StoreError> {
    check_consent(work, consent)?;
    let tenant = std::sync::Arc::clone(&work.tenant);
    work.change()?;
    let (Some(subject), batch) = (&mut work.subject, &mut *work.batch) else {
        return Err(StoreError::Invalid("an effect on a subject names none"));
    };
    let print = subject.doc.voiceprint.take().filter(|v| v.id == *id);
    let mut print = print.ok_or(StoreError::NoVoiceprint)?;
    if utterance.extractor != print.extractor {
        let (pinned, found) = (print.extractor, utterance.extractor);
        return Err(StoreError::OtherExtractor { pinned, found });
    }
    let makes_way = |u: &UtteranceRef| u.origin == SampleOrigin::Adapted && drop.contains(&u.id);
    let (gone, kept): (Vec<_>, Vec<_>) = print.utterances.into_iter().partition(makes_way);
    if gone.len() != drop.len() {
        return Err(StoreError::Invalid("only an adapted utterance makes way for another"));
    }
    limit_utterances(kept.len() + 1)?;
    drop_all(batch, &gone).await?;
    let new = insert(batch, &tenant, subject, utterance, consent).await?;
    print.utterances = kept;
    print.utterances.push(UtteranceRef { origin: SampleOrigin::Adapted, ..new });
    subject.doc.voiceprint = Some(print);
    Ok(())
}

fn limit_utterances(got: usize) -> Result<(), StoreError> {
    let (what, limit) = ("utterances of an enrollment", MAX_UTTERANCES);
    if got > limit { Err(StoreError::Limit { what, limit, got }) } else { Ok(()) }
}

/// Deletes the voiceprint.
pub(super) async fn delete(work: &mut Work<'_, '_>, id: &VoiceprintId) -> Result<(), StoreError> {
    let doc = &mut work.change()?.doc;
    let found = doc.voiceprint.take_if(|v| v.id == *id);
    let voiceprint = found.ok_or(StoreError::NoVoiceprint)?;
    drop_all(work.batch, &voiceprint.utterances).await?;
    Ok(())
}

/// Changes when the voiceprint ends.
pub(super) fn set_expiry(
    work: &mut Work<'_, '_>,
    id: &VoiceprintId,
    expires_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    let voiceprint = work.change()?.doc.voiceprint.as_mut();
    let voiceprint = voiceprint.filter(|v| v.id == *id).ok_or(StoreError::NoVoiceprint)?;
    voiceprint.expires_at = expires_at;
    Ok(())
}
