//! Files of captures: scores of trials for `vouch behavior score`, samples for `vouch behavior train`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;

use rayon::prelude::*;

use crate::behavior::kinds::{Backgrounds, Template, extract, sample_kind};
use crate::behavior::limits::MAX_ID_BYTES;
use crate::behavior::{BehaviorError, Capture, Device, Evidence, Sample, SampleKind, parse};
use crate::usecase::score_trials::{self, ScoreOutcome, ScoreTrialsError, TrialLine};

/// Separates the captures of a window in a trial.
const WINDOW_SEPARATOR: char = ',';

/// What a profile is compared within: nothing is compared across these.
type Slot = (SampleKind, Device, Option<String>);

/// A capture read, with its features, or why there are none.
struct Read {
    subject: String,
    capture: String,
    /// Absent where the line is no capture.
    slot: Option<Slot>,
    sample: Result<Sample, BehaviorError>,
}

/// The names on a line that is no capture, as far as they can be read.
#[derive(serde::Deserialize)]
struct Names {
    subject: String,
    capture: String,
}

/// Reads all lines. One that is no capture is still a row where it names itself; the others are counted, with
/// their cause in `errors`.
fn read(
    text: &str,
    backgrounds: &Backgrounds,
    name: &str,
    errors: &mut dyn Write,
) -> (Vec<Read>, usize) {
    let mut unnamed = 0;
    let written: Vec<&str> = text.trim_start_matches(parse::BYTE_ORDER_MARK).lines().collect();
    let mut lines: Vec<Result<Capture, Read>> = Vec::new();
    for (line, result) in parse::captures(text) {
        let Err(cause) = result else {
            lines.extend(result.ok().map(Ok));
            continue;
        };
        let written = written.get(line - 1).copied().unwrap_or_default();
        match serde_json::from_str::<Names>(written) {
            Ok(Names { subject, capture }) if is_word(&subject) && is_word(&capture) => {
                lines.push(Err(Read { subject, capture, slot: None, sample: Err(cause) }));
            }
            _ => {
                let _ = writeln!(errors, "vouch: {name}: {}", at_line(&cause, line));
                unnamed += 1;
            }
        }
    }
    let extracted = lines.into_par_iter().map(|line| match line {
        Ok(capture) => {
            let slot = (sample_kind(&capture), capture.device, capture.text_id.clone());
            let sample = extract(&capture, backgrounds);
            Read { subject: capture.subject, capture: capture.capture, slot: Some(slot), sample }
        }
        Err(failed) => failed,
    });
    (extracted.collect(), unnamed)
}

/// Whether a name can stand in a row.
fn is_word(name: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    !name.is_empty() && name.len() <= MAX_ID_BYTES && !name.contains(odd)
}

/// A cause with its line, once.
pub(in crate::usecase) fn at_line(cause: &BehaviorError, line: usize) -> String {
    match cause {
        BehaviorError::Syntax { .. } => cause.to_string(),
        _ => format!("line {line}: {cause}"),
    }
}

