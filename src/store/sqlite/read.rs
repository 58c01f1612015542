//! Readers of subjects. What looks wrong at first sight may be a commit under way, so it is read again
//! with commits held off; what is wrong then is refused.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::batch;
use super::behavior_profiles;
use super::doc::{
    self, OpenSubject, SubjectDoc, UtteranceRef, each_embedding, unpack_utterance, utterance_dim,
};
use super::effects::open_subject;
use super::enrollment::place;
use super::errors;
use super::keys::Handle;
use super::phone_numbers;
use super::shared::{Shared, Tenant, short};
use super::table::{Row, Table, Value, select};
use crate::domain::{SubjectId, TenantId, Timestamp};
use crate::store::{
    Embedding, EnrolledUtterance, MAX_PAGE_SIZE, Page, PageRequest, PendingEnrollment,
    SampleOrigin, StoreError, StoredVoiceprint, SubjectSnapshot, SubjectSummary, Voiceprint,
};

/// Reads, and where the answer may come from a commit under way once more between commits.
pub(super) async fn settled<T, F>(shared: &Shared, read: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    match read().await {
        Err(StoreError::Integrity { .. }) => {}
        answer => return answer,
    }
    let _gate = shared.gate.read().await;
    read().await
}

/// Everything about one subject.
pub(super) async fn subject(
    shared: &Shared,
    tenant: &TenantId,
    id: &SubjectId,
) -> Result<Option<SubjectSnapshot>, StoreError> {
    settled(shared, || subject_once(shared, tenant, id)).await
}

async fn subject_once(
    shared: &Shared,
    tenant: &TenantId,
    id: &SubjectId,
) -> Result<Option<SubjectSnapshot>, StoreError> {
    let tenant = shared.tenant(tenant)?;
    let mut tx = shared.pool.begin().await.map_err(errors::sql)?;
    let found = find(&mut tx, shared, &tenant, id).await?;
    let snapshot = match found {
        None => None,
        Some(subject) => Some(snapshot(&mut tx, shared, &tenant, subject).await?),
    };
    tx.commit().await.map_err(errors::sql)?;
    Ok(snapshot)
}

/// The handle of the subject that a list is filtered by, if it is. `None` for a subject that nobody is: nothing is about
/// them.
pub(super) async fn filtered(
    conn: &mut SqliteConnection,
    shared: &Shared,
    tenant: &Tenant,
    subject: Option<&SubjectId>,
) -> Result<Option<Option<Handle>>, StoreError> {
    let Some(subject) = subject else { return Ok(Some(None)) };
    Ok(find(conn, shared, tenant, subject).await?.map(|found| Some(found.handle)))
}

/// What lists of a tenant bind first: tenant, position, subject, from, until.
pub(super) fn list_binds(
    tenant: &Tenant,
    before: i64,
    handle: Option<Handle>,
    times: [Option<Timestamp>; 2],
) -> Vec<Value> {
    let mut binds = vec![
        Value::from(tenant.id.as_str()),
        Value::Int(before),
        handle.map_or(Value::Null, |handle| Value::Blob(handle.to_vec())),
    ];
    let time = |at: Option<Timestamp>| at.map_or(Value::Null, |at| Value::Int(at.unix_ms()));
    binds.extend(times.map(time));
    binds
}

/// A subject by its id, if it is at the version last committed.
pub(super) async fn find(
    conn: &mut SqliteConnection,
    shared: &Shared,
    tenant: &Tenant,
    id: &SubjectId,
) -> Result<Option<OpenSubject>, StoreError> {
    let lookup = tenant.lookup(id);
    let sql = select!(subject "WHERE lookup = ?");
    let binds = vec![Value::Blob(lookup.to_vec())];
    let row = batch::one(conn, shared, Table::Subject, sql, binds).await?;
    match (row, shared.version(&short(&lookup))) {
        (None, None) => Ok(None),
        (None, Some(_)) => {
            Err(Table::Subject.broken(hex::encode(&lookup[..8]), "the row is missing"))
        }
        (Some(row), _) => current(shared, tenant, row).map(Some),
    }
}

/// A subject's row, opened, if it is at the version last committed.
pub(super) fn current(
    shared: &Shared,
    tenant: &Tenant,
    row: Row,
) -> Result<OpenSubject, StoreError> {
    let version = shared.version(&short(&row.array(3)?));
    current_at(version, tenant, row)
}

