//! Profiles of behavior and style: writing, deleting and reading them.
//!
//! A profile is one sealed value: length of the head (u32, little-endian), head as JSON, then the features
//! and the fingerprint of each sample, then the fingerprints seen, as the head says. It is sealed under
//! the subject's key in its row, and the subject's document names the row with its MAC, so that an old
//! row put back is refused like an old utterance.

use sqlx::SqliteConnection;
use zeroize::Zeroizing;

use super::batch::Batch;
use super::doc::{self, OpenSubject, ProfileRef};
use super::enrollment::check_consent;
use super::errors;
use super::read::{find, settled};
use super::shared::{Shared, Tenant};
use super::table::{Row, Table, Value, select};
use super::work::Work;
use crate::behavior::Device;
use crate::crypto::Encoder;
use crate::domain::{
    ArtifactRef, Authorization, BehaviorProfileId, ConsentId, ConsentProof, SubjectId, TenantId,
    Timestamp,
};
use crate::store::{
    BehaviorProfile, BehaviorSample, BehaviorSnapshot, ProfileKey, ProfileKind, SampleOrigin,
    SecretBytes, StoreError, TextSlot,
};

/// Most profiles of one subject, incomplete ones included.
const MAX_PROFILES: usize = 64;
/// Most samples of one profile.
const MAX_SAMPLES: usize = 1_024;
/// Most fingerprints of captures seen, beside those of the samples.
const MAX_SEEN: usize = 1_024;
/// Most bytes of one profile before it is sealed.
const MAX_BYTES: usize = 4 << 20;

