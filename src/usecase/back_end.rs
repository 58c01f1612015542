//! The back-end of a model: the one in the model's folder, else the one that ships with the program.

use std::io;
use std::path::{Path, PathBuf};

use crate::scoring::artifact::{CALIBRATION_FILE, MANIFEST_FILE, TENSORS_FILE};
use crate::scoring::{BackEnd, Calibration, Scorer, ScoringError, builtin};
use crate::usecase::evaluate::Systems;
use crate::usecase::fit_backend::PLAIN_CALIBRATION_FILE;

/// The model whose back-end ships with the program.
const BUILT_IN: &str = "campplus";

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
    /// The artefact is not sound.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
}

/// Both systems of a model: the plain cosine with its own calibration, and the back-end. All files come
/// from the model's folder if it has a manifest of a back-end there, else all are the built-in ones.
///
/// # Errors
/// No artefact, or one that cannot be read.
pub fn load_systems(model: &str, models_dir: &Path) -> Result<Systems, BackEndError> {
    let folder = models_dir.join(model);
    let manifest = folder.join(MANIFEST_FILE);
    let (full, plain) = if manifest.is_file() {
        (read_back_end(&folder)?, Calibration::from_json(&text(&folder, PLAIN_CALIBRATION_FILE)?)?)
    } else if model == BUILT_IN {
        (builtin::campplus()?, builtin::campplus_plain()?)
    } else {
        return Err(BackEndError::Missing { model: model.to_owned(), path: manifest });
    };
    Ok(Systems { plain: Scorer::Plain(plain), full: Scorer::Full(Box::new(full)) })
}

/// The back-end of a model with its calibration.
///
/// # Errors
/// As [`load_systems`].
pub fn load(model: &str, models_dir: &Path) -> Result<BackEnd, BackEndError> {
    let folder = models_dir.join(model);
    let manifest = folder.join(MANIFEST_FILE);
    match (manifest.is_file(), model) {
        (true, _) => read_back_end(&folder),
        (false, BUILT_IN) => Ok(builtin::campplus()?),
        (false, _) => Err(BackEndError::Missing { model: model.to_owned(), path: manifest }),
    }
}

fn read_back_end(folder: &Path) -> Result<BackEnd, BackEndError> {
    let path = folder.join(TENSORS_FILE);
    let tensors = std::fs::read(&path).map_err(|source| BackEndError::File { path, source })?;
    let (manifest, calibration) = (text(folder, MANIFEST_FILE)?, text(folder, CALIBRATION_FILE)?);
    Ok(BackEnd::from_files(&manifest, &tensors, &calibration)?)
}

fn text(folder: &Path, name: &str) -> Result<String, BackEndError> {
    let path = folder.join(name);
    std::fs::read_to_string(&path).map_err(|source| BackEndError::File { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_folder_the_built_in_one_is_taken() {
        let nowhere = tempfile::tempdir().unwrap();
        assert_eq!(load("campplus", nowhere.path()).unwrap().input_dim(), 192);
        assert!(load_systems("campplus", nowhere.path()).is_ok());
        let other = load("other", nowhere.path());
        assert!(matches!(other, Err(BackEndError::Missing { .. })));
    }

    #[test]
    fn a_folder_is_taken_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("campplus")).unwrap();
        std::fs::write(dir.path().join("campplus").join(MANIFEST_FILE), "x").unwrap();
        assert!(matches!(load("campplus", dir.path()), Err(BackEndError::File { .. })));
    }
}