/// A subject's row, opened, if it is at this version.
pub(super) fn current_at(
    version: Option<u64>,
    tenant: &Tenant,
    row: Row,
) -> Result<OpenSubject, StoreError> {
    if version != Some(row.version) {
        return Err(row.broken("it is not at the version last committed: put back"));
    }
    open_subject(tenant, row)
}

async fn snapshot(
    conn: &mut SqliteConnection,
    shared: &Shared,
    tenant: &Tenant,
    subject: OpenSubject,
) -> Result<SubjectSnapshot, StoreError> {
    let mut utterances = Utterances::read(conn, shared, tenant, &subject).await?;
    let version = subject.row.version;
    let doc = &subject.doc;
    let enrollment = match &doc.enrollment {
        None => None,
        Some(enrollment) => Some(PendingEnrollment {
            id: enrollment.id.clone(),
            started_at: enrollment.started_at,
            reenroll: enrollment.reenroll,
            utterances: utterances.take(&enrollment.utterances)?,
        }),
    };
    let voiceprint = voiceprint(doc, &mut utterances)?;
    let SubjectDoc { id, created_at, opted_out, consents, attempts, behavior, numbers, .. } =
        subject.doc;
    Ok(SubjectSnapshot {
        id,
        version,
        created_at,
        opted_out,
        consents,
        enrollment,
        voiceprint,
        attempts,
        behavior_profiles: behavior_profiles::count(&behavior),
        phone_numbers: phone_numbers::count(&numbers),
    })
}

fn voiceprint(
    doc: &SubjectDoc,
    utterances: &mut Utterances,
) -> Result<Option<Voiceprint>, StoreError> {
    let Some(voiceprint) = &doc.voiceprint else {
        return Ok(None);
    };
    Ok(Some(Voiceprint {
        id: voiceprint.id.clone(),
        extractor: voiceprint.extractor.clone(),
        created_at: voiceprint.created_at,
        expires_at: voiceprint.expires_at,
        authorization: voiceprint.authorization.clone(),
        consent: voiceprint.consent.clone(),
        utterances: utterances.take(&voiceprint.utterances)?,
    }))
}

/// A subject's utterances, opened, by id.
struct Utterances(HashMap<String, ([u8; 32], EnrolledUtterance)>);

impl Utterances {
    async fn read(
        conn: &mut SqliteConnection,
        shared: &Shared,
        tenant: &Tenant,
        subject: &OpenSubject,
    ) -> Result<Self, StoreError> {
        let sql = select!(utterance "WHERE subject = ?");
        let binds = vec![Value::Blob(subject.handle.to_vec())];
        let rows = batch::all(conn, shared, Table::Utterance, sql, binds).await?;
        let mut opened = HashMap::with_capacity(rows.len());
        for row in rows {
            let utterance = open_utterance(tenant, subject, &row)?;
            opened.insert(row.text(0)?.to_owned(), (row.mac, utterance));
        }
        Ok(Self(opened))
    }

    /// The utterances a subject's document names; none is missing and none is another version.
    fn take(&mut self, names: &[UtteranceRef]) -> Result<Vec<EnrolledUtterance>, StoreError> {
        let one = |name: &UtteranceRef| {
            let id = name.id.as_str();
            let found = self.0.remove(id);
            let (mac, mut utterance) =
                found.ok_or_else(|| Table::Utterance.broken(id, "the row is missing"))?;
            if mac != name.mac {
                let problem = "it is not the row its subject names: put back or moved";
                return Err(Table::Utterance.broken(id, problem));
            }
            utterance.origin = name.origin;
            Ok(utterance)
        };
        names.iter().map(one).collect()
    }
}

fn open_utterance(
    tenant: &Tenant,
    subject: &OpenSubject,
    row: &Row,
) -> Result<EnrolledUtterance, StoreError> {
    let id = row.text(0)?;
    let plain = doc::open_bytes(row, 2, &subject.key, &place(subject, id))?;
    let unreadable = || row.broken("the utterance cannot be read");
    let (head, rotated) = unpack_utterance(&plain).ok_or_else(unreadable)?;
    if head.generation != tenant.doc.generation {
        return Err(row.broken("the utterance is of another rotation"));
    }
    let dim = utterance_dim(&head, &rotated);
    let rotation = tenant.rotation(dim)?;
    let raw = each_embedding(&head, &rotated, |e| rotation.invert(e)).ok_or_else(unreadable)?;
    let (embedding, rendition) = raw.split_at_checked(dim).ok_or_else(unreadable)?;
    Ok(EnrolledUtterance {
        id: crate::domain::UtteranceId::parse(id).map_err(|_| unreadable())?,
        captured_at: head.captured_at,
        embedding: Embedding::new(embedding.to_vec()),
        telephone: head.telephone.then(|| Embedding::new(rendition.to_vec())),
        extractor: head.extractor,
        bandwidth: head.bandwidth,
        net_speech_ms: head.net_speech_ms,
        quality: head.quality,
        authorization: head.authorization,
        consent: head.consent,
        origin: SampleOrigin::Enrolled,
    })
}

