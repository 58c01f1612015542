//! The back-end of a model: the fitted artefact that travels with the program, or another one in the
//! model's folder.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use crate::scoring::artifact::{CALIBRATION_FILE, MANIFEST_FILE, TENSORS_FILE};
use crate::scoring::{BackEnd, Calibration, Scorer, ScoringError};
use crate::usecase::evaluate::Systems;
use crate::usecase::fit_backend::PLAIN_CALIBRATION_FILE;

/// The artefact of `campplus`, as committed, so that the program scores wherever it is run from.
const CAMPPLUS: [(&str, &[u8]); 4] = [
    (MANIFEST_FILE, include_bytes!("../../models/campplus/backend.toml")),
    (TENSORS_FILE, include_bytes!("../../models/campplus/backend.safetensors")),
    (CALIBRATION_FILE, include_bytes!("../../models/campplus/calibration.json")),
    (PLAIN_CALIBRATION_FILE, include_bytes!("../../models/campplus/calibration-plain.json")),
];

/// Why there is no back-end.
#[derive(Debug, thiserror::Error)]
pub enum BackEndError {
    /// Neither built in nor in the folder.
    #[error("model `{model}` has no back-end: {} is missing", path.display())]
    Missing {
        /// The model.
        model: String,
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
    /// A file cannot be understood.
    #[error("{name} of model `{model}` is not text")]
    NotText {
        /// The model.
        model: String,
        /// The file.
        name: &'static str,
    },
    /// The artefact is not sound.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
}

/// The files of one model's artefact: all from its folder if the folder has a manifest, else built in.
struct Files<'a> {
    model: &'a str,
    folder: Option<PathBuf>,
}

impl<'a> Files<'a> {
    fn find(model: &'a str, models_dir: &Path) -> Result<Self, BackEndError> {
        let folder = models_dir.join(model);
        let manifest = folder.join(MANIFEST_FILE);
        if manifest.is_file() {
            return Ok(Self { model, folder: Some(folder) });
        }
        if model == "campplus" {
            return Ok(Self { model, folder: None });
        }
        Err(BackEndError::Missing { model: model.to_owned(), path: manifest })
    }

    fn bytes(&self, name: &'static str) -> Result<Cow<'static, [u8]>, BackEndError> {
        let Some(folder) = &self.folder else {
            let built_in = CAMPPLUS.iter().find(|(file, _)| *file == name);
            return Ok(Cow::Borrowed(built_in.map_or(&[], |(_, bytes)| *bytes)));
        };
        let path = folder.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Cow::Owned(bytes)),
            Err(source) => Err(BackEndError::File { path, source }),
        }
    }

    fn text(&self, name: &'static str) -> Result<String, BackEndError> {
        let not_text = |_| BackEndError::NotText { model: self.model.to_owned(), name };
        String::from_utf8(self.bytes(name)?.into_owned()).map_err(not_text)
    }
}

/// The back-end with its calibration.
///
/// # Errors
/// No artefact, or one that cannot be read.
pub fn load(model: &str, models_dir: &Path) -> Result<BackEnd, BackEndError> {
    let files = Files::find(model, models_dir)?;
    let (manifest, calibration) = (files.text(MANIFEST_FILE)?, files.text(CALIBRATION_FILE)?);
    Ok(BackEnd::from_files(&manifest, &files.bytes(TENSORS_FILE)?, &calibration)?)
}

/// Both systems: the plain cosine with its own calibration, and the back-end.
///
/// # Errors
/// As [`load`].
pub fn load_systems(model: &str, models_dir: &Path) -> Result<Systems, BackEndError> {
    let full = load(model, models_dir)?;
    let files = Files::find(model, models_dir)?;
    let plain = Calibration::from_json(&files.text(PLAIN_CALIBRATION_FILE)?)?;
    Ok(Systems { plain: Scorer::Plain(plain), full: Scorer::Full(Box::new(full)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_back_end_is_sound() {
        let nowhere = tempfile::tempdir().unwrap();
        let back_end = load("campplus", nowhere.path()).unwrap();
        assert_eq!(back_end.input_dim(), 192);
        assert_eq!(back_end.info().model.id, "campplus");
        load_systems("campplus", nowhere.path()).unwrap();
    }

    #[test]
    fn a_folder_beats_the_built_in_one_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("campplus")).unwrap();
        std::fs::write(dir.path().join("campplus").join(MANIFEST_FILE), "x").unwrap();
        assert!(matches!(load("campplus", dir.path()), Err(BackEndError::File { .. })));
        assert!(matches!(load("other", dir.path()), Err(BackEndError::Missing { .. })));
    }
}
