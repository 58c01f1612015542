//! Which recordings of which people take part.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Recordings shorter than this hardly carry enough speech for one utterance, in seconds.
pub const MIN_SECONDS: f64 = 4.0;
/// Longer ones are left out to keep the demonstration short, in seconds.
pub const MAX_SECONDS: f64 = 20.0;
/// Recordings taken of one folder: some to enroll, the rest to test.
const MAX_PER_FOLDER: usize = 16;

/// One folder: recordings of one person in one language or setting.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Its name, or the language where `speakers.tsv` gives one.
    pub label: String,
    /// G.711 mu-law recordings, in order of file name.
    pub clips: Vec<Clip>,
}

/// One recording, as a telephone would send it.
#[derive(Clone)]
pub struct Clip {
    /// File name without folder and extension.
    pub name: String,
    /// G.711 mu-law at 8 kHz.
    pub mulaw: Vec<u8>,
}

impl std::fmt::Debug for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clip({}, {:.1} s)", self.name, self.seconds())
    }
}

impl Clip {
    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.mulaw.len() as f64 / 8000.0
    }

    /// Packets of 20 ms.
    pub fn packets(&self) -> Vec<Vec<u8>> {
        self.mulaw.chunks(160).map(<[u8]>::to_vec).collect()
    }
}

/// A person with one or more folders.
#[derive(Debug, Clone)]
pub struct Person {
    /// Pseudonymous name, used as subject id.
    pub name: String,
    /// At least one.
    pub folders: Vec<Folder>,
}

/// Why there is nobody to demonstrate with.
#[derive(Debug, thiserror::Error)]
pub enum VoicesError {
    /// The folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Too few people.
    #[error(
        "{}: at least 3 folders (one a speaker) with 6 recordings of {MIN_SECONDS} to {MAX_SECONDS} s each are needed, {found} found",
        path.display()
    )]
    TooFew {
        /// Where was looked.
        path: PathBuf,
        /// Usable folders found.
        found: usize,
    },
}

/// Reads `root`: one folder a speaker, unless `root/speakers.tsv` (folder, speaker, language) says that
/// several folders belong to one. `load` turns a file into G.711 mu-law; files it cannot read are skipped.
pub fn read(
    root: &Path,
    load: impl Fn(&Path) -> Option<Vec<u8>>,
) -> Result<Vec<Person>, VoicesError> {
    let names = speaker_names(root);
    let mut people: BTreeMap<String, Person> = BTreeMap::new();
    let mut folders = entries(root)?;
    folders.retain(|path| path.is_dir());
    let mut usable = 0;
    for path in folders {
        let folder_name = file_name(&path);
        let (name, label) = names
            .get(&folder_name)
            .cloned()
            .unwrap_or_else(|| (pseudonym(&folder_name), folder_name.clone()));
        let clips = clips_of(&path, &load)?;
        if clips.len() < 6 {
            continue;
        }
        usable += 1;
        let person =
            people.entry(name.clone()).or_insert_with(|| Person { name, folders: Vec::new() });
        person.folders.push(Folder { label, clips });
    }
    if people.len() < 3 {
        return Err(VoicesError::TooFew { path: root.to_owned(), found: usable });
    }
    Ok(people.into_values().collect())
}

fn clips_of(
    folder: &Path,
    load: &impl Fn(&Path) -> Option<Vec<u8>>,
) -> Result<Vec<Clip>, VoicesError> {
    let mut clips = Vec::new();
    for path in entries(folder)?.into_iter().filter(|p| p.is_file()) {
        let Some(mulaw) = load(&path) else { continue };
        let clip = Clip { name: file_stem(&path), mulaw };
        if (MIN_SECONDS..=MAX_SECONDS).contains(&clip.seconds()) {
            clips.push(clip);
        }
        if clips.len() == MAX_PER_FOLDER {
            break;
        }
    }
    Ok(clips)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, VoicesError> {
    let unreadable = |source| VoicesError::Unreadable { path: folder.to_owned(), source };
    let mut paths = fs::read_dir(folder)
        .map_err(unreadable)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    paths.sort();
    Ok(paths)
}

/// Folder → (speaker, language).
fn speaker_names(root: &Path) -> BTreeMap<String, (String, String)> {
    let text = fs::read_to_string(root.join("speakers.tsv")).unwrap_or_default();
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let (folder, speaker, language) = (fields.next()?, fields.next()?, fields.next()?);
            Some((folder.to_owned(), (pseudonym(speaker), language.to_owned())))
        })
        .collect()
}

/// A valid subject id from a folder name.
fn pseudonym(text: &str) -> String {
    let id: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' })
        .take(60)
        .collect();
    if id.is_empty() { "speaker".to_owned() } else { id }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

fn file_stem(path: &Path) -> String {
    path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(root: &Path, name: &str, files: usize) {
        fs::create_dir(root.join(name)).unwrap();
        for i in 0..files {
            fs::write(root.join(name).join(format!("{i}.wav")), b"x").unwrap();
        }
    }

    fn five_seconds(_: &Path) -> Option<Vec<u8>> {
        Some(vec![0xff; 40_000])
    }

    #[test]
    fn folders_of_one_speaker_are_joined() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a en", "b", "c", "d"] {
            folder(dir.path(), name, 6);
        }
        let table = "folder\tspeaker\tlanguage\na en\tann\tEnglish\nb\tann\tSpanish\n";
        fs::write(dir.path().join("speakers.tsv"), table).unwrap();
        let people = read(dir.path(), five_seconds).unwrap();
        let names: Vec<_> = people.iter().map(|p| (p.name.as_str(), p.folders.len())).collect();
        assert_eq!(names, [("ann", 2), ("c", 1), ("d", 1)]);
    }

    #[test]
    fn too_few_people_is_said() {
        let dir = tempfile::tempdir().unwrap();
        folder(dir.path(), "a", 6);
        folder(dir.path(), "b", 5);
        let error = read(dir.path(), five_seconds).unwrap_err();
        assert!(matches!(error, VoicesError::TooFew { found: 1, .. }), "{error}");
    }

    #[test]
    fn a_folder_name_becomes_a_valid_id() {
        assert_eq!(pseudonym("Zoë & co"), "Zo____co");
    }
}
