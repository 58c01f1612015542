//! A folder of speech with its manifest.

use std::collections::BTreeMap;
use std::path::Path;

/// One recording of a speech set.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Data set it belongs to.
    pub corpus: String,
    /// Speaker, unique within the corpus.
    pub speaker: String,
    /// Path relative to the manifest.
    pub file: String,
    /// Duration.
    pub seconds: f64,
    /// `F`, `M`, other, or empty when unknown.
    pub gender: String,
    /// Years or a band of years (`34`, `30-39`), or empty when unknown.
    pub age: String,
}

/// Why there is no speech set.
#[derive(Debug, thiserror::Error)]
pub enum SpeechSetError {
    /// The manifest cannot be read.
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    /// A column is missing.
    #[error("the manifest has no column `{0}`")]
    Column(&'static str),
    /// A line does not fit its header.
    #[error("line {0} of the manifest is not readable")]
    Line(usize),
}

/// Name of the manifest within a folder of speech.
pub const MANIFEST: &str = "manifest.tsv";

/// Reads `manifest.tsv` of a folder: tab-separated, with columns corpus, speaker, file, seconds,
/// gender, where it has one age, and any others.
pub fn read(folder: &Path) -> Result<Vec<Recording>, SpeechSetError> {
    let path = folder.join(MANIFEST);
    let text = std::fs::read_to_string(&path)
        .map_err(|e| SpeechSetError::Io(path.display().to_string(), e))?;
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<Recording>, SpeechSetError> {
    let mut lines = text.lines().enumerate();
    let header: BTreeMap<&str, usize> = lines
        .next()
        .map_or("", |(_, line)| line)
        .split('\t')
        .enumerate()
        .map(|(i, name)| (name.trim(), i))
        .collect();
    let column = |name: &'static str| {
        let at = header.get(name).copied();
        at.ok_or(SpeechSetError::Column(name))
    };
    let [corpus, speaker, file, seconds, gender] = [
        column("corpus")?,
        column("speaker")?,
        column("file")?,
        column("seconds")?,
        column("gender")?,
    ];
    let age = header.get("age").copied();
    let mut recordings = Vec::new();
    for (number, line) in lines {
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        let field = |i: usize| {
            let text = fields.get(i).copied();
            text.ok_or(SpeechSetError::Line(number + 1))
        };
        let optional = |i: Option<usize>| i.map_or(Ok(""), field).map(str::to_owned);
        let seconds = field(seconds)?.parse::<f64>();
        recordings.push(Recording {
            corpus: field(corpus)?.to_owned(),
            speaker: field(speaker)?.to_owned(),
            file: field(file)?.to_owned(),
            seconds: seconds.map_err(|_| SpeechSetError::Line(number + 1))?,
            gender: field(gender)?.to_owned(),
            age: optional(age)?,
        });
    }
    Ok(recordings)
}

/// Recordings by corpus and speaker, in the order of the manifest.
pub fn by_speaker(recordings: &[Recording]) -> Vec<Vec<&Recording>> {
    let mut position: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut speakers: Vec<Vec<&Recording>> = Vec::new();
    for recording in recordings {
        let key = (recording.corpus.as_str(), recording.speaker.as_str());
        let at = *position.entry(key).or_insert(speakers.len());
        if at == speakers.len() {
            speakers.push(Vec::new());
        }
        speakers[at].push(recording);
    }
    speakers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_by_its_header() {
        let text = "file\tcorpus\tspeaker\tage\tgender\tseconds\na.wav\tx\ts1\t\tF\t1.5\n\
                    b.wav\tx\ts2\t9\t\t2\nc.wav\tx\ts1\t\tF\t3\n";
        let set = parse(text).unwrap();
        assert_eq!(set.len(), 3);
        assert_eq!((set[0].seconds, set[1].gender.as_str()), (1.5, ""));
        assert_eq!((set[0].age.as_str(), set[1].age.as_str()), ("", "9"));
        let speakers = by_speaker(&set);
        assert_eq!(speakers[0].len(), 2);
        assert_eq!(speakers[1][0].file, "b.wav");
    }

    #[test]
    fn broken_manifests_are_refused() {
        assert!(matches!(parse("file\tcorpus\n"), Err(SpeechSetError::Column(_))));
        let header = "corpus\tspeaker\tfile\tseconds\tgender\n";
        let bad = format!("{header}x\ts\tf\tlong\tF\n");
        assert!(matches!(parse(&bad), Err(SpeechSetError::Line(2))));
        let short = format!("{header}x\ts\n");
        assert!(matches!(parse(&short), Err(SpeechSetError::Line(2))));
    }
}
