//! What `models/<id>/model.toml` says about a model.

use crate::domain::{ArtifactRef, LicenseClass};
use crate::voice::VoiceError;

/// Manifests compiled in, so that the program finds them wherever it runs.
const BUILT_IN: [&str; 1] = [include_str!("../../models/campplus/model.toml")];

/// A model's manifest, checked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Short name, also the name of its directory.
    pub id: String,
    /// Version, from 1; raised when anything that changes embeddings does.
    pub version: u32,
    /// Network that the weights belong to.
    pub architecture: Architecture,
    /// In words.
    pub description: String,
    /// Length of an embedding.
    pub dimensions: usize,
    /// Licence of the weights, as an SPDX expression.
    pub license: String,
    /// Terms under which they were trained.
    pub license_class: LicenseClass,
    /// What the network expects.
    pub front_end: FrontEnd,
    /// The weights as this program reads them.
    pub weights: Weights,
    /// Where the weights come from; absent for weights that travel with the project.
    pub source: Option<Source>,
}

/// A network this program can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// CAM++ (arXiv 2303.00332).
    Campplus,
}

/// Features a network expects: 25 ms windows every 10 ms, samples scaled to the 16-bit range, no
/// dither, natural logarithm.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontEnd {
    /// Filterbank or cepstra.
    pub kind: FrontEndKind,
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// Mel bins.
    pub bins: usize,
    /// Which mean is subtracted.
    pub mean_subtraction: MeanSubtraction,
}

/// Kind of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrontEndKind {
    /// Log-mel filterbank energies.
    Fbank,
}

/// Which mean is subtracted from the features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeanSubtraction {
    /// That of the whole utterance; the extractor does it.
    Utterance,
}

/// A weights file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// File name inside the model's directory.
    pub file: String,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// A public checkpoint inside a Python wheel.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Package name.
    pub package: String,
    /// Package version.
    pub package_version: String,
    /// The checkpoint inside the wheel.
    pub member: String,
    /// SHA-256 of the checkpoint in lower-case hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Parses and checks the text of a `model.toml`.
    pub fn parse(text: &str) -> Result<Self, VoiceError> {
        let manifest: Self = toml::from_str(text).map_err(|e| VoiceError::Manifest {
            id: "unknown".to_owned(),
            problem: e.to_string(),
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The manifest compiled in for `id`.
    pub fn built_in(id: &str) -> Option<Self> {
        Self::all_built_in().into_iter().find(|m| m.id == id)
    }

    /// Every manifest compiled in.
    pub fn all_built_in() -> Vec<Self> {
        BUILT_IN
            .into_iter()
            .map(|text| Self::parse(text).expect("tests parse every compiled-in manifest"))
            .collect()
    }

    /// Id and version.
    pub fn artifact(&self) -> ArtifactRef {
        ArtifactRef::new(self.id.clone(), self.version)
    }

    fn check(&self) -> Result<(), VoiceError> {
        let refuse = |problem: String| Err(VoiceError::Manifest { id: self.id.clone(), problem });
        let plain = |name: &str| {
            !name.is_empty()
                && !name.starts_with('.')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        };
        let is_sha256 = |text: &str| {
            text.len() == 64 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
        };
        if !plain(&self.id) {
            return refuse("id is not a plain name".to_owned());
        }
        if self.version == 0 {
            return refuse("version counts from 1".to_owned());
        }
        if !plain(&self.weights.file) {
            return refuse("weights.file is not a plain file name".to_owned());
        }
        let hashes = [Some(&self.weights.sha256), self.source.as_ref().map(|s| &s.sha256)];
        if !hashes.into_iter().flatten().all(|hash| is_sha256(hash)) {
            return refuse("sha256 is not 64 lower-case hexadecimal digits".to_owned());
        }
        match self.architecture {
            Architecture::Campplus => {
                let front_end = &self.front_end;
                if (front_end.sample_rate_hz, front_end.bins, self.dimensions) != (16_000, 80, 192)
                {
                    return refuse(format!(
                        "campplus takes 80 bins at 16000 Hz and gives 192 dimensions, not {} at {} \
                         and {}",
                        front_end.bins, front_end.sample_rate_hz, self.dimensions
                    ));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compiled_in_manifest_parses() {
        for text in BUILT_IN {
            Manifest::parse(text).unwrap();
        }
        let campplus = Manifest::built_in("campplus").unwrap();
        assert_eq!(campplus.artifact(), ArtifactRef::new("campplus", 1));
        assert!(Manifest::built_in("nobody").is_none());
    }

    #[test]
    fn manifests_that_lead_elsewhere_are_refused() {
        let good = BUILT_IN[0];
        for (from, to) in [
            ("\"weights.safetensors\"", "\"../weights.safetensors\""),
            ("id = \"campplus\"", "id = \"a/b\""),
            ("version = 1", "version = 0"),
            ("bins = 80", "bins = 40"),
            ("dimensions = 192", "dimensions = 512"),
            ("kind = \"fbank\"", "kind = \"wavelet\""),
            ("sha256 = \"92f2", "sha256 = \"92F2"),
            ("license =", "licence ="),
        ] {
            assert!(good.contains(from), "{from}");
            assert!(Manifest::parse(&good.replacen(from, to, 1)).is_err(), "{to}");
        }
    }
}
