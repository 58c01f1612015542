//! What `models/<id>/model.toml` says about a model.

use crate::domain::{ArtifactRef, LicenseClass};
use crate::features::{FbankSpec, FeatureError, Frontend, MelSpec, MfccSpec};
use crate::voice::VoiceError;

/// A model that the program knows wherever it runs.
struct BuiltIn {
    manifest: &'static str,
    /// Absent for weights that must be installed.
    weights: Option<&'static [u8]>,
    /// Of a manifest with an adapter.
    adapter: Option<&'static [u8]>,
}

/// Every model, the default one first.
const BUILT_IN: [BuiltIn; 2] = [
    BuiltIn {
        manifest: include_str!("../../models/mfcc-tdnn/model.toml"),
        weights: Some(include_bytes!("../../models/mfcc-tdnn/weights.safetensors")),
        adapter: None,
    },
    BuiltIn {
        manifest: include_str!("../../models/campplus/model.toml"),
        weights: None,
        adapter: Some(include_bytes!("../../models/campplus/telephone.safetensors")),
    },
];

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
    /// What makes another network of them for speech of the telephone band; absent where nothing does.
    pub adapter: Option<Adapter>,
    /// Where the weights come from; absent for weights that travel with the project.
    pub source: Option<Source>,
}

/// A network this program can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// CAM++ (arXiv 2303.00332).
    Campplus,
    /// Vouch's own causal time-delay network over cepstra.
    MfccTdnn,
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
    /// Cepstra that are kept, the zeroth first; of [`FrontEndKind::Mfcc`] alone.
    pub ceps: Option<usize>,
    /// Lower edge of the first mel filter, in Hz; 20 where absent.
    pub low_hz: Option<u32>,
    /// Upper edge of the last mel filter, in Hz; the Nyquist frequency where absent.
    pub high_hz: Option<u32>,
    /// Lifter of the cepstra; none where absent.
    pub lifter: Option<u32>,
    /// Which mean is subtracted.
    pub mean_subtraction: MeanSubtraction,
}

/// Kind of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrontEndKind {
    /// Log-mel filterbank energies.
    Fbank,
    /// Mel-frequency cepstra, the zeroth included (not the log energy).
    Mfcc,
}

/// Which mean is subtracted from the features; the extractor does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeanSubtraction {
    /// That of the whole utterance.
    Utterance,
    /// That of everything up to the end of each second of speech, with a stored mean as its prior.
    Running,
}

impl FrontEnd {
    /// Values of a frame.
    pub fn values(&self) -> usize {
        self.ceps.unwrap_or(self.bins)
    }

    /// Plans the front end.
    ///
    /// # Errors
    /// Numbers that no front end can have; never of a manifest that is compiled in.
    pub fn plan(&self) -> Result<Frontend, FeatureError> {
        let default = MelSpec::new(self.bins);
        let mel = MelSpec {
            low_hz: self.low_hz.map_or(default.low_hz, f64::from),
            high_hz: self.high_hz.map_or(default.high_hz, f64::from),
            ..default
        };
        match self.kind {
            FrontEndKind::Fbank => {
                Frontend::fbank(FbankSpec { mel, ..FbankSpec::new(self.sample_rate_hz) })
            }
            FrontEndKind::Mfcc => Frontend::mfcc(MfccSpec {
                mel,
                ceps: self.values(),
                lifter: self.lifter.map_or(0.0, f64::from),
                use_energy: false,
                ..MfccSpec::new(self.sample_rate_hz)
            }),
        }
    }
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

/// A few parameters of a network that differ where speech is of the telephone band. They are compiled in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// Its name.
    pub id: String,
    /// Its version, from 1.
    pub version: u32,
    /// Version of the model without it: the weights as they were published.
    pub version_without: u32,
    /// Terms under which it was trained.
    pub license_class: LicenseClass,
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

impl BuiltIn {
    fn parsed(&self) -> Manifest {
        Manifest::parse(self.manifest).expect("tests parse every compiled-in manifest")
    }
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
        BUILT_IN.iter().map(BuiltIn::parsed).collect()
    }

