//! Evaluation of behavior and of the style of text: `vouch evaluate keystroke|touch|pointer|text`.
//!
//! Writes into its output folder: `protocol.toml`, which repeats the run to the digit, `scores-CONDITION.tsv`,
//! `evaluation.json`, `det.svg` and `reliability.svg`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::behavior::BehaviorError;
use crate::behavior::trial::TrialSet;
use crate::conversation::ConversationError;
use crate::scoring::ScoringError;

pub mod figures;
pub mod keystroke;
pub mod pointer;
pub mod report;
pub mod text;
pub mod touch;

use figures::{Row, judge, judge_groups};

/// Groups by class of device, or by its model where the data say it.
const DEVICE: &str = "device";
/// Groups by the sitting of the probe.
const SESSION: &str = "session";
/// Layout of protocol files.
const LAYOUT: u32 = 1;
/// Most bytes of an unpacked data set.
const MAX_DATA_BYTES: u64 = 1 << 30;

/// Why there is no evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateBehaviorError {
    /// Reading or writing a file.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// A group that a kind does not know.
    #[error("{kind} has no groups by `{got}`, {known}")]
    Group {
        /// Name of the kind.
        kind: &'static str,
        /// What was asked for.
        got: String,
        /// What there is, in words.
        known: String,
    },
    /// A data set over the limit.
    #[error("{0}: a data set may have {1} bytes when unpacked, more came")]
    TooLarge(PathBuf, u64),
    /// A protocol that cannot be used.
    #[error("protocol: {0}")]
    Protocol(String),
    /// The data or the models.
    #[error(transparent)]
    Behavior(#[from] BehaviorError),
    /// Text and its models.
    #[error(transparent)]
    Conversation(#[from] ConversationError),
    /// The figures.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
}

/// What is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Fixed texts and free text.
    Keystroke,
    /// Strokes of a finger.
    Touch,
    /// A mouse.
    Pointer,
    /// The style of messages.
    Text,
}

impl Kind {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keystroke => "keystroke",
            Self::Touch => "touch",
            Self::Pointer => "pointer",
            Self::Text => "text",
        }
    }

    /// What its trials can be grouped by, as far as the data sets say.
    pub fn groups(self) -> &'static [&'static str] {
        match self {
            Self::Keystroke | Self::Touch => &[DEVICE, SESSION],
            Self::Pointer => &[DEVICE],
            Self::Text => &[],
        }
    }

    /// Checks the names of groups.
    ///
    /// # Errors
    /// A name that is none; it says those there are.
    pub fn grouped(self, by: &[String]) -> Result<Vec<&'static str>, EvaluateBehaviorError> {
        let one = |got: &String| {
            self.groups().iter().find(|name| *name == got).copied().ok_or_else(|| {
                let known = match self.groups() {
                    [] => "nor any others".to_owned(),
                    known => format!("only by {}", known.join(", ")),
                };
                EvaluateBehaviorError::Group { kind: self.name(), got: got.clone(), known }
            })
        };
        let mut known = by.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        known.sort_unstable();
        known.dedup();
        Ok(known)
    }

    /// The protocol that ships.
    pub fn built_in(self) -> &'static str {
        match self {
            Self::Keystroke => keystroke::PROTOCOL,
            Self::Touch => touch::PROTOCOL,
            Self::Pointer => pointer::PROTOCOL,
            Self::Text => text::PROTOCOL,
        }
    }
}

/// Evaluates one kind on the data sets in `data`, by a protocol file or the one that ships, and in groups by what
/// [`Kind::grouped`] lets pass. Answers the tables as Markdown.
///
/// # Errors
/// See [`EvaluateBehaviorError`].
pub fn run(
    kind: Kind,
    data: &Path,
    protocol: Option<&str>,
    by: &[&'static str],
    folder: &Path,
    out: &mut dyn Write,
) -> Result<String, EvaluateBehaviorError> {
    let protocol = protocol.unwrap_or_else(|| kind.built_in());
    let read = |name: &str| read_data(&data.join(name));
    let sets = match kind {
        Kind::Keystroke => {
            keystroke::run(&read, &parsed(protocol, |p: &keystroke::ProtocolFile| p.version)?)?
        }
        Kind::Touch => touch::run(&read, &parsed(protocol, |p: &touch::ProtocolFile| p.version)?)?,
        Kind::Pointer => {
            let protocol = parsed(protocol, |p: &pointer::ProtocolFile| p.version)?;
            pointer::run(&read(&protocol.data)?, &protocol)?
        }
        Kind::Text => {
            let protocol = parsed(protocol, |p: &text::ProtocolFile| p.version)?;
            text::run(&read(&protocol.data)?, &protocol)?
        }
    };
    let rows = finish(&Run { title: kind.name(), protocol, sets: &sets, by }, folder, out)?;
    let tables = report::grids(kind.name(), &rows).map(|grid| grid.markdown());
    Ok(format!("{}\n{}\n", tables.join("\n"), report::LEGEND))
}

/// A protocol file of the layout that is read.
fn parsed<T: serde::de::DeserializeOwned>(
    text: &str,
    version: fn(&T) -> u32,
) -> Result<T, EvaluateBehaviorError> {
    let file: T =
        toml::from_str(text).map_err(|e| EvaluateBehaviorError::Protocol(e.to_string()))?;
    match version(&file) {
        LAYOUT => Ok(file),
        got => Err(EvaluateBehaviorError::Protocol(format!("version {LAYOUT} is read, got {got}"))),
    }
}

/// An evaluation to judge and write.
pub struct Run<'a> {
    /// Over tables and plots.
    pub title: &'a str,
    /// The protocol as a file.
    pub protocol: &'a str,
    /// What was scored.
    pub sets: &'a [TrialSet],
    /// Groups to report besides.
    pub by: &'a [&'static str],
}

