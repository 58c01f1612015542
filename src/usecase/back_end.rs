//! The back-end of a model: the one in the model's folder, else the one that ships with the program.

use std::io;
use std::path::{Path, PathBuf};

use crate::domain::ArtifactRef;
use crate::scoring::artifact::{CALIBRATION_FILE, MANIFEST_FILE, TENSORS_FILE};
use crate::scoring::{BackEnd, Calibration, Scorer, ScoringError, builtin};
use crate::usecase::evaluate::Systems;
use crate::usecase::fit_backend::PLAIN_CALIBRATION_FILE;
use crate::voice::Manifest;

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
    /// It takes the embeddings of another model, or of another version of this one.
    #[error("the back-end {back_end} is for embeddings of {found}, not of {expected}")]
    OtherModel {
        /// The back-end.
        back_end: ArtifactRef,
        /// The model whose embeddings are to be scored.
        expected: ArtifactRef,
        /// The model it was fitted for.
        found: ArtifactRef,
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
    } else if let Some(built_in) = builtin::find(model) {
        (built_in.back_end()?, built_in.plain()?)
    } else {
        return Err(BackEndError::Missing { model: model.to_owned(), path: manifest });
    };
    let full = fits(model, full)?;
    Ok(Systems { plain: Scorer::Plain(plain), full: Scorer::Full(Box::new(full)) })
}

/// The back-end of a model with its calibration.
///
/// # Errors
/// As [`load_systems`].
pub fn load(model: &str, models_dir: &Path) -> Result<BackEnd, BackEndError> {
    let folder = models_dir.join(model);
    let manifest = folder.join(MANIFEST_FILE);
    match (manifest.is_file(), builtin::find(model)) {
        (true, _) => fits(model, read_back_end(&folder)?),
        (false, Some(built_in)) => fits(model, built_in.back_end()?),
        (false, None) => Err(BackEndError::Missing { model: model.to_owned(), path: manifest }),
    }
}

/// Refuses a back-end that was fitted on other embeddings than those the program makes.
fn fits(model: &str, back_end: BackEnd) -> Result<BackEnd, BackEndError> {
    let info = back_end.info();
    match Manifest::built_in(model).map(|manifest| manifest.artifact()) {
        Some(expected) if expected != info.model => Err(BackEndError::OtherModel {
            back_end: ArtifactRef::new(info.id.clone(), info.version),
            expected,
            found: info.model.clone(),
        }),
        _ => Ok(back_end),
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
    #[test]
    fn a_back_end_for_another_version_is_refused() {
        let back_end = || builtin::find("campplus").unwrap().back_end().unwrap();
        assert!(fits("campplus", back_end()).is_ok());
        let mut info = back_end().info().clone();
        info.model.version += 1;
        let version = info.model.version;
        let parts = back_end().parts().clone();
        let other = BackEnd::new(info, parts, back_end().calibration().clone()).unwrap();
        let refused = fits("campplus", other);
        assert!(
            matches!(refused, Err(BackEndError::OtherModel { found, .. }) if found.version == version)
        );
    }
}
