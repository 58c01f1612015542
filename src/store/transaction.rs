//! What writers give.

use crate::crypto::{MasterKey, MintedKey};
use crate::domain::{
    AgeClassSetting, ApiKeyId, ArtifactRef, Authorization, Bandwidth, BehaviorProfileId,
    ConsentProof, ConsentRecord, DecisionId, DurationMs, EnrollmentId, Event, Feedback,
    PhoneNumber, Purpose, Quality, ReceiptId, RedactionMode, Role, Source, SubjectId,
    TenantCalibration, TenantId, Timestamp, UtteranceId, VoiceprintId,
};
use crate::policy::session::PolicyAct;
use crate::policy::{Outcome as AttemptOutcome, SourceRules};
use crate::store::{Attempts, BehaviorProfile, Embedding, Erasure};

/// One atomic change: all of it happens, with its audit record, or nothing.
pub struct Transaction {
    /// Whose data.
    pub tenant: TenantId,
    /// Remember the answer for a repeated request.
    pub idempotency: Option<Idempotency>,
    /// The subject the effects are about; needed by effects on a subject.
    pub subject: Option<SubjectTarget>,
    /// What changes, in order. May be empty: a decision alone.
    pub effects: Vec<Effect>,
    /// The record of it.
    pub audit: AuditDraft,
}

/// The subject of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectTarget {
    /// Its id.
    pub id: SubjectId,
    /// The version it was read at; `None` takes any.
    pub expected_version: Option<u64>,
}

/// Names a request so that its repetition is recognized. The text of the key is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// RPC, e.g. `vouch.v1.VerificationService/Verify`.
    pub method: &'static str,
    /// What the client sent.
    pub key: String,
    /// SHA-256 of the request without the key.
    pub body_hash: [u8; 32],
}

/// A request to remember.
pub struct Idempotency {
    /// Its name.
    pub key: IdempotencyKey,
    /// The answer.
    pub response: Response,
    /// How long, in milliseconds from the audit record's time.
    pub lifetime_ms: DurationMs,
}

/// Makes an answer from what the commit found.
pub type BuildResponse = Box<dyn FnOnce(&Applied) -> Vec<u8> + Send>;

/// The answer to remember, at most [`Response::MAX_BYTES`].
pub enum Response {
    /// Known before the commit.
    Bytes(Vec<u8>),
    /// Made from what the commit found (counts, sequence). Must be quick: it runs in the writer.
    Build(BuildResponse),
}

impl Response {
    /// Longest answer, in bytes.
    pub const MAX_BYTES: usize = 256 * 1024;
}

impl From<Vec<u8>> for Response {
    fn from(bytes: Vec<u8>) -> Self {
        Response::Bytes(bytes)
    }
}

/// An audit record without its place in the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditDraft {
    /// Its id, made by the caller, so that the answer can name it.
    pub decision: DecisionId,
    /// When it was decided; also the time of every effect.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// An utterance to keep.
#[derive(Debug, Clone, PartialEq)]
pub struct NewUtterance {
    /// Its id.
    pub id: UtteranceId,
    /// When it was recorded.
    pub captured_at: Timestamp,
    /// Raw embedding.
    pub embedding: Embedding,
    /// Of a wide-band utterance, the raw embedding of what a simulated telephone line brought of it;
    /// nothing of other ones and of those from before there were any.
    pub telephone: Option<Embedding>,
    /// Extractor that made it. The tenant's first one pins the tenant's extractor.
    pub extractor: ArtifactRef,
    /// Measured bandwidth.
    pub bandwidth: Bandwidth,
    /// Net speech in milliseconds.
    pub net_speech_ms: u32,
    /// What the recording was worth.
    pub quality: Quality,
    /// Who authorized it.
    pub authorization: Authorization,
}

