//! How a server fuses the modalities of its sessions, as the configuration names it.

use std::path::{Path, PathBuf};

use crate::config::{Config, FUSION_CAUTIOUS as CAUTIOUS, FUSION_FITTED as FITTED};
use crate::domain::{ArtifactRef, LicenseClass};
use crate::scoring::ScoringError;
use crate::scoring::fusion::Fusion;

/// Largest file, in bytes: the largest sound one has about 8 KiB.
const MAX_FILE_BYTES: u64 = 64 * 1_024;

/// Why a fusion cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FusionFileError {
    /// The file cannot be read.
    #[error("{path}: neither `{FITTED}` nor `{CAUTIOUS}`, and no file that can be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is too long.
    #[error("{path}: a fusion has at most {MAX_FILE_BYTES} bytes, this file has {got}")]
    TooLong {
        /// Which.
        path: PathBuf,
        /// Its length in bytes.
        got: u64,
    },
    /// What is in it is none.
    #[error("{name} is no sound fusion")]
    Unsound {
        /// The file, or the name.
        name: String,
        /// Why.
        #[source]
        source: ScoringError,
    },
    /// Its terms are not allowed.
    #[error("{fusion} is of license class {class:?}, models.license is open")]
    License {
        /// Which.
        fusion: ArtifactRef,
        /// Its class.
        class: LicenseClass,
    },
}

/// The fusion of a server. The fitted one that ships gives way to the cautious one where its license is not
/// allowed; a file that was named does not.
///
/// # Errors
/// See [`FusionFileError`].
pub fn of_server(config: &Config) -> Result<Fusion, FusionFileError> {
    let allowed = |fusion: &Fusion| config.models.license.allows(fusion.license);
    match config.models.fusion.as_str() {
        CAUTIOUS => Ok(Fusion::cautious()),
        FITTED => {
            let fitted = shipped()?;
            Ok(if allowed(&fitted) { fitted } else { Fusion::cautious() })
        }
        path => {
            let fusion = read(Path::new(path))?;
            match allowed(&fusion) {
                true => Ok(fusion),
                false => Err(FusionFileError::License { class: fusion.license, fusion: fusion.id }),
            }
        }
    }
}

/// Says which one is used and on what terms.
pub fn tell(config: &Config, fusion: &Fusion) {
    let (id, class) = (&fusion.id, fusion.license);
    if config.models.fusion == FITTED && !config.models.license.allows(LicenseClass::Research) {
        tracing::info!(target: "vouch::app", fusion = %id, "the fitted fusion is left out: models.license is open");
    } else {
        tracing::info!(target: "vouch::app", fusion = %id, license_class = ?class, "fusion of sessions");
    }
}

/// What ships: id and version, terms, and what it is.
///
/// # Errors
/// Never for the shipped files.
pub fn listed() -> Result<Vec<(ArtifactRef, LicenseClass, String)>, FusionFileError> {
    let people = |fusion: &Fusion| match fusion.fitted_on.people {
        0 => "chosen weights".to_owned(),
        people => format!("fitted on {people} chimeric people"),
    };
    let one = |(name, fusion): (&str, Fusion)| {
        let about = format!("{}, [models] fusion = \"{name}\"", people(&fusion));
        (fusion.id, fusion.license, about)
    };
    let ships = [(FITTED, shipped()?), (CAUTIOUS, Fusion::cautious())];
    Ok(ships.into_iter().map(one).collect())
}

fn shipped() -> Result<Fusion, FusionFileError> {
    let unsound = |source| FusionFileError::Unsound { name: FITTED.to_owned(), source };
    Fusion::fitted().map_err(unsound)
}

fn read(path: &Path) -> Result<Fusion, FusionFileError> {
    let at = |source| FusionFileError::Read { path: path.to_owned(), source };
    let got = std::fs::metadata(path).map_err(at)?.len();
    if got > MAX_FILE_BYTES {
        return Err(FusionFileError::TooLong { path: path.to_owned(), got });
    }
    let text = std::fs::read_to_string(path).map_err(at)?;
    let name = path.display().to_string();
    Fusion::from_json(&text).map_err(|source| FusionFileError::Unsound { name, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LicensePolicy;

    fn named(fusion: &str, license: LicensePolicy) -> Result<Fusion, FusionFileError> {
        let mut config = Config::default();
        config.models.fusion = fusion.to_owned();
        config.models.license = license;
        of_server(&config)
    }

    #[test]
    fn names_and_terms_say_which() {
        use LicensePolicy::{Any, Open};
        let fitted = Fusion::fitted().expect("sound").id;
        let cautious = Fusion::cautious().id;
        let cases = [(FITTED, Any, &fitted), (FITTED, Open, &cautious), (CAUTIOUS, Any, &cautious)];
        for (name, license, id) in cases {
            assert_eq!(named(name, license).expect(name).id, *id, "{name} {license:?}");
        }
    }

    #[test]
    fn files_are_checked() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("own.json");
        let at = path.to_str().expect("a path");
        let put = |text: &str| std::fs::write(&path, text).expect("written");
        assert!(matches!(named(at, LicensePolicy::Any), Err(FusionFileError::Read { .. })));
        let mut own = Fusion::cautious();
        own.id = ArtifactRef::new("own", 7);
        put(&own.to_json().expect("json"));
        assert_eq!(named(at, LicensePolicy::Open).expect("allowed").id.to_string(), "own@7");
        own.license = LicenseClass::Research;
        put(&own.to_json().expect("json"));
        assert_eq!(named(at, LicensePolicy::Any).expect("allowed"), own);
        assert!(matches!(named(at, LicensePolicy::Open), Err(FusionFileError::License { .. })));
        own.weights[0].weight = 7.0;
        put(&own.to_json().expect("json"));
        assert!(matches!(named(at, LicensePolicy::Any), Err(FusionFileError::Unsound { .. })));
        put(&" ".repeat(70_000));
        let long = named(at, LicensePolicy::Any);
        assert!(matches!(long, Err(FusionFileError::TooLong { got: 70_000, .. })));
    }
}
