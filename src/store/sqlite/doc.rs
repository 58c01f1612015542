//! What is inside the sealed columns.

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::keys::Handle;
use super::table::{Row, Table, Value};
use crate::behavior::Device;
use crate::crypto::{Entropy, SealKey};
use crate::domain::{
    AgeClassSetting, ArtifactRef, Authorization, Bandwidth, BehaviorProfileId, ConsentId,
    ConsentRecord, DecisionId, EnrollmentId, Quality, RedactionMode, Role, SubjectId,
    TenantCalibration, Timestamp, UtteranceId, VoiceprintId,
};
use crate::store::{Attempts, ErasureState, ProfileKind, SampleOrigin, StoreError, TextSlot};

/// `tenant.sealed`, under the tenant's key.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct TenantDoc {
    pub created_at: Timestamp,
    pub extractor: Option<ArtifactRef>,
    pub generation: u32,
    pub seed: SeedBytes,
    /// Absent while it is disabled, and in documents from before it existed.
    #[serde(default)]
    pub age_class: Option<AgeClassSetting>,
    /// The default in documents from before there was a choice.
    #[serde(default)]
    pub redaction: RedactionMode,
    /// Absent while it uses the one that ships.
    #[serde(default)]
    pub calibration: Option<TenantCalibration>,
}

/// Seed of the rotation; withheld from `Debug`.
#[derive(Clone, serde::Serialize, serde::Deserialize, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub(super) struct SeedBytes(pub [u8; 32]);

impl std::fmt::Debug for SeedBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeedBytes(withheld)")
    }
}

/// `api_key.sealed`, under the tenant's key.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct ApiKeyDoc {
    pub role: Role,
    pub label: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// Keyed hash of the secret.
    pub hash: [u8; 32],
}

/// `subject.sealed`, under the subject's key.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct SubjectDoc {
    pub id: SubjectId,
    pub created_at: Timestamp,
    pub opted_out: bool,
    pub consents: Vec<ConsentRecord>,
    pub enrollment: Option<EnrollmentDoc>,
    pub voiceprint: Option<VoiceprintDoc>,
    pub attempts: Attempts,
    /// Absent in documents from before there was behavior; so is the next.
    #[serde(default)]
    pub behavior: Vec<ProfileRef>,
    #[serde(default)]
    pub behavior_attempts: Attempts,
    /// Absent in documents from before there were numbers.
    #[serde(default)]
    pub numbers: Vec<NumberRef>,
}

/// Names a row of `phone_number` and its content.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct NumberRef {
    pub id: [u8; 32],
    pub mac: [u8; 32],
}

/// Names a row of `behavior_profile` and its content.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct ProfileRef {
    pub id: BehaviorProfileId,
    pub kind: ProfileKind,
    pub device: Option<Device>,
    pub text: Option<TextSlot>,
    pub mac: [u8; 32],
}

/// An enrollment on the way.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct EnrollmentDoc {
    pub id: EnrollmentId,
    pub started_at: Timestamp,
    pub reenroll: bool,
    pub utterances: Vec<UtteranceRef>,
}

/// A voiceprint.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct VoiceprintDoc {
    pub id: VoiceprintId,
    pub extractor: ArtifactRef,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub authorization: Authorization,
    pub consent: ConsentId,
    pub utterances: Vec<UtteranceRef>,
}

/// Names a row of `utterance` and its content: an older or another row does not fit.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct UtteranceRef {
    pub id: UtteranceId,
    pub extractor: ArtifactRef,
    pub mac: [u8; 32],
    /// Enrolled in documents from before voiceprints adapted.
    #[serde(default)]
    pub origin: SampleOrigin,
}

/// Head of `utterance.sealed`, under the subject's key; the rotated embedding follows, and after it, where
/// there is one, that of its telephone rendition, rotated alike.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct UtteranceDoc {
    pub captured_at: Timestamp,
    pub extractor: ArtifactRef,
    pub bandwidth: Bandwidth,
    pub net_speech_ms: u32,
    pub quality: Quality,
    pub authorization: Authorization,
    pub consent: ConsentId,
    /// Of the rotation.
    pub generation: u32,
    /// Whether the embedding of a telephone rendition follows; utterances from before there were any have
    /// none.
    #[serde(default)]
    pub telephone: bool,
}

impl UtteranceDoc {
    /// Embeddings that follow the head.
    pub fn embeddings(&self) -> usize {
        1 + usize::from(self.telephone)
    }
}

/// `erasure.sealed`, under the tenant's key.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct ErasureDoc {
    pub state: ErasureState,
    pub erased_at: Timestamp,
    pub rows_destroyed: u32,
    pub decision: DecisionId,
}

/// Document as bytes, zeroed after use.
pub(super) fn to_bytes<T: Serialize>(doc: &T) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    serde_json::to_vec(doc)
        .map(Zeroizing::new)
        .map_err(|_| StoreError::Invalid("a value cannot be written as JSON"))
}

/// Seals a document in its place.
pub(super) fn seal<T: Serialize>(
    doc: &T,
    key: &SealKey,
    (table, row, version): (Table, &[u8], u64),
    entropy: &dyn Entropy,
) -> Result<Value, StoreError> {
    let place = table.place(row, version);
    let sealed = key.seal(place.as_slice(), &to_bytes(doc)?, entropy);
    Ok(Value::Blob(sealed))
}

/// Opens sealed bytes of a row.
pub(super) fn open_bytes(
    row: &Row,
    column: usize,
    key: &SealKey,
    place: &[u8],
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let place = row.table.place(place, row.version);
    key.open(place.as_slice(), row.blob(column)?)
        .map_err(|_| row.broken("the sealed value does not open"))
}

