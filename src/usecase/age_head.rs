//! The age heads of a model: those in the model's folder, else those that ship with the program.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::{ArtifactRef, LicenseClass};
use crate::voice::{AgeError, AgeHead};

/// A head that is compiled in: its model, its class, and the contents of its two files.
type BuiltIn = (&'static str, LicenseClass, &'static str, &'static [u8]);

/// Heads that ship with the program. Those of other models are put into the model's folder.
const BUILT_IN: &[BuiltIn] = &[
    (
        "mfcc-tdnn",
        LicenseClass::Open,
        include_str!("../../models/mfcc-tdnn/age.toml"),
        include_bytes!("../../models/mfcc-tdnn/age.safetensors"),
    ),
    (
        "campplus",
        LicenseClass::Open,
        include_str!("../../models/campplus/age.toml"),
        include_bytes!("../../models/campplus/age.safetensors"),
    ),
];

/// Why there is no head.
#[derive(Debug, thiserror::Error)]
pub enum AgeHeadError {
    /// Neither built in nor in the folder.
    #[error("model `{model}` has no age head of license class {}: {} is missing", class_name(*class), path.display())]
    Missing {
        /// The model.
        model: String,
        /// The class that was asked for.
        class: LicenseClass,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The head is not sound.
    #[error(transparent)]
    Head(#[from] AgeError),
    /// It is of another class than the name of its file says.
    #[error("{} must be of license class {}, not {}", path.display(), class_name(*due), class_name(*found))]
    OtherClass {
        /// The manifest.
        path: PathBuf,
        /// The class that belongs there.
        due: LicenseClass,
        /// What the manifest says.
        found: LicenseClass,
    },
    /// It takes embeddings of another extractor.
    #[error("age head {head} takes embeddings of {takes}, the model is {model}")]
    OtherModel {
        /// The head.
        head: ArtifactRef,
        /// Its extractor.
        takes: ArtifactRef,
        /// The model's.
        model: ArtifactRef,
    },
}

/// The heads of a model that may be used.
#[derive(Debug, Clone, Default)]
pub struct AgeHeads {
    /// Of license class `open`.
    pub open: Option<Arc<AgeHead>>,
    /// Of license class `research`.
    pub research: Option<Arc<AgeHead>>,
}

impl AgeHeads {
    /// The head for a tenant: where it allows `research` and there is such a head, that one; else the
    /// open one.
    pub fn pick(&self, research: bool) -> Option<&Arc<AgeHead>> {
        self.research.as_ref().filter(|_| research).or(self.open.as_ref())
    }
}

/// The name of a class in files and messages.
pub fn class_name(class: LicenseClass) -> &'static str {
    match class {
        LicenseClass::Open => "open",
        LicenseClass::Research => "research",
    }
}

/// Stem of the files of a head: `age.toml` and `age.safetensors`, or `age-research.…`.
fn stem(class: LicenseClass) -> &'static str {
    match class {
        LicenseClass::Open => "age",
        LicenseClass::Research => "age-research",
    }
}

/// The head of a model. Both files come from the model's folder if its manifest is there, else both are
/// the built-in ones.
///
/// # Errors
/// No head, one that cannot be read, or one that belongs elsewhere.
pub fn load(
    model: &ArtifactRef,
    models_dir: &Path,
    class: LicenseClass,
) -> Result<AgeHead, AgeHeadError> {
    let folder = models_dir.join(&model.id);
    let manifest = folder.join(format!("{}.toml", stem(class)));
    let head = if manifest.is_file() {
        let tensors = folder.join(format!("{}.safetensors", stem(class)));
        let tensors = std::fs::read(&tensors)
            .map_err(|source| AgeHeadError::File { path: tensors.clone(), source })?;
        let text = std::fs::read_to_string(&manifest)
            .map_err(|source| AgeHeadError::File { path: manifest.clone(), source })?;
        AgeHead::from_files(&text, &tensors)?
    } else {
        let known = BUILT_IN.iter().find(|b| (b.0, b.1) == (model.id.as_str(), class));
        let (_, _, text, tensors) = known.ok_or_else(|| AgeHeadError::Missing {
            model: model.id.clone(),
            class,
            path: manifest.clone(),
        })?;
        AgeHead::from_files(text, tensors)?
    };
    let info = head.info();
    if info.license != class {
        return Err(AgeHeadError::OtherClass { path: manifest, due: class, found: info.license });
    }
    if info.model != *model {
        let (head, takes) = (head.reference(), info.model.clone());
        return Err(AgeHeadError::OtherModel { head, takes, model: model.clone() });
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::age::testing::{bytes, manifest, random};

    #[test]
    fn every_built_in_head_loads() {
        for (model, class, text, tensors) in BUILT_IN {
            let head = AgeHead::from_files(text, tensors).unwrap();
            assert_eq!((head.info().model.id.as_str(), head.info().license), (*model, *class));
        }
    }

    #[test]
    fn heads_are_found_by_class_and_held_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("m");
        std::fs::create_dir(&folder).unwrap();
        let model = ArtifactRef::new("m", 1);
        let get = |class| load(&model, dir.path(), class);
        let [open, research] = [LicenseClass::Open, LicenseClass::Research];
        assert!(matches!(get(open), Err(AgeHeadError::Missing { .. })));
        std::fs::write(folder.join("age.toml"), manifest(&model, open)).unwrap();
        assert!(matches!(get(open), Err(AgeHeadError::File { .. })));
        std::fs::write(folder.join("age.safetensors"), bytes(&random(4))).unwrap();
        assert_eq!(get(open).unwrap().reference().to_string(), "test-age-open@2");
        assert!(matches!(get(research), Err(AgeHeadError::Missing { .. })));
        std::fs::write(folder.join("age-research.toml"), manifest(&model, open)).unwrap();
        std::fs::write(folder.join("age-research.safetensors"), bytes(&random(4))).unwrap();
        assert!(matches!(get(research), Err(AgeHeadError::OtherClass { .. })));
        let newer = load(&ArtifactRef::new("m", 2), dir.path(), open);
        assert!(matches!(newer, Err(AgeHeadError::OtherModel { .. })));
    }
}