    /// The weights, where they are compiled in. Their hash is the reader's to check.
    pub fn built_in_weights(&self) -> Option<&'static [u8]> {
        BUILT_IN.iter().find(|model| model.parsed().id == self.id)?.weights
    }

    /// The adapter's file, where there is one.
    pub fn built_in_adapter(&self) -> Option<&'static [u8]> {
        self.adapter.as_ref()?;
        BUILT_IN.iter().find(|model| model.parsed().id == self.id)?.adapter
    }

    /// The same model as it was published, without an adapter.
    pub fn as_published(mut self) -> Self {
        if let Some(adapter) = self.adapter.take() {
            self.version = adapter.version_without;
        }
        self
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
        let without = self.adapter.as_ref().map_or(self.version, |a| a.version_without);
        if self.version == 0 || without == 0 {
            return refuse("version counts from 1".to_owned());
        }
        if self.adapter.is_some() && without == self.version {
            return refuse("with an adapter it is another version than without".to_owned());
        }
        if !plain(&self.weights.file) {
            return refuse("weights.file is not a plain file name".to_owned());
        }
        let hashes = [Some(&self.weights.sha256), self.source.as_ref().map(|s| &s.sha256)];
        if !hashes.into_iter().flatten().all(|hash| is_sha256(hash)) {
            return refuse("sha256 is not 64 lower-case hexadecimal digits".to_owned());
        }
        if let Err(error) = self.front_end.plan() {
            return refuse(format!("front_end: {error}"));
        }
        match self.fits() {
            None => Ok(()),
            Some(needs) => refuse(format!(
                "{needs}, not {} values at {} Hz and {} dimensions",
                self.front_end.values(),
                self.front_end.sample_rate_hz,
                self.dimensions
            )),
        }
    }

    /// What the architecture takes and gives, if the manifest says otherwise.
    fn fits(&self) -> Option<&'static str> {
        let FrontEnd { kind, sample_rate_hz, ceps, mean_subtraction, .. } = self.front_end;
        let numbers = (sample_rate_hz, self.front_end.values(), self.dimensions);
        let (fits, needs) = match self.architecture {
            Architecture::Campplus => (
                (kind, ceps, mean_subtraction)
                    == (FrontEndKind::Fbank, None, MeanSubtraction::Utterance)
                    && numbers == (16_000, 80, 192),
                "campplus takes 80 bins at 16000 Hz without the utterance's mean and gives 192 \
                 dimensions",
            ),
            Architecture::MfccTdnn => (
                (kind, mean_subtraction) == (FrontEndKind::Mfcc, MeanSubtraction::Running)
                    && numbers == (16_000, 40, 192),
                "mfcc_tdnn takes 40 cepstra at 16000 Hz without a running mean and gives 192 \
                 dimensions",
            ),
        };
        (!fits).then_some(needs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compiled_in_manifest_parses() {
        for model in &BUILT_IN {
            Manifest::parse(model.manifest).unwrap();
        }
        let campplus = Manifest::built_in("campplus").unwrap();
        assert_eq!(campplus.artifact(), ArtifactRef::new("campplus", 2));
        assert!(campplus.built_in_weights().is_none() && campplus.built_in_adapter().is_some());
        let published = campplus.as_published();
        assert_eq!(published.artifact(), ArtifactRef::new("campplus", 1));
        assert!(published.built_in_adapter().is_none());
        assert!(Manifest::built_in("nobody").is_none());
    }

    #[test]
    fn the_model_that_is_built_in_takes_what_its_network_takes() {
        let good = include_str!("../../models/mfcc-tdnn/model.toml");
        let own = Manifest::parse(good).unwrap();
        assert!(own.built_in_weights().is_some() && own.source.is_none());
        assert_eq!((own.license_class, own.front_end.values()), (LicenseClass::Open, 40));
        for (from, to) in [
            ("ceps = 40", "ceps = 39"),
            ("ceps = 40", "ceps = 41"),
            ("high_hz = 3800", "high_hz = 8001"),
            ("high_hz = 3800", "high_hz = 3800\nlifter = 5000"),
            ("sample_rate_hz = 16000", "sample_rate_hz = 8000"),
            ("\"running\"", "\"utterance\""),
            ("kind = \"mfcc\"", "kind = \"fbank\""),
            ("dimensions = 192", "dimensions = 256"),
        ] {
            assert!(good.contains(from), "{from}");
            assert!(Manifest::parse(&good.replacen(from, to, 1)).is_err(), "{to}");
        }
    }

    #[test]
    fn manifests_that_lead_elsewhere_are_refused() {
        let good = include_str!("../../models/campplus/model.toml");
        for (from, to) in [
            ("\"weights.safetensors\"", "\"../weights.safetensors\""),
            ("id = \"campplus\"", "id = \"a/b\""),
            ("version = 2", "version = 0"),
            ("version = 2", "version = 1"),
            ("version_without = 1", "version_without = 0"),
            ("bins = 80", "bins = 40"),
            ("bins = 80", "bins = 80\nceps = 80"),
            ("bins = 80", "bins = 80\nlow_hz = 9000"),
            ("architecture = \"campplus\"", "architecture = \"mfcc_tdnn\""),
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
