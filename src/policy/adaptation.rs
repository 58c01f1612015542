//! When the voice of an accepted claim may join the voiceprint. Voices change over years; an impostor who was let in once
//! must not become the template.

use serde::{Deserialize, Serialize};

use crate::domain::{Llr, Quality};
use crate::policy::rules::{LLR_LIMIT, within};
use crate::policy::{EnrollmentRules, PolicyError};

/// Adaptation of voiceprints. Off by default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptationRules {
    /// Voiceprints adapt at all.
    pub enabled: bool,
    /// LLR of the voice against the enrolled utterances alone, at least: a voiceprint cannot walk away from them in
    /// small steps. 6.9 is a likelihood ratio of 1,000.
    pub adapt_llr: Llr,
    /// LLR from which on another modality of a session vouches for the person like a factor that was passed.
    pub other_modality_llr: Llr,
    /// Net speech of the recording, in milliseconds.
    pub min_net_speech_ms: u32,
    /// Largest share of a voiceprint, of its utterances and of its speech, that may have come by adaptation. What an
    /// impostor could bring in stays a minority, whatever the other factor was.
    pub max_adapted_share: f64,
}

impl Default for AdaptationRules {
    fn default() -> Self {
        Self {
            enabled: false,
            adapt_llr: Llr(6.9),
            other_modality_llr: Llr(4.6),
            min_net_speech_ms: 5_000,
            max_adapted_share: 0.3,
        }
    }
}

impl AdaptationRules {
    /// Whether every number is in its range.
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        within("adaptation.adapt_llr", self.adapt_llr.0, 0.0, LLR_LIMIT)?;
        within("adaptation.other_modality_llr", self.other_modality_llr.0, 0.0, LLR_LIMIT)?;
        let speech = f64::from(self.min_net_speech_ms);
        within("adaptation.min_net_speech_ms", speech, 500.0, 60_000.0)?;
        within("adaptation.max_adapted_share", self.max_adapted_share, 0.0, 0.5)
    }

    /// How much may be adapted beside this much that was enrolled.
    fn beside(&self, enrolled: f64) -> f64 {
        // Adapted / (adapted + enrolled) <= share; a hair more, so that a whole number stays itself.
        self.max_adapted_share / (1.0 - self.max_adapted_share) * enrolled + 1e-9
    }

    /// Most adapted utterances beside this many enrolled ones.
    pub fn most_utterances(&self, enrolled: usize) -> usize {
        self.beside(enrolled as f64).floor() as usize
    }

    /// Most adapted net speech beside this much enrolled, in milliseconds.
    pub fn most_speech_ms(&self, enrolled_ms: u32) -> u32 {
        // At most the enrolled speech itself, as the share is at most a half.
        self.beside(f64::from(enrolled_ms)).floor() as u32
    }

    /// Whether a recording is good enough: as an utterance that is enrolled, and long enough.
    pub fn takes(&self, quality: &Quality, enrollment: &EnrollmentRules) -> bool {
        quality.net_speech_ms >= self.min_net_speech_ms
            && quality.snr_db.is_none_or(|snr| snr >= enrollment.min_snr_db)
            && quality.clipped_share <= enrollment.max_clipped_share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::verification::tests::quality;

    #[test]
    fn what_is_adapted_stays_a_minority() {
        let rules = AdaptationRules::default();
        let counts: Vec<usize> = (0..=10).map(|n| rules.most_utterances(n)).collect();
        assert_eq!(counts, [0, 0, 0, 1, 1, 2, 2, 3, 3, 3, 4]);
        assert_eq!(rules.most_speech_ms(21_000), 9_000);
        let half = AdaptationRules { max_adapted_share: 0.5, ..rules.clone() };
        assert_eq!((half.most_utterances(3), half.most_speech_ms(20_000)), (3, 20_000));
        let none = AdaptationRules { max_adapted_share: 0.0, ..rules };
        assert_eq!((none.most_utterances(9), none.most_speech_ms(60_000)), (0, 0));
    }

    #[test]
    fn only_good_recordings_are_taken() {
        let (rules, enrollment) = (AdaptationRules::default(), EnrollmentRules::default());
        assert!(rules.takes(&quality(5_000), &enrollment));
        assert!(!rules.takes(&quality(4_999), &enrollment));
        let noisy = Quality { snr_db: Some(7.9), ..quality(9_000) };
        assert!(!rules.takes(&noisy, &enrollment));
        let clipped = Quality { clipped_share: 0.03, ..quality(9_000) };
        assert!(!rules.takes(&clipped, &enrollment));
    }
}