/// Opens the document of a row.
pub(super) fn open<T: DeserializeOwned>(
    row: &Row,
    column: usize,
    key: &SealKey,
    place: &[u8],
) -> Result<T, StoreError> {
    let plain = open_bytes(row, column, key, place)?;
    serde_json::from_slice(&plain).map_err(|_| row.broken("the document cannot be read"))
}

/// Plain content of an utterance: length of the head (u32, little-endian), head, embeddings (f32).
pub(super) fn pack_utterance(
    doc: &UtteranceDoc,
    rotated: &[f32],
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let head = to_bytes(doc)?;
    serde_json::from_slice::<UtteranceDoc>(&head)
        .map_err(|_| StoreError::Invalid("the quality of an utterance is not a number"))?;
    let length =
        u32::try_from(head.len()).map_err(|_| StoreError::Invalid("an utterance is too long"))?;
    let mut plain = Zeroizing::new(Vec::with_capacity(4 + head.len() + 4 * rotated.len()));
    plain.extend_from_slice(&length.to_le_bytes());
    plain.extend_from_slice(&head);
    for value in rotated {
        plain.extend_from_slice(&value.to_le_bytes());
    }
    Ok(plain)
}

/// Reads what [`pack_utterance`] made: the head, and as many embeddings of one length as it says.
pub(super) fn unpack_utterance(plain: &[u8]) -> Option<(UtteranceDoc, Zeroizing<Vec<f32>>)> {
    let (length, rest) = plain.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (head, values) = rest.split_at_checked(length)?;
    let doc: UtteranceDoc = serde_json::from_slice(head).ok()?;
    let (chunks, tail) = values.as_chunks::<4>();
    let values = chunks.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let whole = tail.is_empty() && chunks.len().is_multiple_of(doc.embeddings());
    whole.then(|| (doc, Zeroizing::new(values.collect())))
}

/// Turns each embedding of an utterance; `None` where one is not of the rotation's length.
pub(super) fn each_embedding(
    doc: &UtteranceDoc,
    values: &[f32],
    turn: impl Fn(&[f32]) -> Option<Vec<f32>>,
) -> Option<Zeroizing<Vec<f32>>> {
    let mut turned = Zeroizing::new(Vec::with_capacity(values.len()));
    for embedding in values.chunks(utterance_dim(doc, values).max(1)) {
        turned.extend_from_slice(&Zeroizing::new(turn(embedding)?));
    }
    Some(turned)
}

/// Values of one embedding of an utterance.
pub(super) fn utterance_dim(doc: &UtteranceDoc, values: &[f32]) -> usize {
    values.len() / doc.embeddings()
}

/// A subject's row, opened.
#[derive(Debug)]
pub(super) struct OpenSubject {
    pub row: Row,
    pub handle: Handle,
    pub key: SealKey,
    pub doc: SubjectDoc,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::tests::fixture;

    #[test]
    fn a_tenant_from_before_the_age_class_has_it_off() {
        let old = r#"{"created_at":1,"extractor":null,"generation":1,"seed":SEED}"#
            .replace("SEED", &format!("{:?}", [7; 32]));
        let doc: TenantDoc = serde_json::from_str(&old).unwrap();
        assert!(doc.age_class.is_none());
    }

    fn utterance(telephone: bool) -> UtteranceDoc {
        let quality = fixture::quality();
        UtteranceDoc {
            captured_at: Timestamp::from_unix_ms(1),
            extractor: ArtifactRef::new("m", 1),
            bandwidth: Bandwidth::Wide,
            net_speech_ms: 8_000,
            quality,
            authorization: fixture::authorization(),
            consent: ConsentId::parse("c1").unwrap(),
            generation: 1,
            telephone,
        }
    }

    #[test]
    fn an_utterance_from_before_there_were_renditions_has_none() {
        let mut old = serde_json::to_value(utterance(true)).unwrap();
        old.as_object_mut().unwrap().remove("telephone").unwrap();
        let head = serde_json::to_vec(&old).unwrap();
        let mut plain = u32::try_from(head.len()).unwrap().to_le_bytes().to_vec();
        plain.extend_from_slice(&head);
        plain.extend([1f32, 2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()));
        let (doc, values) = unpack_utterance(&plain).unwrap();
        assert!(!doc.telephone);
        assert_eq!((utterance_dim(&doc, &values), values.as_slice()), (3, &[1f32, 2.0, 3.0][..]));
    }

    #[test]
    fn a_rendition_follows_the_embedding_and_is_turned_alone() {
        let values = [1f32, 2.0, 3.0, 4.0];
        let plain = pack_utterance(&utterance(true), &values).unwrap();
        let (doc, read) = unpack_utterance(&plain).unwrap();
        assert_eq!((utterance_dim(&doc, &read), read.as_slice()), (2, &values[..]));
        let swap = |e: &[f32]| <[f32; 2]>::try_from(e).ok().map(|[a, b]| vec![b, a]);
        let turned = each_embedding(&doc, &read, swap).unwrap();
        assert_eq!(turned.as_slice(), [2.0, 1.0, 4.0, 3.0]);
        assert!(each_embedding(&utterance(false), &read, swap).is_none(), "another length");
        // An odd number of values cannot be two embeddings.
        assert!(unpack_utterance(&plain[..plain.len() - 4]).is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_an_utterance_or_none(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)
        ) {
            assert!(unpack_utterance(&bytes).is_none());
        }
    }
}
