//! Names and versions of fitted things.

use std::fmt;

/// A fitted artefact (model, back-end, calibration, policy) and its version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ArtifactRef {
    /// Name, e.g. `campplus`.
    pub id: String,
    /// Version, from 1.
    pub version: u32,
}

impl ArtifactRef {
    /// A reference to version `version` of `id`.
    pub fn new(id: impl Into<String>, version: u32) -> Self {
        Self { id: id.into(), version }
    }
}

impl fmt::Display for ArtifactRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.version)
    }
}

/// Which fitted things produced an answer; part of every answer and every audit record.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Versions {
    /// Embedding extractor; absent while none is installed.
    pub model: Option<ArtifactRef>,
    /// Back-end and calibration; absent while no model is installed.
    pub calibration: Option<ArtifactRef>,
    /// Policy in force.
    pub policy: ArtifactRef,
}

/// Terms under which an artefact was trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenseClass {
    /// Only CC0, CC BY, CC BY-SA, MIT, Apache or public-domain data.
    Open,
    /// Anything else; the card names the terms.
    Research,
}