/// Scores captures of `test` against profiles made of `enroll`, both as JSON lines: as the trials say
/// (`subject capture[,capture…] [target|nontarget]`), or each against its own subject's profile. Writes TSV with header
/// `subject capture raw llr [label]`, in the order of the trials or captures; what fails has `error` in raw and
/// llr and its cause in `errors`.
///
/// # Errors
/// Trials that are none, and output that cannot be written.
pub fn score(
    backgrounds: &Backgrounds,
    (enroll, test): (&str, &str),
    list: Option<&str>,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> Result<ScoreOutcome, ScoreTrialsError> {
    let listed = list.map(score_trials::parse).transpose()?;
    let (enrolled, bad_enrolled) = read(enroll, backgrounds, "enroll", errors);
    let (probes, bad_probes) = read(test, backgrounds, "test", errors);
    let profiles = Profiles::new(&enrolled, backgrounds, errors);
    let lines: Vec<(TrialLine, Result<Vec<&Read>, String>)> = match listed {
        Some(listed) => {
            let by_id = by_id(&probes);
            let found = listed.into_iter().map(|t| {
                let window = window(&by_id, &t.enroll, &t.test);
                (t, window)
            });
            found.collect()
        }
        // Each is its own probe, whatever else bears the same id.
        None => probes.iter().map(|p| (own_trial(p), Ok(vec![p]))).collect(),
    };
    let score = |(trial, window): &(TrialLine, Result<Vec<&Read>, String>)| {
        profiles.score(&trial.enroll, window.as_ref().map_err(Clone::clone)?)
    };
    let scored: Vec<Result<Evidence, String>> = lines.par_iter().map(score).collect();
    let labels = lines.iter().any(|(trial, _)| trial.label.is_some());
    writeln!(out, "subject\tcapture\traw\tllr{}", if labels { "\tlabel" } else { "" })?;
    let not_enrolled = enrolled.iter().filter(|read| read.sample.is_err()).count();
    let mut failed = bad_enrolled + not_enrolled + bad_probes + untold(&probes, &lines, errors);
    for ((trial, _), scored) in lines.iter().zip(scored) {
        let TrialLine { enroll: subject, test: captures, label } = trial;
        let score = match scored {
            Ok(evidence) => format!("{:.9e}\t{:.9e}", evidence.raw.0, evidence.llr.0),
            Err(cause) => {
                writeln!(errors, "vouch: {subject} {captures}: {cause}")?;
                failed += 1;
                "error\terror".to_owned()
            }
        };
        let label = label.map_or("", |same| if same { "\ttarget" } else { "\tnontarget" });
        writeln!(out, "{subject}\t{captures}\t{score}{label}")?;
    }
    Ok(ScoreOutcome { rows: lines.len(), failed })
}

/// Counts and names the lines that are no capture and stand in no row: no trial asks for them.
fn untold(
    probes: &[Read],
    lines: &[(TrialLine, Result<Vec<&Read>, String>)],
    errors: &mut dyn Write,
) -> usize {
    let windows = lines.iter().flat_map(|(_, window)| window.iter().flatten());
    let told: HashSet<*const Read> = windows.map(|read| std::ptr::from_ref(*read)).collect();
    let mut count = 0;
    for read in
        probes.iter().filter(|r| r.slot.is_none() && !told.contains(&std::ptr::from_ref(*r)))
    {
        if let Err(cause) = &read.sample {
            let _ = writeln!(errors, "vouch: test: {} {}: {cause}", read.subject, read.capture);
            count += 1;
        }
    }
    count
}

fn own_trial(probe: &Read) -> TrialLine {
    TrialLine { enroll: probe.subject.clone(), test: probe.capture.clone(), label: None }
}

fn by_id(probes: &[Read]) -> HashMap<&str, Vec<&Read>> {
    let mut by_id: HashMap<&str, Vec<&Read>> = HashMap::new();
    for probe in probes {
        by_id.entry(&probe.capture).or_default().push(probe);
    }
    by_id
}

/// The captures of a trial. Of several with one id, the subject's own is meant.
fn window<'a>(
    by_id: &HashMap<&str, Vec<&'a Read>>,
    subject: &str,
    captures: &str,
) -> Result<Vec<&'a Read>, String> {
    let one = |id: &str| match by_id.get(id).map(Vec::as_slice) {
        None => Err(format!("no capture `{id}` in the test file")),
        Some([only]) => Ok(*only),
        Some(several) => {
            let own: Vec<_> = several.iter().filter(|read| read.subject == subject).collect();
            match own.as_slice() {
                [only] => Ok(**only),
                _ => Err(format!("{} captures in the test file are `{id}`", several.len())),
            }
        }
    };
    // The whole word first: an id may hold the separator.
    match one(captures) {
        Ok(only) => Ok(vec![only]),
        Err(cause) if !captures.contains(WINDOW_SEPARATOR) => Err(cause),
        Err(_) => captures.split(WINDOW_SEPARATOR).map(one).collect(),
    }
}

/// Every subject's profiles, by slot.
struct Profiles<'a, 'b> {
    templates: BTreeMap<(&'a str, &'a Slot), Result<Template<'b>, BehaviorError>>,
}

impl<'a, 'b> Profiles<'a, 'b> {
    fn new(enrolled: &'a [Read], backgrounds: &'b Backgrounds, errors: &mut dyn Write) -> Self {
        let mut samples: BTreeMap<(&str, &Slot), Vec<Sample>> = BTreeMap::new();
        for read in enrolled {
            match (&read.sample, &read.slot) {
                (Ok(sample), Some(slot)) => {
                    samples.entry((&read.subject, slot)).or_default().push(sample.clone());
                }
                (Err(cause), _) => {
                    let (subject, capture) = (&read.subject, &read.capture);
                    let _ = writeln!(errors, "vouch: not enrolled: {subject} {capture}: {cause}");
                }
                (Ok(_), None) => {}
            }
        }
        let templates = samples
            .into_par_iter()
            .map(|(key, samples)| (key, Template::new(&samples, backgrounds)))
            .collect();
        Self { templates }
    }

    fn score(&self, subject: &str, window: &[&Read]) -> Result<Evidence, String> {
        let Some(first) = window.first() else { return Err("no capture".to_owned()) };
        let samples: Vec<Sample> = window
            .iter()
            .map(|read| read.sample.clone().map_err(|cause| cause.to_string()))
            .collect::<Result<_, _>>()?;
        let Some(slot) = &first.slot else { return Err("no capture".to_owned()) };
        let template = match self.templates.get(&(subject, slot)) {
            Some(Ok(template)) => template,
            Some(Err(cause)) => return Err(cause.to_string()),
            None => {
                let (kind, device, text) = slot;
                let text = text.as_ref().map(|t| format!(" of text `{t}`")).unwrap_or_default();
                let (kind, device) = (kind.as_str(), device.as_str());
                return Err(format!("`{subject}` has no {device} profile of {kind}{text}"));
            }
        };
        template.score(&samples).map_err(|cause| cause.to_string())
    }
}

#[cfg(test)]
mod tests;
