//! Background models of behavior: those that ship, those of a folder, and fitting one on captures.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

pub use crate::behavior::SampleKind as TrainedKind;
use crate::behavior::keystroke::{fixed, free};
pub use crate::behavior::kinds::Backgrounds;
use crate::behavior::kinds::sample_kind;
use crate::behavior::touch::TrainingSample;
use crate::behavior::{BehaviorError, Capture, Sample, SampleKind, builtin, parse, pointer, touch};
use crate::conversation::ConversationError;
use crate::domain::{ArtifactRef, LicenseClass};
use crate::usecase::behavior_files::at_line;
use crate::usecase::evaluate_behavior::EvaluateBehaviorError;
use crate::usecase::evaluate_behavior::keystroke::numbered;

pub mod public;

/// Why there are no models.
#[derive(Debug, thiserror::Error)]
pub enum BackgroundsError {
    /// A file that cannot be read.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// A file that is no model.
    #[error("{0}: {1}")]
    Unusable(PathBuf, #[source] BehaviorError),
    /// A folder without models.
    #[error(
        "{0}: none of fixed-text.json, free-text.json, touch.json, pointer.json; `--backgrounds none` \
         compares without"
    )]
    None(PathBuf),
    /// A model that cannot be used, or captures that give none.
    #[error(transparent)]
    Behavior(#[from] BehaviorError),
    /// Texts that give no model.
    #[error(transparent)]
    Conversation(#[from] ConversationError),
    /// A data set that cannot be read.
    #[error(transparent)]
    Data(#[from] EvaluateBehaviorError),
    /// A model that cannot be written.
    #[error("writing the model: {0}")]
    Json(#[from] serde_json::Error),
}

/// The models in a folder: a file each (`fixed-text.json`, `free-text.json`, `touch.json`, `pointer.json`), as `vouch
/// behavior train` writes them. A kind without a file uses its fallback.
///
/// # Errors
/// No such file at all, or one that cannot be read or used.
pub fn from_folder(folder: &Path) -> Result<Backgrounds, BackgroundsError> {
    let mut all = Backgrounds::default();
    put_folder(folder, &mut all)?;
    Ok(all)
}

/// Puts the models of a folder, see [`from_folder`], in place of those of their kinds. Their names: the id says that they
/// are a tenant's own, the version is a checksum, so that a profile of a refit model is another's.
///
/// # Errors
/// See [`from_folder`].
pub fn put_folder(
    folder: &Path,
    all: &mut Backgrounds,
) -> Result<Vec<(SampleKind, ArtifactRef)>, BackgroundsError> {
    let mut found = Vec::new();
    for kind in SampleKind::ALL {
        let name = kind.as_str().replace('_', "-");
        let path = folder.join(format!("{name}.json"));
        match std::fs::read_to_string(&path) {
            Ok(json) => {
                all.put(kind, &json)
                    .map_err(|error| BackgroundsError::Unusable(path.clone(), error))?;
                let id = format!("own-{name}");
                found.push((kind, ArtifactRef::new(id, checksum(json.as_bytes()))));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(BackgroundsError::File(path, error)),
        }
    }
    if found.is_empty() { Err(BackgroundsError::None(folder.to_owned())) } else { Ok(found) }
}

/// FNV-1a of 32 bits: tells files apart, against nobody who wants to deceive.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |h, byte| (h ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// A fitted model.
pub struct Trained {
    /// Its file.
    pub json: String,
    /// Captures it was fitted on.
    pub captures: usize,
    /// People behind them.
    pub people: usize,
    /// Captures that could not be read or hold no features; each has its cause in `errors`.
    pub failed: usize,
    /// Captures that have features and took no part: of people, or of a text, with too few of them.
    pub unused: usize,
}

/// Fits the model of a kind on captures as JSON lines, each person's oldest first. Captures of other kinds are passed over.
///
/// # Errors
/// Too few people or captures.
pub fn train(
    kind: SampleKind,
    text: &str,
    errors: &mut dyn Write,
) -> Result<Trained, BackgroundsError> {
    let mut failed = 0;
    let mut captures: Vec<Capture> = Vec::new();
    for (line, read) in parse::captures(text) {
        match read {
            Ok(capture) if sample_kind(&capture) == kind => captures.push(capture),
            Ok(_) => {}
            Err(cause) => {
                let _ = writeln!(errors, "vouch: {}", at_line(&cause, line));
                failed += 1;
            }
        }
    }
    let mut names = Vec::new();
    let numbered = numbered(&captures, &mut names);
    let extract: fn(&Capture) -> Result<Sample, BehaviorError> = match kind {
        SampleKind::FixedText => |c| fixed::extract(c, None),
        SampleKind::FreeText => |c| free::extract(c, None),
        SampleKind::Touch => |c| touch::extract(c, None),
        SampleKind::Pointer => |c| pointer::extract(c, None),
    };
    let samples = extracted(&numbered, extract, &mut failed, errors);
    let usable: Vec<_> = samples.iter().map(|(p, s, capture, _)| (*p, *s, *capture)).collect();
    let (json, (captures, people)) = match kind {
        SampleKind::FixedText => {
            let options = fixed::TrainOptions::default();
            let fitted = fixed::Background::train(&usable, &options)?;
            (serde_json::to_string(&fitted)?, fixed::Background::used(&usable)?)
        }
        SampleKind::FreeText => {
            let fitted = free::Background::train(&usable)?;
            (serde_json::to_string(&fitted)?, free::Background::used(&usable)?)
        }
        SampleKind::Touch => {
            let rows = samples.iter().map(|(person, session, _, sample)| TrainingSample {
                person: *person,
                session: *session,
                device: None,
                sample,
            });
            let rows: Vec<_> = rows.collect();
            let fitted = touch::Background::train(&rows)?;
            (serde_json::to_string(&fitted)?, touch::Background::used(&rows))
        }
        SampleKind::Pointer => {
            let rows: Vec<_> = samples.iter().map(|(p, s, _, sample)| (*p, *s, sample)).collect();
            let fitted = pointer::Background::train(&rows)?;
            let people: BTreeSet<u32> = rows.iter().map(|row| row.0).collect();
            (serde_json::to_string(&fitted)?, (rows.len(), people.len()))
        }
    };
    let unused = samples.len().saturating_sub(captures);
    Ok(Trained { json, captures, people, failed, unused })
}

/// A capture with the numbers of its person and sitting, and its features.
type Extracted<'c> = (u32, u32, &'c Capture, Sample);

/// Those captures that have features; the others are named and counted.
fn extracted<'c>(
    captures: &[(u32, u32, &'c Capture)],
    extract: impl Fn(&Capture) -> Result<Sample, BehaviorError>,
    failed: &mut usize,
    errors: &mut dyn Write,
) -> Vec<Extracted<'c>> {
    let mut samples = Vec::with_capacity(captures.len());
    for (person, session, capture) in captures {
        match extract(capture) {
            Ok(sample) => samples.push((*person, *session, *capture, sample)),
            Err(cause) => {
                let _ = writeln!(errors, "vouch: {} {}: {cause}", capture.subject, capture.capture);
                *failed += 1;
            }
        }
    }
    samples
}

/// What ships: id and version, terms, and what it knows.
pub fn listed() -> Vec<(ArtifactRef, LicenseClass, &'static str)> {
    let of = |kind: SampleKind| {
        let knows = match kind {
            SampleKind::FixedText => "typing of fixed texts",
            SampleKind::FreeText => "typing of free text",
            SampleKind::Touch => "strokes on a touch screen",
            SampleKind::Pointer => "movements of a mouse",
        };
        (builtin::reference(kind), builtin::LICENSE, knows)
    };
    SampleKind::ALL.into_iter().map(of).collect()
}

/// The models that ship, or none where only models of class `open` may be used: all of them are of class `research`.
///
/// # Errors
/// Never for the shipped files.
pub fn shipped(open_only: bool) -> Result<Backgrounds, BackgroundsError> {
    Ok(if open_only { Backgrounds::default() } else { builtin::all()? })
}
