//! The template of a voice: what was enrolled, utterance by utterance, as the extractor gave it.

use crate::domain::{ArtifactRef, Bandwidth, Timestamp};
use crate::voice::{Embedding, VoiceError};

/// One enrolled utterance.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EnrolledUtterance {
    /// Raw embedding, with its extractor.
    pub embedding: Embedding,
    /// Measured bandwidth, which chooses the channel it is scored as.
    pub bandwidth: Bandwidth,
    /// Speech behind it, in milliseconds; its weight.
    pub net_speech_ms: u32,
    /// When it was recorded.
    pub captured_at: Timestamp,
}

impl EnrolledUtterance {
    /// What made its embedding.
    pub fn extractor(&self) -> &ArtifactRef {
        self.embedding.extractor()
    }
}

/// At least one utterance, all of one extractor.
#[derive(Debug, Clone, PartialEq)]
pub struct Voiceprint {
    utterances: Vec<EnrolledUtterance>,
}

impl Voiceprint {
    /// From one or more utterances of the same extractor.
    pub fn new(utterances: Vec<EnrolledUtterance>) -> Result<Self, VoiceError> {
        let Some(first) = utterances.first() else {
            return Err(VoiceError::EmptyVoiceprint);
        };
        for other in &utterances[1..] {
            first.embedding.comparable_with(&other.embedding)?;
        }
        Ok(Self { utterances })
    }

    /// Adds an utterance of the same extractor.
    pub fn push(&mut self, utterance: EnrolledUtterance) -> Result<(), VoiceError> {
        self.comparable_with(&utterance.embedding)?;
        self.utterances.push(utterance);
        Ok(())
    }

    /// Its utterances, never empty.
    pub fn utterances(&self) -> &[EnrolledUtterance] {
        &self.utterances
    }

    /// The extractor of every utterance.
    pub fn extractor(&self) -> &ArtifactRef {
        self.utterances[0].extractor()
    }

    /// Speech behind the whole voiceprint, in milliseconds.
    pub fn net_speech_ms(&self) -> u64 {
        self.utterances.iter().map(|u| u64::from(u.net_speech_ms)).sum()
    }

    /// Refuses a probe of another extractor.
    pub fn comparable_with(&self, probe: &Embedding) -> Result<(), VoiceError> {
        self.utterances[0].embedding.comparable_with(probe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utterance(model: &str) -> EnrolledUtterance {
        EnrolledUtterance {
            embedding: Embedding::new(vec![1.0; 4], ArtifactRef::new(model, 1)).unwrap(),
            bandwidth: Bandwidth::Wide,
            net_speech_ms: 4_000,
            captured_at: Timestamp::from_unix_ms(0),
        }
    }

    #[test]
    fn one_extractor_a_voiceprint() {
        assert!(matches!(Voiceprint::new(Vec::new()), Err(VoiceError::EmptyVoiceprint)));
        assert!(matches!(
            Voiceprint::new(vec![utterance("a"), utterance("b")]),
            Err(VoiceError::ModelMismatch { .. })
        ));
        let mut print = Voiceprint::new(vec![utterance("a"), utterance("a")]).unwrap();
        assert_eq!(print.net_speech_ms(), 8_000);
        assert_eq!(print.extractor(), &ArtifactRef::new("a", 1));
        assert!(print.push(utterance("b")).is_err());
        assert!(print.push(utterance("a")).is_ok());
        assert_eq!(print.utterances().len(), 3);
        let probe = utterance("b").embedding;
        assert!(matches!(print.comparable_with(&probe), Err(VoiceError::ModelMismatch { .. })));
    }
}