/// One change.
#[derive(Debug)]
pub enum Effect {
    /// Creates the transaction's tenant, with fresh keys.
    CreateTenant,
    /// Stores a new API key of the tenant.
    PutApiKey {
        /// Id and secret; only a keyed hash of the secret is stored.
        key: MintedKey,
        /// Its role.
        role: Role,
        /// What people call it, at most 64 bytes.
        label: String,
        /// When it ends, if it does.
        expires_at: Option<Timestamp>,
    },
    /// Ends an API key at once.
    RevokeApiKey {
        /// Which.
        key: ApiKeyId,
    },
    /// Creates the transaction's subject, with a fresh key.
    CreateSubject,
    /// Adds a consent record.
    PutConsent(ConsentRecord),
    /// Ends every consent for a purpose that has not ended yet ([`Applied::withdrawn`]).
    WithdrawConsents(Purpose),
    /// Opts the subject out of biometric processing, or back in.
    SetOptOut(bool),
    /// Keeps an utterance, beginning the enrollment when none is on the way.
    AddUtterance {
        /// The enrollment; one on the way must have this id.
        enrollment: EnrollmentId,
        /// The enrollment may replace an existing voiceprint.
        reenroll: bool,
        /// The utterance.
        utterance: Box<NewUtterance>,
        /// The consent that covers it.
        consent: ConsentProof,
    },
    /// Drops the utterances of the enrollment on the way ([`Applied::utterances_dropped`]).
    CancelEnrollment,
    /// Makes the pending utterances the voiceprint, replacing an earlier one if the enrollment may.
    CompleteEnrollment {
        /// Id of the new voiceprint.
        voiceprint: VoiceprintId,
        /// When it ends, if it does.
        expires_at: Option<Timestamp>,
        /// Who authorized it.
        authorization: Authorization,
        /// The consent that covers it.
        consent: ConsentProof,
    },
    /// Adds an accepted utterance to the voiceprint. Needs an expected version, or two of them could overstep a limit.
    AdaptVoiceprint {
        /// Must be the one it has.
        voiceprint: VoiceprintId,
        /// The utterance.
        utterance: Box<NewUtterance>,
        /// Adapted utterances that make way.
        drop: Vec<UtteranceId>,
        /// The consent that covers it.
        consent: ConsentProof,
    },
    /// Deletes the subject's voiceprint.
    DeleteVoiceprint {
        /// Must be the one it has.
        voiceprint: VoiceprintId,
    },
    /// Changes when the voiceprint ends.
    SetVoiceprintExpiry {
        /// Must be the one it has.
        voiceprint: VoiceprintId,
        /// When it ends, if it does.
        expires_at: Option<Timestamp>,
    },
    /// Puts the counter of unsuccessful attempts by voice. Needs an expected version, or a failure could
    /// be lost.
    SetAttempts(Attempts),
    /// The same for attempts by behavior.
    SetBehaviorAttempts(Attempts),
    /// Counts a comparison for the source that made it, as [`SourceAttempts::after`](crate::policy::SourceAttempts::after)
    /// says, at the time of the transaction. Where that slows the source down or locks it, a record of its own says so.
    CountSource {
        /// Who made it; only a keyed digest is stored.
        source: Source,
        /// How it ended.
        outcome: AttemptOutcome,
        /// What it is held to.
        rules: SourceRules,
    },
    /// Puts a profile of behavior, replacing the one with its id. Needs an expected version, or a capture
    /// could be lost.
    PutBehaviorProfile {
        /// The profile.
        profile: Box<BehaviorProfile>,
        /// The consent that covers it; its purpose must be behavior.
        consent: ConsentProof,
    },
    /// Deletes a profile of behavior.
    DeleteBehaviorProfile {
        /// Which.
        profile: BehaviorProfileId,
    },
    /// Adds a number to the subject's ([`Applied::phone_numbers`]).
    AddPhoneNumber {
        /// The number; only keyed digests of it are stored.
        number: PhoneNumber,
        /// An accepted session came from it. Where it is known, or there is no place for it, nothing happens.
        remembered: bool,
    },
    /// Removes a number of the subject's ([`Applied::phone_numbers`]).
    RemovePhoneNumber {
        /// The number.
        number: PhoneNumber,
    },
    /// Puts an entry about a decision of the tenant, in place of the one in force ([`Applied::feedback_entries`]).
    PutFeedback {
        /// Which decision.
        decision: DecisionId,
        /// The entry.
        feedback: Box<Feedback>,
    },
    /// Destroys the subject's key and every row about it, and empties its audit records. Must be
    /// the only effect ([`Applied::erasure`]).
    EraseSubject {
        /// Id of the receipt.
        receipt: ReceiptId,
    },
    /// Pins the extractor of the tenant's coming enrollments. Voiceprints made with another one stay
    /// until they are replaced.
    PinExtractor(ArtifactRef),
    /// Chooses how personal data is taken out of the tenant's texts.
    SetRedaction(RedactionMode),
    /// Enables the age class for the tenant, or disables it.
    SetAgeClass(Option<Box<AgeClassSetting>>),
    /// Changes which policies the tenant's sessions are held to. Refused as
    /// [`PolicyLedger::after`](crate::policy::session::PolicyLedger::after) says, at the time of the transaction.
    ChangePolicy {
        /// What is done.
        act: PolicyAct,
        /// By whom.
        by: ApiKeyId,
        /// The file, when one is proposed.
        file: Option<String>,
    },
    /// Puts a calibration of the tenant's own in force, or goes back to the one that ships.
    SetCalibration(Option<Box<TenantCalibration>>),
    /// Wraps the store's root key under another master key; the old one no longer opens the store.
    RotateMasterKey(MasterKey),
    /// Stores every embedding of the tenant anew under a fresh rotation ([`Applied::renewed`]).
    RenewRotation {
        /// The generation the caller has read.
        expected_generation: u32,
    },
}

/// What a transaction did, as far as only the commit can know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The audit record.
    pub decision: DecisionId,
    /// Its position in the chain.
    pub sequence: u64,
    /// Version of the subject afterwards; `None` without a subject, or when it was erased.
    pub subject_version: Option<u64>,
    /// Consents ended.
    pub withdrawn: u32,
    /// Pending utterances dropped.
    pub utterances_dropped: u32,
    /// Entries about the decision afterwards; 0 when none was put.
    pub feedback_entries: u32,
    /// Numbers of the subject afterwards; 0 when none was added or removed.
    pub phone_numbers: u32,
    /// Voiceprints stored anew.
    pub renewed: u32,
    /// Generation of the tenant's rotation afterwards.
    pub rotation_generation: u32,
    /// The erasure, pending when the response is built.
    pub erasure: Option<Erasure>,
}

/// A durable transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// What it did. An erasure may be done already.
    pub applied: Applied,
    /// The answer as it will be replayed; empty without idempotency.
    pub response: Vec<u8>,
}

/// What came of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable.
    Committed(Box<Committed>),
    /// It was carried out before; this is the answer given then. Nothing changed.
    Replayed(Vec<u8>),
}