/// Head of `behavior_profile.sealed`.
#[derive(serde::Serialize, serde::Deserialize)]
struct ProfileDoc {
    kind: ProfileKind,
    device: Option<Device>,
    text: Option<TextSlot>,
    background: ArtifactRef,
    created_at: Timestamp,
    completed_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    authorization: Authorization,
    consent: ConsentId,
    samples: Vec<SampleDoc>,
    /// Bytes of each fingerprint.
    seen: Vec<u32>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct SampleDoc {
    captured_at: Timestamp,
    origin: SampleOrigin,
    authorization: Authorization,
    units: u32,
    /// Bytes of each.
    features: u32,
    fingerprint: u32,
}

/// How many profiles a subject's document names.
pub(super) fn count(profiles: &[ProfileRef]) -> u32 {
    u32::try_from(profiles.len()).unwrap_or(u32::MAX)
}

/// The digest that names a text of a subject.
fn slot(tenant: &Tenant, subject: &SubjectId, text_id: &str) -> TextSlot {
    let name = Encoder::new("vouch.behavior-text.v1").text(subject.as_str()).text(text_id);
    let mac = tenant.keys.text.mac(name.as_slice());
    let mut half = [0; 16];
    half.copy_from_slice(&mac[..16]);
    TextSlot(half)
}

/// Associated data names the subject as well as the profile.
fn place(subject: &OpenSubject, id: &str) -> Vec<u8> {
    [&subject.handle[..], id.as_bytes()].concat()
}

/// Puts a profile, new or in place of the one with its id.
pub(super) async fn put(
    work: &mut Work<'_, '_>,
    profile: BehaviorProfile,
    consent: &ConsentProof,
) -> Result<(), StoreError> {
    if consent.purpose() != profile.kind.purpose() {
        return Err(StoreError::Invalid("a profile needs a consent for what it is about"));
    }
    check_consent(work, consent)?;
    let plain = pack(&profile)?;
    work.change()?;
    let (Some(subject), batch) = (&mut work.subject, &mut *work.batch) else {
        return Err(StoreError::Invalid("an effect on a subject names none"));
    };
    let id = profile.id.as_str();
    let known = subject.doc.behavior.iter().position(|p| p.id == profile.id);
    let row = match known {
        Some(at) => {
            let old = row_of(batch, &subject.doc.behavior[at]).await?;
            let mut values = old.values.clone();
            values[2] = seal(batch, subject, id, old.version + 1, &plain);
            batch.update(&old, values).await?
        }
        None => {
            let held = subject.doc.behavior.len();
            limit("behavior profiles of a subject", MAX_PROFILES, held + 1)?;
            let handle = Value::Blob(subject.handle.to_vec());
            let sealed = seal(batch, subject, id, 1, &plain);
            batch.insert(Table::BehaviorProfile, vec![Value::from(id), handle, sealed]).await?
        }
    };
    let BehaviorProfile { id, kind, device, text, .. } = profile;
    let named = ProfileRef { id, kind, device, text, mac: row.mac };
    match known {
        Some(at) => subject.doc.behavior[at] = named,
        None => subject.doc.behavior.push(named),
    }
    Ok(())
}

/// Deletes a profile.
pub(super) async fn delete(
    work: &mut Work<'_, '_>,
    id: &BehaviorProfileId,
) -> Result<(), StoreError> {
    let profiles = &mut work.change()?.doc.behavior;
    let at = profiles.iter().position(|p| p.id == *id).ok_or(StoreError::NoBehaviorProfile)?;
    let named = profiles.remove(at);
    let row = row_of(work.batch, &named).await?;
    work.batch.delete(&row).await
}

fn limit(what: &'static str, limit: usize, got: usize) -> Result<(), StoreError> {
    if got > limit { Err(StoreError::Limit { what, limit, got }) } else { Ok(()) }
}

fn seal(batch: &Batch<'_>, subject: &OpenSubject, id: &str, version: u64, plain: &[u8]) -> Value {
    let place = Table::BehaviorProfile.place(&place(subject, id), version);
    Value::Blob(subject.key.seal(place.as_slice(), plain, &*batch.shared.entropy))
}

/// The row a subject's document means.
async fn row_of(batch: &mut Batch<'_>, named: &ProfileRef) -> Result<Row, StoreError> {
    let get = Table::BehaviorProfile.spec().get;
    let row = batch.one(Table::BehaviorProfile, get, vec![Value::from(named.id.as_str())]).await?;
    genuine(row, named)
}

fn genuine(row: Option<Row>, named: &ProfileRef) -> Result<Row, StoreError> {
    let missing = || Table::BehaviorProfile.broken(named.id.as_str(), "the row is missing");
    let row = row.ok_or_else(missing)?;
    if row.mac != named.mac {
        return Err(row.broken("it is not the row its subject names: put back or moved"));
    }
    Ok(row)
}

/// A subject with its profiles, all or those for a key.
pub(super) async fn read(
    shared: &Shared,
    tenant: &TenantId,
    subject: &SubjectId,
    key: Option<&ProfileKey>,
) -> Result<Option<BehaviorSnapshot>, StoreError> {
    settled(shared, || read_once(shared, tenant, subject, key)).await
}

async fn read_once(
    shared: &Shared,
    tenant: &TenantId,
    id: &SubjectId,
    key: Option<&ProfileKey>,
) -> Result<Option<BehaviorSnapshot>, StoreError> {
    let tenant = shared.tenant(tenant)?;
    let mut tx = shared.pool.begin().await.map_err(errors::sql)?;
    let found = match find(&mut tx, shared, &tenant, id).await? {
        None => None,
        Some(subject) => Some(snapshot(&mut tx, shared, &tenant, subject, key).await?),
    };
    tx.commit().await.map_err(errors::sql)?;
    Ok(found)
}

async fn snapshot(
    conn: &mut SqliteConnection,
    shared: &Shared,
    tenant: &Tenant,
    subject: OpenSubject,
    key: Option<&ProfileKey>,
) -> Result<BehaviorSnapshot, StoreError> {
    let text_id = key.and_then(|key| key.text_id.as_deref());
    let text = text_id.map(|text_id| slot(tenant, &subject.doc.id, text_id));
    let wanted = |p: &&ProfileRef| {
        key.is_none_or(|k| p.kind == k.kind && p.device == k.device && p.text == text)
    };
    let mut profiles = Vec::new();
    for named in subject.doc.behavior.iter().filter(wanted) {
        let binds = vec![Value::from(named.id.as_str())];
        let sql = select!(behavior_profile "WHERE id = ?");
        let row = super::batch::one(conn, shared, Table::BehaviorProfile, sql, binds).await?;
        profiles.push(open(&subject, &genuine(row, named)?)?);
    }
    Ok(BehaviorSnapshot {
        version: subject.row.version,
        subject: subject.doc.id,
        opted_out: subject.doc.opted_out,
        consents: subject.doc.consents,
        attempts: subject.doc.behavior_attempts,
        text,
        profiles,
    })
}

fn open(subject: &OpenSubject, row: &Row) -> Result<BehaviorProfile, StoreError> {
    let id = row.text(0)?;
    let plain = doc::open_bytes(row, 2, &subject.key, &place(subject, id))?;
    let unreadable = || row.broken("the profile cannot be read");
    let id = BehaviorProfileId::parse(id).map_err(|_| unreadable())?;
    unpack(id, &plain).ok_or_else(unreadable)
}

fn pack(profile: &BehaviorProfile) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    limit("samples of a behavior profile", MAX_SAMPLES, profile.samples.len())?;
    limit("captures seen of a behavior profile", MAX_SEEN, profile.seen.len())?;
    let parts = || {
        let samples = profile.samples.iter().flat_map(|s| [&s.features, &s.fingerprint]);
        samples.chain(&profile.seen).map(SecretBytes::as_slice)
    };
    limit("bytes of a behavior profile", MAX_BYTES, parts().map(<[u8]>::len).sum())?;
    let length = |bytes: &SecretBytes| {
        u32::try_from(bytes.as_slice().len())
            .map_err(|_| StoreError::Invalid("a sample is too long"))
    };
    let sample = |s: &BehaviorSample| -> Result<SampleDoc, StoreError> {
        Ok(SampleDoc {
            captured_at: s.captured_at,
            origin: s.origin,
            authorization: s.authorization.clone(),
            units: s.units,
            features: length(&s.features)?,
            fingerprint: length(&s.fingerprint)?,
        })
    };
    let head = doc::to_bytes(&ProfileDoc {
        kind: profile.kind,
        device: profile.device,
        text: profile.text,
        background: profile.background.clone(),
        created_at: profile.created_at,
        completed_at: profile.completed_at,
        expires_at: profile.expires_at,
        authorization: profile.authorization.clone(),
        consent: profile.consent.clone(),
        samples: profile.samples.iter().map(sample).collect::<Result<_, _>>()?,
        seen: profile.seen.iter().map(length).collect::<Result<_, _>>()?,
    })?;
    let head_length =
        u32::try_from(head.len()).map_err(|_| StoreError::Invalid("a profile is too long"))?;
    let total = 4 + head.len() + parts().map(<[u8]>::len).sum::<usize>();
    let mut plain = Zeroizing::new(Vec::with_capacity(total));
    plain.extend_from_slice(&head_length.to_le_bytes());
    plain.extend_from_slice(&head);
    parts().for_each(|bytes| plain.extend_from_slice(bytes));
    Ok(plain)
}