/// Subjects in order of creation.
pub(super) async fn subjects(
    shared: &Shared,
    tenant: &TenantId,
    page: &PageRequest,
) -> Result<Page<SubjectSummary>, StoreError> {
    settled(shared, || subjects_once(shared, tenant, page)).await
}

async fn subjects_once(
    shared: &Shared,
    tenant: &TenantId,
    page: &PageRequest,
) -> Result<Page<SubjectSummary>, StoreError> {
    let tenant = shared.tenant(tenant)?;
    let mut tx = shared.pool.begin().await.map_err(errors::sql)?;
    let (subjects, next) = subject_page(&mut tx, shared, &tenant, page).await?;
    tx.commit().await.map_err(errors::sql)?;
    let items = subjects
        .into_iter()
        .map(|OpenSubject { row, doc, .. }| SubjectSummary {
            id: doc.id,
            version: row.version,
            created_at: doc.created_at,
            opted_out: doc.opted_out,
            consents: doc.consents,
            enrolled: doc.voiceprint.is_some(),
            behavior_profiles: behavior_profiles::count(&doc.behavior),
            phone_numbers: phone_numbers::count(&doc.numbers),
        })
        .collect();
    Ok(Page { items, next })
}

/// Voiceprints in order of their subjects' creation.
pub(super) async fn voiceprints(
    shared: &Shared,
    tenant: &TenantId,
    page: &PageRequest,
) -> Result<Page<StoredVoiceprint>, StoreError> {
    settled(shared, || voiceprints_once(shared, tenant, page)).await
}

async fn voiceprints_once(
    shared: &Shared,
    tenant: &TenantId,
    page: &PageRequest,
) -> Result<Page<StoredVoiceprint>, StoreError> {
    let tenant = shared.tenant(tenant)?;
    let mut tx = shared.pool.begin().await.map_err(errors::sql)?;
    let (subjects, next) = subject_page(&mut tx, shared, &tenant, page).await?;
    let mut items = Vec::new();
    for subject in subjects.into_iter().filter(|s| s.doc.voiceprint.is_some()) {
        let mut utterances = Utterances::read(&mut tx, shared, &tenant, &subject).await?;
        if let Some(voiceprint) = voiceprint(&subject.doc, &mut utterances)? {
            items.push(StoredVoiceprint {
                subject: subject.doc.id,
                subject_version: subject.row.version,
                opted_out: subject.doc.opted_out,
                consents: subject.doc.consents,
                voiceprint,
            });
        }
    }
    tx.commit().await.map_err(errors::sql)?;
    Ok(Page { items, next })
}

async fn subject_page(
    conn: &mut SqliteConnection,
    shared: &Shared,
    tenant: &Tenant,
    page: &PageRequest,
) -> Result<(Vec<OpenSubject>, Option<String>), StoreError> {
    let (after, size) = position(page, 0)?;
    let sql = select!(subject "WHERE tenant = ? AND n > ? ORDER BY n LIMIT ?");
    let binds = vec![Value::from(tenant.id.as_str()), Value::Int(after), Value::Int(size)];
    let rows = batch::all(conn, shared, Table::Subject, sql, binds).await?;
    let next = next_token(&rows, size)?;
    let subjects =
        rows.into_iter().map(|row| current(shared, tenant, row)).collect::<Result<_, _>>()?;
    Ok((subjects, next))
}

/// Where a page starts (`first` for the first one) and how many rows it has.
pub(super) fn position(page: &PageRequest, first: i64) -> Result<(i64, i64), StoreError> {
    let start = match &page.token {
        None => first,
        Some(token) => {
            token.parse::<i64>().ok().filter(|n| *n >= 0).ok_or(StoreError::BadPageToken)?
        }
    };
    Ok((start, i64::from(page.size.clamp(1, MAX_PAGE_SIZE))))
}

/// Token of the page after full ones.
pub(super) fn next_token(rows: &[Row], size: i64) -> Result<Option<String>, StoreError> {
    let full = i64::try_from(rows.len()).is_ok_and(|n| n == size);
    match rows.last().filter(|_| full) {
        Some(row) => Ok(Some(row.int(0)?.to_string())),
        None => Ok(None),
    }
}
