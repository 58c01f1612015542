//! The age class of files: `vouch age`.

use std::path::Path;

use serde::Serialize;

use crate::domain::{AgeClass, AgeYears, Probability, Reason, RoutingHint};
use crate::policy::{AgeRules, classify_age};
use crate::usecase::embed_file::EmbedError;
use crate::usecase::file_embedder::{FileEmbedder, FileEmbedding};
use crate::voice::{AgeHead, AgeInput};

/// Classifies files with one model and one head, under the default rules.
pub struct FileAges {
    embedder: FileEmbedder,
    head: AgeHead,
    rules: AgeRules,
}

/// One file's age class and what it was made from.
#[derive(Debug, Clone, Serialize)]
pub struct FileAge {
    /// The file.
    pub path: String,
    /// The class; UNDETERMINED is policy's word, the numbers are there all the same.
    pub class: AgeClass,
    /// Probability of 65 years or more.
    pub p_senior: Probability,
    /// The age in years.
    pub years: AgeYears,
    /// Speech left after voice activity detection, in seconds.
    pub net_speech_s: f64,
    /// Why the class is undetermined, and what the quality says.
    pub reasons: Vec<Reason>,
    /// Where a call could go.
    pub routing: Option<RoutingHint>,
    /// Model, as `campplus@1`.
    pub model: String,
    /// Head, as `campplus-age-open@1`.
    pub head: String,
}

impl FileAges {
    /// With a head that takes the embedder's embeddings.
    pub fn new(embedder: FileEmbedder, head: AgeHead) -> Self {
        Self { embedder, head, rules: AgeRules::default() }
    }

    /// Classifies one file.
    ///
    /// # Errors
    /// Audio that cannot be read, or too little of it, in words.
    pub fn file(&self, path: &Path) -> Result<FileAge, EmbedError> {
        let embedded = self.embedder.file(path)?;
        classify(&self.head, &self.rules, embedded)
    }
}

fn classify(
    head: &AgeHead,
    rules: &AgeRules,
    embedded: FileEmbedding,
) -> Result<FileAge, EmbedError> {
    let quality = &embedded.quality;
    let input = AgeInput {
        embedding: &embedded.embedding,
        bandwidth: quality.bandwidth,
        net_speech_ms: quality.net_speech_ms,
    };
    let estimate = head.estimate(&[input]).map_err(|e| EmbedError(e.to_string()))?;
    let verdict = classify_age(rules, Some(&estimate), quality);
    Ok(FileAge {
        path: embedded.path,
        class: verdict.class,
        p_senior: estimate.p_senior,
        years: estimate.years,
        net_speech_s: embedded.net_speech_s,
        reasons: verdict.reasons,
        routing: verdict.routing,
        model: embedded.model,
        head: head.reference().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ArtifactRef, LicenseClass};
    use crate::policy::verification::tests::quality;
    use crate::voice::age::testing::{always, head};

    fn embedded(net_speech_ms: u32) -> FileEmbedding {
        FileEmbedding {
            path: "a.wav".into(),
            model: "m@1".into(),
            net_speech_s: f64::from(net_speech_ms) / 1_000.0,
            quality: quality(net_speech_ms),
            embedding: vec![1.0, -2.0, 0.5, 0.0],
        }
    }

    #[test]
    fn a_line_keeps_its_contract_and_short_audio_its_numbers() {
        let head = head(&always(4, 3, 9.0), &ArtifactRef::new("m", 1), LicenseClass::Open);
        let rules = AgeRules::default();
        let long = classify(&head, &rules, embedded(4_000)).unwrap();
        assert_eq!(long.class, AgeClass::Senior);
        let line: serde_json::Value = serde_json::to_value(&long).unwrap();
        assert_eq!(line["class"], "SENIOR");
        assert_eq!(line["path"], "a.wav");
        assert_eq!(line["net_speech_s"], 4.0);
        assert!(line["p_senior"].as_f64().unwrap() > 0.99);
        for name in ["estimate", "low", "high"] {
            assert!((65.0..=80.0).contains(&line["years"][name].as_f64().unwrap()), "{line}");
        }
        assert_eq!(line["routing"]["queue"], "priority");
        for ms in [10, 2_900] {
            let short = classify(&head, &rules, embedded(ms)).unwrap();
            assert_eq!(short.class, AgeClass::Undetermined);
            assert_eq!((short.reasons, short.routing), (vec![Reason::SpeakLonger], None));
            assert!(short.p_senior.value() > 0.99);
        }
    }
}
