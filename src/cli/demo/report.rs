//! The demonstration's report: plain text, aligned, readable in any terminal.

use std::io::{self, Write};
use std::time::Duration;

use crate::grpc::proto as pb;

/// Writes the report.
pub struct Report<W: Write> {
    out: W,
    section: u32,
}

/// One verification as a row of the table.
pub struct VerificationRow<'a> {
    /// Claimed subject.
    pub claim: &'a str,
    /// Who really speaks, and in which language or folder.
    pub caller: &'a str,
    /// Recording.
    pub clip: &'a str,
    /// Length of the recording in seconds.
    pub seconds: f64,
    /// The answer.
    pub result: &'a pb::VerificationResult,
    /// From the first byte sent to the answer.
    pub took: Duration,
}

impl<W: Write> Report<W> {
    /// A report to `out`.
    pub fn new(out: W) -> Self {
        Self { out, section: 0 }
    }

    /// A numbered section.
    pub fn section(&mut self, title: &str) -> io::Result<()> {
        self.section += 1;
        writeln!(self.out, "\n{}  {title}", self.section)
    }

    /// A line of text.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Column heads of the verification table.
    pub fn verification_head(&mut self) -> io::Result<()> {
        self.line(&format!(
            "   {:<10} {:<20} {:<22} {:>6} {:>6} {:>7}  {:<12} {:>6}  {}",
            "claim", "caller", "recording", "audio", "speech", "LLR", "decision", "ms", "why"
        ))
    }

    /// One verification.
    pub fn verification(&mut self, row: &VerificationRow<'_>) -> io::Result<()> {
        let quality = row.result.quality.as_ref();
        let speech = quality.map_or(0.0, |q| f64::from(q.net_speech_ms) / 1000.0);
        self.line(&format!(
            "   {:<10} {:<20} {:<22} {:>5.1}s {:>5.1}s {:>7}  {:<12} {:>6.0}  {}",
            cut(row.claim, 10),
            cut(row.caller, 20),
            cut(row.clip, 22),
            row.seconds,
            speech,
            llr(row.result.score.as_ref()),
            decision(row.result.decision),
            row.took.as_secs_f64() * 1000.0,
            reasons(&row.result.reasons)
        ))
    }
}

/// A progress bar of 20 cells.
pub fn bar(done: f64, all: f64) -> String {
    let share = if all > 0.0 { (done / all).clamp(0.0, 1.0) } else { 0.0 };
    let full = (share * 20.0).round() as usize;
    format!("[{}{}]", "#".repeat(full), ".".repeat(20 - full))
}

/// LLR with sign, or a dash.
pub fn llr(score: Option<&pb::Score>) -> String {
    score.and_then(|s| s.llr).map_or_else(|| "-".to_owned(), |llr| format!("{llr:+.1}"))
}

/// A decision in the proto's words, without its prefix.
pub fn decision(number: i32) -> &'static str {
    pb::Decision::try_from(number).map_or("?", |d| d.as_str_name().trim_start_matches("DECISION_"))
}

/// Reasons in the proto's words, lower case. That no attack detection ran is said once, at the end.
pub fn reasons(numbers: &[i32]) -> String {
    let words: Vec<String> = numbers
        .iter()
        .filter(|n| **n != pb::Reason::PadNotEvaluated as i32)
        .filter_map(|n| pb::Reason::try_from(*n).ok())
        .map(|r| r.as_str_name().trim_start_matches("REASON_").to_lowercase().replace('_', " "))
        .collect();
    words.join(", ")
}

/// Reasons of a session likewise.
pub fn session_reasons(numbers: &[i32]) -> String {
    let words: Vec<String> = numbers
        .iter()
        .filter(|n| **n != pb::SessionReason::PadNotEvaluated as i32)
        .filter_map(|n| pb::SessionReason::try_from(*n).ok())
        .map(|r| {
            r.as_str_name().trim_start_matches("SESSION_REASON_").to_lowercase().replace('_', " ")
        })
        .collect();
    words.join(", ")
}

/// What should happen next, in the proto's words.
pub fn next_step(number: i32) -> &'static str {
    let step = pb::NextStep::try_from(number);
    step.map_or("?", |s| s.as_str_name().trim_start_matches("NEXT_STEP_"))
}

/// At most `width` characters.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_stays_in_its_cells() {
        assert_eq!(bar(0.0, 20.0), "[....................]");
        assert_eq!(bar(10.0, 20.0), "[##########..........]");
        assert_eq!(bar(30.0, 20.0), "[####################]");
        assert_eq!(bar(1.0, 0.0), "[....................]");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("äbc", 3), "äbc");
    }
}
