//! A call that goes wrong: the person calls, somebody else takes over and asks for a new SIM card.

use std::io::Write;
use std::time::Duration;

use super::report;
use super::script::{LIVE_SPEEDUP, PACKET_MS, Script, ScriptError, telephone};
use super::voices::Clip;
use crate::grpc::proto as pb;
use pb::run_request::Message as Sent;
use pb::run_response::Message as Received;

/// Recordings each of the two speaks: enough to be compared, and to be noticed as another.
const CLIPS: usize = 2;

impl<W: Write> Script<'_, W> {
    /// Somebody who is known calls, the first of the others takes over.
    pub(super) async fn call_that_goes_wrong(&mut self) -> Result<(), ScriptError> {
        let index = self.regular();
        let another = usize::from(index == 0);
        let (caller, other) = (&self.people[index], &self.people[another]);
        let mine = &caller.folders[0].clips[self.used[index]..];
        let theirs = &other.folders[0].clips[self.used[another]..];
        self.report.section(&format!(
            "A call that goes wrong: {} calls and asks for the balance; then {} takes over and asks \
             for a new SIM card",
            caller.name, other.name
        ))?;
        let open = pb::OpenSession {
            channel: pb::SessionChannel::Phone as i32,
            subject_id: caller.name.clone(),
            audio: Some(telephone()),
            idempotency_key: self.key(),
            ..Default::default()
        };
        let mut messages = speech(longest(mine));
        messages.push(intent("balance", "balance", None));
        messages.extend(speech(longest(theirs)));
        messages.push(intent("sim", "sim_swap", None));
        messages.push((Duration::ZERO, Sent::Close(pb::CloseSession {})));
        let changes = self.run_session(open, messages).await?;
        self.report.line(match changes {
            0 => "   The other voice was not noticed as another person; the evidence fell with it.",
            _ => "   The other voice was noticed as another person.",
        })?;
        Ok(())
    }

    /// Runs a session and reports what the server says; how often another person was noticed.
    pub(super) async fn run_session(
        &mut self,
        open: pb::OpenSession,
        messages: Vec<(Duration, Sent)>,
    ) -> Result<u32, ScriptError> {
        let (mut lines, mut last) = (Vec::new(), String::new());
        let mut changes = 0;
        let ended = self.client.run_session(open, messages, |answer| {
            changes = changes.max(changes_of_person(answer));
            let Some(line) = line(answer) else { return };
            // An update that reads as the one before is no news to a reader.
            if line != last {
                last.clone_from(&line);
                lines.push(line);
            }
        });
        let ended = ended.await?;
        for line in &lines {
            self.report.line(line)?;
        }
        self.report.line(&format!("   ended, {} decisions audited", ended.decisions))?;
        Ok(changes)
    }
}

/// The longest recordings, one after the other.
fn longest(clips: &[Clip]) -> Vec<&Clip> {
    let mut clips: Vec<&Clip> = clips.iter().collect();
    clips.sort_by_key(|clip| std::cmp::Reverse(clip.mulaw.len()));
    clips.truncate(CLIPS);
    clips
}

/// Their packets at the pace of the demonstration.
fn speech(clips: Vec<&Clip>) -> Vec<(Duration, Sent)> {
    let pace = Duration::from_millis(u64::from(PACKET_MS)) / LIVE_SPEEDUP;
    let packets = clips.into_iter().flat_map(Clip::packets);
    packets
        .map(|content| {
            let leg = pb::CallLeg::Caller as i32;
            (pace, Sent::Audio(pb::SessionAudio { leg, content }))
        })
        .collect()
}

/// A question, at once.
pub(super) fn intent(ask: &str, intent: &str, amount: Option<f64>) -> (Duration, Sent) {
    let intent = pb::Intent {
        ask_id: ask.to_owned(),
        intent: intent.to_owned(),
        amount,
        currency: amount.map_or_else(String::new, |_| "EUR".to_owned()),
        wait: None,
    };
    (Duration::ZERO, Sent::Intent(intent))
}

/// How often another person was noticed by now.
fn changes_of_person(answer: &Received) -> u32 {
    let assessment = match answer {
        Received::Update(update) => update.assessments.first(),
        Received::Decision(decision) => decision.assessment.as_ref(),
        _ => None,
    };
    assessment.map_or(0, |a| a.changes_of_person)
}

/// A line of the report, where there is something to tell.
fn line(answer: &Received) -> Option<String> {
    match answer {
        Received::Update(update) => update.assessments.first().map(|a| assessment("update", a)),
        Received::Decision(decision) => decision.assessment.as_ref().map(|a| {
            let asked = if a.ask_id.is_empty() { "session" } else { &a.intent };
            assessment(&format!("DECISION on {asked}:"), a)
        }),
        Received::Refusal(refusal) => Some(format!("   refused: {}", refusal.detail)),
        _ => None,
    }
}

fn assessment(what: &str, a: &pb::Assessment) -> String {
    let parts: Vec<String> = a.evidence.iter().filter_map(part).collect();
    let changed = if a.changes_of_person > 0 { ", another person took over" } else { "" };
    let route = a.route.as_ref().map_or_else(String::new, |r| format!(", to queue {}", r.queue));
    format!(
        "   {what:<24} risk {:>3}  {:<12} next: {:<13} {}{changed}{route}; {}",
        a.risk,
        report::decision(a.decision),
        report::next_step(a.next_step),
        if parts.is_empty() { "no evidence".to_owned() } else { parts.join(", ") },
        report::session_reasons(&a.reasons),
    )
}

fn part(evidence: &pb::SessionEvidence) -> Option<String> {
    let modality = pb::SessionModality::try_from(evidence.modality).ok()?;
    let name = modality.as_str_name().trim_start_matches("SESSION_MODALITY_").to_lowercase();
    let note = if evidence.before_change { " (before the change)" } else { "" };
    evidence.score.as_ref().map(|s| format!("{name} LLR {}{note}", report::llr(Some(s))))
}
