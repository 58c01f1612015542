//! Scores of the modalities: read from the results of other evaluations, which are made where they are missing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use crate::domain::Modality;
use crate::usecase::evaluate_behavior::{self, Kind};
use crate::usecase::evaluate_session::EvaluateSessionError;
use crate::usecase::evaluate_session::protocol::ProtocolFile;

/// Layout that a part's protocol is given.
const PART_VERSION: i64 = 1;

/// LLRs of the comparisons of one data set. People count from 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Source {
    /// Names.
    pub people: Vec<String>,
    /// For each person, their own probes against their profile.
    pub own: Vec<Vec<f64>>,
    /// Probes of the second against the profile of the first.
    pub others: BTreeMap<(usize, usize), Vec<f64>>,
}

/// The data sets of one modality.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sources {
    /// In the order of the protocol; those that are only fitted on come last.
    pub all: Vec<Source>,
    /// How many of them, from the first on, are only judged on; `None` where people are dealt to both.
    pub judged: Option<usize>,
}

impl Source {
    /// Groups of people who are compared with each other, at least two each; whoever has no probe of their own is in none.
    pub fn groups(&self) -> Vec<Vec<usize>> {
        let mut group: Vec<usize> = (0..self.people.len()).collect();
        for (a, b) in self.others.keys() {
            let (from, to) = (group[*a], group[*b]);
            if from != to {
                group.iter_mut().filter(|g| **g == from).for_each(|g| *g = to);
            }
        }
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (person, group) in group.iter().enumerate() {
            if !self.own[person].is_empty() {
                groups.entry(*group).or_default().push(person);
            }
        }
        groups.into_values().filter(|people| people.len() > 1).collect()
    }
}

/// Reads a file of scores as `vouch evaluate` writes them.
///
/// # Errors
/// Columns that are missing, and values that are no numbers; with the line.
pub fn read_scores(text: &str) -> Result<Source, String> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let column = |names: [&str; 2]| {
        let place = names.iter().find_map(|name| head.iter().position(|h| h == name));
        place.ok_or_else(|| format!("no column {}", names.join(" or ")))
    };
    let columns = [
        column(["enrolled", "enroll_speaker"])?,
        column(["subject", "test_speaker"])?,
        column(["llr", "full_llr"])?,
    ];
    let mut source = Source::default();
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for (i, line) in lines.enumerate() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [enrolled, probe, llr] = columns.map(|c| cells.get(c).copied().unwrap_or_default());
        let llr: f64 = llr.parse().ok().filter(|llr: &f64| llr.is_finite()).ok_or_else(|| {
            format!("line {}: `{}` is no LLR", i + 2, llr.chars().take(20).collect::<String>())
        })?;
        let [enrolled, probe] = [enrolled, probe].map(|name| {
            let next = numbers.len();
            let number = *numbers.entry(name.to_owned()).or_insert(next);
            if number == next {
                source.people.push(name.to_owned());
                source.own.push(Vec::new());
            }
            number
        });
        if enrolled == probe {
            source.own[enrolled].push(llr);
        } else {
            source.others.entry((enrolled, probe)).or_default().push(llr);
        }
    }
    Ok(source)
}

/// The sources of every modality, in the order of the protocol; `results` has a folder for each evaluation. Evaluations of
/// behavior that are missing are made from the data sets in `data`.
///
/// # Errors
/// Results that are missing and cannot be made, or that cannot be read.
pub fn sources(
    protocol: &ProtocolFile,
    results: &Path,
    data: Option<&Path>,
    out: &mut dyn Write,
) -> Result<BTreeMap<Modality, Sources>, EvaluateSessionError> {
    let mut all = BTreeMap::new();
    for part in &protocol.modalities {
        let files: Vec<&String> =
            part.scores.iter().chain(part.fit_scores.iter().flatten()).collect();
        let missing = files.iter().filter(|name| !results.join(name).is_file());
        let folders: BTreeSet<&str> =
            missing.filter_map(|name| name.split_once('/')).map(|(folder, _)| folder).collect();
        for folder in folders {
            make(protocol, folder, results, data, out)?;
        }
        let read = |name: &&String| {
            let path = results.join(name);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| EvaluateSessionError::File(path.clone(), error))?;
            read_scores(&text).map_err(|why| EvaluateSessionError::Scores(path, why))
        };
        let judged = part.fit_scores.as_ref().map(|_| part.scores.len());
        let read = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        all.insert(part.modality, Sources { all: read, judged });
    }
    Ok(all)
}

fn make(
    protocol: &ProtocolFile,
    name: &str,
    results: &Path,
    data: Option<&Path>,
    out: &mut dyn Write,
) -> Result<(), EvaluateSessionError> {
    let kinds = [Kind::Keystroke, Kind::Touch, Kind::Pointer, Kind::Text];
    let kind = kinds.into_iter().find(|kind| kind.name() == name);
    let (Some(kind), Some(data), Some(table)) = (kind, data, protocol.parts.get(name)) else {
        return Err(EvaluateSessionError::Missing {
            folder: results.join(name),
            part: name.to_owned(),
        });
    };
    let mut table = table.clone();
    table.insert("version".to_owned(), PART_VERSION.into());
    let text =
        toml::to_string(&table).map_err(|e| EvaluateSessionError::Protocol(e.to_string()))?;
    evaluate_behavior::run(kind, data, Some(&text), &[], &results.join(name), out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: &str = "enrolled\tsubject\tcapture\traw\tllr\tlabel\n\
        a\ta\t1\t0\t3.5\ttarget\na\tb\t1\t0\t-1\tnontarget\nb\ta\t1\t0\t-2\tnontarget\n\
        b\tb\t1\t0\t2\ttarget\nb\tb\t2\t0\t1\ttarget\nc\tc\t1\t0\t9\ttarget\n";

    #[test]
    fn scores_of_behavior_and_of_voice_are_read() {
        let source = read_scores(SCORES).unwrap();
        assert_eq!(source.people, ["a", "b", "c"]);
        assert_eq!(source.own, [vec![3.5], vec![2.0, 1.0], vec![9.0]]);
        assert_eq!(source.others[&(1, 0)], [-2.0]);
        // c is compared with nobody.
        assert_eq!(source.groups(), [vec![0, 1]]);
        let voice = "trial\tplain_llr\tfull_llr\tlabel\tenroll_speaker\ttest_speaker\n\
            1\t5\t8.5\ttarget\tF\tF\n";
        assert_eq!(read_scores(voice).unwrap().own, [vec![8.5]]);
    }

    #[test]
    fn broken_scores_are_refused_with_their_line() {
        assert!(read_scores("").unwrap_err().contains("enrolled"));
        for bad in ["error", "NaN", "inf", ""] {
            let text = format!("enrolled\tsubject\tllr\na\ta\t1\na\tb\t{bad}\n");
            assert!(read_scores(&text).unwrap_err().contains("line 3"), "{bad}");
        }
    }
}
