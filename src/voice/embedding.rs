//! A voice embedding.

use std::fmt;

use crate::domain::ArtifactRef;
use crate::voice::VoiceError;

/// One utterance as a vector: raw, neither centered nor normalized. Biometric data: its values do
/// not appear in `Debug`.
#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Embedding {
    values: Vec<f32>,
    extractor: ArtifactRef,
}

impl Embedding {
    /// A vector made by `extractor`; every value must be finite.
    pub fn new(values: Vec<f32>, extractor: ArtifactRef) -> Result<Self, VoiceError> {
        match values.iter().position(|v| !v.is_finite()) {
            Some(index) => Err(VoiceError::NotFinite { index }),
            None => Ok(Self { values, extractor }),
        }
    }

    /// The values.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values, without the reference to their extractor.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// How many values.
    pub fn dimensions(&self) -> usize {
        self.values.len()
    }

    /// What made it.
    pub fn extractor(&self) -> &ArtifactRef {
        &self.extractor
    }

    /// Refuses to go on with an embedding of another extractor.
    pub fn comparable_with(&self, other: &Self) -> Result<(), VoiceError> {
        if self.extractor != other.extractor {
            return Err(VoiceError::ModelMismatch {
                left: self.extractor.clone(),
                right: other.extractor.clone(),
            });
        }
        if self.values.len() != other.values.len() {
            return Err(VoiceError::Dimensions {
                model: self.extractor.clone(),
                expected: self.values.len(),
                found: other.values.len(),
            });
        }
        Ok(())
    }
}

impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({} of {})", self.values.len(), self.extractor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(model: &str, values: &[f32]) -> Embedding {
        Embedding::new(values.to_vec(), ArtifactRef::new(model, 1)).unwrap()
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", of("m", &[0.12345, 6.789])), "Embedding(2 of m@1)");
    }

    #[test]
    fn extractors_do_not_mix() {
        let a = of("m", &[1.0, 2.0]);
        assert!(a.comparable_with(&of("m", &[3.0, 4.0])).is_ok());
        assert!(matches!(
            a.comparable_with(&of("n", &[3.0, 4.0])),
            Err(VoiceError::ModelMismatch { .. })
        ));
        assert!(matches!(a.comparable_with(&of("m", &[3.0])), Err(VoiceError::Dimensions { .. })));
    }

    #[test]
    fn values_are_finite() {
        let bad = Embedding::new(vec![0.0, f32::NAN], ArtifactRef::new("m", 1));
        assert!(matches!(bad, Err(VoiceError::NotFinite { index: 1 })));
    }
}