fn unpack(id: BehaviorProfileId, plain: &[u8]) -> Option<BehaviorProfile> {
    let (length, rest) = plain.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (head, mut rest) = rest.split_at_checked(length)?;
    let head: ProfileDoc = serde_json::from_slice(head).ok()?;
    let mut take = |length: u32| {
        let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        rest = after;
        Some(SecretBytes::new(bytes.to_vec()))
    };
    let mut samples = Vec::with_capacity(head.samples.len());
    for sample in head.samples {
        samples.push(BehaviorSample {
            captured_at: sample.captured_at,
            origin: sample.origin,
            authorization: sample.authorization,
            units: sample.units,
            features: take(sample.features)?,
            fingerprint: take(sample.fingerprint)?,
        });
    }
    let seen = head.seen.into_iter().map(take).collect::<Option<Vec<_>>>()?;
    rest.is_empty().then_some(BehaviorProfile {
        id,
        kind: head.kind,
        device: head.device,
        text: head.text,
        background: head.background,
        created_at: head.created_at,
        completed_at: head.completed_at,
        expires_at: head.expires_at,
        authorization: head.authorization,
        consent: head.consent,
        samples,
        seen,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::behavior::SampleKind;

    fn bytes(seed: u8, length: usize) -> SecretBytes {
        SecretBytes::new((0..length).map(|i| seed.wrapping_add(i as u8)).collect())
    }

    /// A profile with two samples and two captures seen.
    pub fn profile(id: &str, kind: SampleKind, text: Option<TextSlot>) -> BehaviorProfile {
        let authorization = Authorization { agent: "agent-7".into(), factor: "otp".into() };
        let sample = |n: u8, origin| BehaviorSample {
            captured_at: Timestamp::from_unix_ms(1_000 + i64::from(n)),
            origin,
            authorization: authorization.clone(),
            units: 10,
            features: bytes(n, 40),
            fingerprint: bytes(n ^ 0xff, 12),
        };
        BehaviorProfile {
            id: BehaviorProfileId::parse(id).unwrap(),
            kind: kind.into(),
            device: Some(Device::Desktop),
            text,
            background: ArtifactRef::new("keystroke", 1),
            created_at: Timestamp::from_unix_ms(1_000),
            completed_at: None,
            expires_at: Some(Timestamp::from_unix_ms(9_000)),
            authorization: authorization.clone(),
            consent: ConsentId::parse("c1").unwrap(),
            samples: vec![sample(1, SampleOrigin::Enrolled), sample(2, SampleOrigin::Adapted)],
            seen: vec![bytes(9, 7), bytes(3, 0)],
        }
    }

    #[test]
    fn a_profile_is_read_back() {
        let before = profile("p1", SampleKind::FixedText, Some(TextSlot([7; 16])));
        let plain = pack(&before).unwrap();
        assert_eq!(unpack(before.id.clone(), &plain).as_ref(), Some(&before));
        for end in 0..plain.len() {
            assert!(unpack(before.id.clone(), &plain[..end]).is_none(), "{end}");
        }
    }

    #[test]
    fn limits_are_held() {
        let mut many = profile("p1", SampleKind::Touch, None);
        let one = many.samples[0].clone();
        many.samples = vec![one; MAX_SAMPLES + 1];
        let refused = StoreError::Limit {
            what: "samples of a behavior profile",
            limit: MAX_SAMPLES,
            got: MAX_SAMPLES + 1,
        };
        assert_eq!(pack(&many).unwrap_err(), refused);
        let mut large = profile("p1", SampleKind::Touch, None);
        large.samples[0].features = bytes(0, MAX_BYTES + 1);
        assert!(matches!(pack(&large), Err(StoreError::Limit { limit: MAX_BYTES, .. })));
    }

    #[test]
    fn nothing_of_it_is_shown() {
        let shown = format!("{:?}", profile("p1", SampleKind::FixedText, Some(TextSlot([7; 16]))));
        assert!(shown.contains("SecretBytes([40])") && shown.contains("TextSlot(withheld)"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_profile_or_none(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)
        ) {
            let id = BehaviorProfileId::parse("p").unwrap();
            assert!(unpack(id, &bytes).is_none());
        }
    }
}
