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
    /// Sitting, as the data set tells them apart, or empty when it does not.
    pub session: String,
}

impl Recording {
    /// Language, where the file name has it in the manner of Common Voice
    /// (`common_voice_LANGUAGE_NUMBER`).
    pub fn language(&self) -> Option<&str> {
        let name = self.file.rsplit('/').next()?;
        name.strip_prefix("common_voice_")?.split('_').next()
    }
}

/// One speaker in this many is held back from every fit.
const HELD_BACK_OF: u64 = 10;

/// FNV-1a, 64 bits (Fowler, Noll, Vo).
pub fn fnv1a_64(bytes: &[u8]) -> u64 {
    fnv1a_64_from(0xcbf2_9ce4_8422_2325, bytes)
}

/// FNV-1a from another start than the standard one.
pub(crate) fn fnv1a_64_from(start: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Whether a speaker is held back from every fit, so that models can be measured on them: a tenth, by
/// FNV-1a of the id (UTF-8, as the manifest has it). Whatever trains on a data set with held-back
/// speakers must use this same rule.
pub fn held_back(speaker: &str) -> bool {
    fnv1a_64(speaker.as_bytes()).is_multiple_of(HELD_BACK_OF)
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
/// gender, where it has them age and session, and any others.
pub fn read(folder: &Path) -> Result<Vec<Recording>, SpeechSetError> {
    let path = folder.join(MANIFEST);
    let text = std::fs::read_to_string(&path)
        .map_err(|e| SpeechSetError::Io(path.display().to_string(), e))?;
    parse(&text)
}

/// Reads the text of a manifest.
pub fn parse(text: &str) -> Result<Vec<Recording>, SpeechSetError> {
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
    let (age, session) = (header.get("age").copied(), header.get("session").copied());
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
            session: optional(session)?,
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
        assert_eq!((set[0].session.as_str(), set[1].age.as_str()), ("", "9"));
        let speakers = by_speaker(&set);
        assert_eq!(speakers[0].len(), 2);
        assert_eq!(speakers[1][0].file, "b.wav");
    }

    #[test]
    fn the_held_back_tenth_is_fixed() {
        // Vectors of the FNV specification.
        assert_eq!(fnv1a_64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a_64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a_64(b"foobar"), 0x8594_4171_f739_67e8);
        for (speaker, held) in [
            ("CV013358357c251280", true),
            ("CV05790f072fa8d9ac", true),
            ("CV004ed6c9d3b96bca", false),
            ("CV0080c4dd14648652", false),
            ("é", fnv1a_64(&[0xc3, 0xa9]).is_multiple_of(10)),
        ] {
            assert_eq!(held_back(speaker), held, "{speaker}");
        }
        let share = (0..10_000).filter(|i| held_back(&format!("speaker {i}"))).count();
        assert!((900..1_100).contains(&share), "{share}");
    }

    #[test]
    fn the_language_is_in_the_name_of_a_clip() {
        let of = |file: &str| {
            let line = format!("corpus\tspeaker\tfile\tseconds\tgender\nc\ts\t{file}\t1\t\n");
            parse(&line).unwrap()[0].language().map(str::to_owned)
        };
        assert_eq!(of("c/s/common_voice_sv-SE_20729765.wav").as_deref(), Some("sv-SE"));
        assert_eq!(of("c/s/other_1.wav"), None);
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