/// Judges all conditions, writes the results and the table.
///
/// # Errors
/// Conditions that cannot be judged, and files that cannot be written.
pub fn finish(
    run: &Run<'_>,
    folder: &Path,
    out: &mut dyn Write,
) -> Result<Vec<Row>, EvaluateBehaviorError> {
    let (mut rows, mut without) = (Vec::new(), Vec::new());
    for set in run.sets {
        rows.push(judge(set)?);
        for by in run.by {
            let (judged, small) = judge_groups(set, by);
            rows.extend(judged);
            without.extend(small);
        }
    }
    let failed = |error| EvaluateBehaviorError::File(folder.to_owned(), error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).map_err(failed);
    put("protocol.toml", run.protocol)?;
    for set in run.sets {
        put(&report::file_name(&set.name), &report::scores(set))?;
    }
    for (name, svg) in report::plots(run.title, run.sets) {
        put(name, &svg)?;
    }
    let json = serde_json::to_string_pretty(&rows);
    put("evaluation.json", &json.map_err(|e| EvaluateBehaviorError::Protocol(e.to_string()))?)?;
    for table in report::grids(run.title, &rows) {
        writeln!(out, "{}", table.text()).map_err(failed)?;
    }
    writeln!(out, "{}", report::LEGEND).map_err(failed)?;
    for group in without {
        writeln!(out, "no figures: {group}").map_err(failed)?;
    }
    Ok(rows)
}

/// Reads a data set as it is kept: text, or gzip by its name.
///
/// # Errors
/// A file that cannot be read, is no UTF-8 or is over 1 GiB.
pub fn read_data(path: &Path) -> Result<String, EvaluateBehaviorError> {
    read_up_to(path, MAX_DATA_BYTES)
}

fn read_up_to(path: &Path, limit: u64) -> Result<String, EvaluateBehaviorError> {
    let failed = |error| EvaluateBehaviorError::File(path.to_owned(), error);
    let file = std::fs::File::open(path).map_err(failed)?;
    let packed = path.extension().is_some_and(|e| e == "gz");
    let source: Box<dyn Read> =
        if packed { Box::new(flate2::read::GzDecoder::new(file)) } else { Box::new(file) };
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(EvaluateBehaviorError::TooLarge(path.to_owned(), limit));
    }
    let no_text = |error| failed(std::io::Error::new(std::io::ErrorKind::InvalidData, error));
    String::from_utf8(bytes).map_err(no_text)
}

#[cfg(test)]
#[path = "tests/replays.rs"]
mod replays;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_none_is_refused_with_those_there_are() {
        let by = |kind: Kind, names: &[&str]| {
            kind.grouped(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(by(Kind::Touch, &["session", "device", "session"]).unwrap(), [DEVICE, SESSION]);
        let said = by(Kind::Pointer, &["sex"]).unwrap_err().to_string();
        assert_eq!(said, "pointer has no groups by `sex`, only by device");
        assert!(by(Kind::Text, &["device"]).is_err() && by(Kind::Text, &[]).unwrap().is_empty());
    }

    #[test]
    fn a_data_set_over_the_limit_is_refused_and_not_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.csv.gz");
        let file = std::fs::File::create(&path).unwrap();
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        packed.write_all("größer\n".repeat(100).as_bytes()).unwrap();
        packed.finish().unwrap();
        assert_eq!(read_up_to(&path, 900).unwrap().lines().count(), 100);
        // A limit inside of a letter, too.
        for limit in [899, 3, 0] {
            let refused = read_up_to(&path, limit).unwrap_err();
            assert!(
                matches!(refused, EvaluateBehaviorError::TooLarge(_, l) if l == limit),
                "{refused}"
            );
        }
        std::fs::write(folder.path().join("odd.csv"), [0xff, b'\n']).unwrap();
        let refused = read_up_to(&folder.path().join("odd.csv"), 10).unwrap_err();
        assert!(matches!(refused, EvaluateBehaviorError::File(..)), "{refused}");
    }
}
