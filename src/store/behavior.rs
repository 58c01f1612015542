//! Profiles of behavior as readers and writers see them. A sample is opaque bytes here: features of one
//! capture, made and read by `behavior`; keys and texts never come this far.

use std::fmt;

use crate::behavior::{Device, SampleKind};
use crate::domain::{
    ArtifactRef, Authorization, BehaviorProfileId, ConsentId, ConsentRecord, Purpose, SubjectId,
    Timestamp,
};
use crate::policy::Attempts;

/// Bytes of biometric content. Zeroed when dropped; `Debug` shows the length only.
#[derive(Clone, PartialEq, Eq, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes([{}])", self.0.len())
    }
}

/// Names a text of a subject: the first half of a digest of subject and text id, keyed by the tenant. The
/// id cannot be read back from it, nor be recognized with another subject.
#[derive(Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct TextSlot(pub [u8; 16]);

impl fmt::Debug for TextSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TextSlot(withheld)")
    }
}

/// What a profile is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileKind {
    /// Typing of a fixed text.
    FixedText,
    /// Typing of any text.
    FreeText,
    /// Strokes.
    Touch,
    /// Movements of a pointer.
    Pointer,
    /// The style of what somebody writes.
    Style,
}

impl From<SampleKind> for ProfileKind {
    fn from(kind: SampleKind) -> Self {
        match kind {
            SampleKind::FixedText => Self::FixedText,
            SampleKind::FreeText => Self::FreeText,
            SampleKind::Touch => Self::Touch,
            SampleKind::Pointer => Self::Pointer,
        }
    }
}

impl ProfileKind {
    /// The kind of captures it is made of; `None` for a style.
    pub fn samples(self) -> Option<SampleKind> {
        match self {
            Self::FixedText => Some(SampleKind::FixedText),
            Self::FreeText => Some(SampleKind::FreeText),
            Self::Touch => Some(SampleKind::Touch),
            Self::Pointer => Some(SampleKind::Pointer),
            Self::Style => None,
        }
    }

    /// What its subject must have agreed to.
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Style => Purpose::ConversationAuthentication,
            _ => Purpose::BehaviorAuthentication,
        }
    }
}

/// What a profile is about, in the client's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileKey {
    /// What kind of behavior.
    pub kind: ProfileKind,
    /// On which class of device; `None` for a style.
    pub device: Option<Device>,
    /// Which fixed text, if one.
    pub text_id: Option<String>,
}

/// How a sample came into a profile, or an utterance into a voiceprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleOrigin {
    /// Authorized enrollment.
    #[default]
    Enrolled,
    /// An accepted claim with another factor.
    Adapted,
}

/// One capture of a profile, or the style of some messages.
#[derive(Debug, Clone, PartialEq)]
pub struct BehaviorSample {
    /// When the server got it.
    pub captured_at: Timestamp,
    /// How it came here.
    pub origin: SampleOrigin,
    /// Who authorized it; for adapted ones the other factor.
    pub authorization: Authorization,
    /// Keys, strokes, movements or words in it.
    pub units: u32,
    /// Its features.
    pub features: SecretBytes,
    /// By which the capture is recognized if it comes again.
    pub fingerprint: SecretBytes,
}

/// A subject's profile of one kind of behavior on one class of device and, for fixed text, of one text; or
/// of their style.
#[derive(Debug, Clone, PartialEq)]
pub struct BehaviorProfile {
    /// Its id.
    pub id: BehaviorProfileId,
    /// What kind of behavior.
    pub kind: ProfileKind,
    /// On which class of device; `None` for a style.
    pub device: Option<Device>,
    /// Which fixed text, if one.
    pub text: Option<TextSlot>,
    /// Background model its samples were made with.
    pub background: ArtifactRef,
    /// When its first capture was kept.
    pub created_at: Timestamp,
    /// When enough was collected; `None` until then.
    pub completed_at: Option<Timestamp>,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// Who authorized its first capture.
    pub authorization: Authorization,
    /// The consent that covered it.
    pub consent: ConsentId,
    /// In order of arrival.
    pub samples: Vec<BehaviorSample>,
    /// Fingerprints of captures that were accepted since, oldest first.
    pub seen: Vec<SecretBytes>,
}

impl BehaviorProfile {
    /// Size of its biometric content, in bytes.
    pub fn content_bytes(&self) -> u32 {
        let samples = self.samples.iter().flat_map(|s| [&s.features, &s.fingerprint]);
        let all = samples.chain(&self.seen).map(|bytes| bytes.as_slice().len());
        u32::try_from(all.sum::<usize>()).unwrap_or(u32::MAX)
    }
}

/// A subject with its profiles, as of one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct BehaviorSnapshot {
    /// Whose.
    pub subject: SubjectId,
    /// Counts every change of the subject; hand it back as
    /// [`SubjectTarget::expected_version`](super::SubjectTarget).
    pub version: u64,
    /// Opted out of biometric processing.
    pub opted_out: bool,
    /// Every consent, in order of recording.
    pub consents: Vec<ConsentRecord>,
    /// Unsuccessful attempts by behavior and the lock; those by voice are counted apart.
    pub attempts: Attempts,
    /// The text that was asked for; `None` without one.
    pub text: Option<TextSlot>,
    /// The profiles that were asked for: complete ones and ones on the way.
    pub profiles: Vec<BehaviorProfile>,
}
