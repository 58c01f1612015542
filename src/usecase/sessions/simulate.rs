//! Playing a recorded session file against a shipped policy: every response with the verdict behind it, what would have
//! been recorded, and which expectations of the file did not hold. Verdicts stand as an analyst sees them, with all
//! numbers: bands, coarse risks and constant answers, which a client gets instead, are not played.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::behavior::parse::capture;
use crate::domain::Decision;
use crate::policy::session::shipped;
use crate::scoring::fusion::Fusion;
use crate::session::call::record::{Action, RecordError, RecordedSession};
use crate::session::call::replay::{Missed, Playback, replay};
use crate::session::call::{Assessment, CallLimits, CallRules, RefusalReason, Response};
use crate::usecase::sessions::captures::Played;
use crate::usecase::sessions::policy::SessionPolicy;

/// Why a file cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// It is no recorded session.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It names recordings or texts that were not compared yet.
    #[error(
        "line {line} holds {what}: replace it by what it compares to (heard, evidence), as of these only \
         given evidence is played"
    )]
    Raw {
        /// Line, from 1.
        line: usize,
        /// What it holds.
        what: &'static str,
    },
    /// A capture that is none.
    #[error("line {line}: {why}")]
    Capture {
        /// Line, from 1.
        line: usize,
        /// What is wrong; never content.
        why: String,
    },
    /// What is enrolled cannot be.
    #[error("what is enrolled in the file cannot be a profile: {0}")]
    Enrolled(String),
    /// No policy of that name is shipped.
    #[error("no policy `{0}` is shipped")]
    Policy(String),
    /// The policy is unsound.
    #[error("the policy `{name}` is unsound")]
    Unsound {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What came of a file.
#[derive(Debug)]
pub struct Simulation {
    /// JSON lines: every response, then every expectation that did not hold.
    pub lines: Vec<String>,
    /// Expectations of the file.
    pub expectations: usize,
    /// Those that did not hold.
    pub missed: Vec<Missed>,
    /// Decisions that would have been recorded, that of the end included.
    pub decisions: Vec<Decision>,
}

/// Plays a file against a shipped policy with the cautious fusion.
///
/// # Errors
/// See [`SimulateError`].
pub fn simulate(text: &str, policy: &str) -> Result<Simulation, SimulateError> {
    let recorded = RecordedSession::parse(text)?;
    for line in &recorded.lines {
        let what = match line.action {
            Action::Audio { .. } => "a recording",
            Action::Text { .. } => "a text",
            _ => continue,
        };
        return Err(SimulateError::Raw { line: line.number, what });
    }
    let found = shipped(policy, Fusion::cautious());
    let active = found.ok_or_else(|| SimulateError::Policy(policy.to_owned()))?;
    let active = active.map_err(|error| SimulateError::Unsound {
        name: policy.to_owned(),
        source: Box::new(error),
    })?;
    let judge = |facts: &_| active.judge(facts);
    let rules = active.rules();
    let mut driver = driver(&recorded, &rules)?;
    let playback = replay(&recorded, CallLimits::default(), rules, &judge, &mut driver);
    Ok(told(playback))
}

/// What compares the captures of a file.
fn driver(recorded: &RecordedSession, rules: &CallRules) -> Result<Played, SimulateError> {
    let (mut enrolled, mut captures) = (Vec::new(), BTreeMap::new());
    for line in &recorded.lines {
        let (is_enrolled, fields) = match &line.action {
            Action::Enrolled(fields) => (true, fields),
            Action::Capture(fields) => (false, fields),
            _ => continue,
        };
        let text = Value::Object(fields.clone()).to_string();
        let capture = capture(&text, line.number)
            .map_err(|e| SimulateError::Capture { line: line.number, why: e.to_string() })?;
        if is_enrolled {
            enrolled.push(capture);
        } else {
            captures.insert(line.number, capture);
        }
    }
    let played = Played::new(enrolled, captures, rules.behavior_change.floor);
    played.map_err(|error| SimulateError::Enrolled(error.to_string()))
}

fn told(playback: Playback) -> Simulation {
    let mut lines: Vec<String> = Vec::new();
    for played in &playback.responses {
        let outgoing = &played.outgoing;
        let mut line = json!({
            "t_ms": played.t_ms,
            "sequence": outgoing.sequence,
            "acknowledged": outgoing.acknowledged,
        });
        if let (Some(line), Value::Object(more)) = (line.as_object_mut(), said(&outgoing.response))
        {
            line.extend(more);
        }
        lines.push(line.to_string());
    }
    lines.extend(playback.missed.iter().map(|missed| {
        json!({
            "missed": missed.line,
            "ask": missed.ask,
            "expected": missed.expected,
            "got": missed.got,
        })
        .to_string()
    }));
    let decision = |record: &crate::session::call::Record| record.assessment.verdict.decision;
    Simulation {
        lines,
        expectations: playback.expectations,
        decisions: playback.records.iter().map(decision).collect(),
        missed: playback.missed,
    }
}

/// A response in JSON.
fn said(response: &Response) -> Value {
    match response {
        Response::Opened => json!({"kind": "opened"}),
        Response::Resumed => json!({"kind": "resumed"}),
        Response::Acknowledged { missing_from } => {
            json!({"kind": "acknowledged", "missing_from": missing_from})
        }
        Response::Update(assessments) => {
            let all: Vec<Value> = assessments.iter().map(assessment).collect();
            json!({"kind": "update", "assessments": all})
        }
        Response::Decision(decided) => json!({
            "kind": "decision",
            "decision_id": decided.decision,
            "assessment": assessment(&decided.assessment),
        }),
        Response::Challenge { number, prompt, expires_at } => json!({
            "kind": "challenge",
            "number": number,
            "prompt": prompt,
            "expires_at_ms": expires_at.unix_ms(),
        }),
        Response::Refused { sequence, reason } => {
            json!({"kind": "refused", "refused": sequence, "reason": refusal(reason)})
        }
        Response::Ended(ended) => json!({
            "kind": "ended",
            "end": ended.end,
            "decisions": ended.decisions,
            "skipped": ended.skipped,
            "repeated": ended.repeated,
        }),
    }
}

fn refusal(reason: &RefusalReason) -> &str {
    match reason {
        RefusalReason::TooManyIntents => "too many intents",
        RefusalReason::TooManyChallenges => "too many challenges",
        RefusalReason::ChallengeOpen => "a challenge is open",
        RefusalReason::ChallengeGone => "the challenge is gone",
        RefusalReason::NoAudio => "the session was opened without audio",
        RefusalReason::BackEndOnly => "only a back end may say so",
        RefusalReason::Content(detail) => detail,
    }
}

fn assessment(a: &Assessment) -> Value {
    let verdict = &a.verdict;
    let evidence = a.evidence.iter().map(|standing| {
        json!({
            "modality": standing.modality,
            "llr": standing.measured.llr,
            "enough": standing.measured.enough,
            "age_ms": standing.age_ms,
            "before_change": standing.before_change,
        })
    });
    json!({
        "ask": a.ask,
        "intent": a.facts.intent.id,
        "decision": verdict.decision,
        "next": verdict.next,
        "reasons": verdict.reasons,
        "factors": verdict.factors,
        "fused": verdict.fused,
        "p_genuine": verdict.p_genuine,
        "risk": verdict.risk,
        "route": verdict.routing.as_ref().map(|route| route.queue.as_str()),
        "route_reason": verdict.routing.as_ref().and_then(|route| route.reason.as_deref()),
        "subject": a.claim.as_ref().map(|(subject, _)| subject),
        "changes_of_person": a.changes,
        "policy": verdict.policy.to_string(),
        "evidence": evidence.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Anna calls, asks for her balance, somebody else takes the phone and asks for a SIM swap.
    const CALL: &str = include_str!("../../../fixtures/sessions/takeover.jsonl");

    #[test]
    fn a_call_that_goes_wrong_plays_against_every_shipped_policy() {
        for policy in ["contact-centre", "psd2-sca", "nist-800-63b"] {
            let played = simulate(CALL, policy).expect(policy);
            assert_eq!(played.decisions.len(), 3, "{policy}");
            // What is asked after the takeover is never accepted.
            assert_ne!(played.decisions[1], Decision::Accept, "{policy}");
            assert!(played.lines.iter().all(|line| line.starts_with('{')), "{policy}");
        }
        let usual = simulate(CALL, "contact-centre").expect("a session");
        assert_eq!(usual.missed, [], "{:#?}", usual.lines);
        assert_eq!(usual.expectations, 2);
    }

    /// Two made-up typists (fixtures/sessions/PROVENANCE.md): one enrolled and asks, another one takes over.
    const APP: &str = include_str!("../../../fixtures/sessions/app.jsonl");

    /// Evidence of typing in the decision on a question: its LLR, and how often the person had changed.
    fn typing(played: &Simulation, ask: &str) -> (f64, u64) {
        let lines = played.lines.iter().filter_map(|line| serde_json::from_str(line).ok());
        let decided = |line: &Value| line["kind"] == "decision" && line["assessment"]["ask"] == ask;
        let line: Value = lines.into_iter().find(decided).expect("it is decided");
        let assessment = &line["assessment"];
        let evidence = assessment["evidence"].as_array().expect("evidence").iter();
        let mut typing = evidence.filter(|e| e["modality"] == "keystroke");
        let llr = typing.next().and_then(|e| e["llr"].as_f64()).expect("typing was compared");
        (llr, assessment["changes_of_person"].as_u64().expect("a number"))
    }

    #[test]
    fn an_app_session_plays_with_its_captures() {
        let played = simulate(APP, "contact-centre").expect("a session");
        assert_eq!(played.missed, [], "{:#?}", played.lines);
        assert_eq!(played.decisions.len(), 3);
        let (genuine, changes) = typing(&played, "look");
        assert!(genuine > 0.0 && changes == 0, "{genuine} {changes}");
        let (other, changes) = typing(&played, "move");
        assert!(other < 0.0 && changes == 1, "{other} {changes}");
        let decisions = [Decision::Accept, Decision::StepUp];
        assert_eq!(played.decisions[..2], decisions);
        // The same file says the same thing.
        assert_eq!(simulate(APP, "contact-centre").expect("a session").lines, played.lines);
    }

    #[test]
    fn captures_that_are_none_are_named_by_their_line() {
        let open = r#"{"t_ms":0,"open":{"channel":"app","audio":false}}"#;
        let bad = format!("{open}\n{}", r#"{"t_ms":1,"capture":{"kind":"keystroke"}}"#);
        let refused = simulate(&bad, "contact-centre");
        assert!(matches!(refused, Err(SimulateError::Capture { line: 2, .. })));
    }

    #[test]
    fn what_cannot_be_played_is_named() {
        let open = r#"{"t_ms":0,"open":{"channel":"phone"}}"#;
        let raw = format!("{open}\n{}", r#"{"t_ms":1,"audio":{"file":"a.wav"}}"#);
        assert!(matches!(
            simulate(&raw, "contact-centre"),
            Err(SimulateError::Raw { line: 2, what: "a recording" })
        ));
        assert!(matches!(simulate(open, "none"), Err(SimulateError::Policy(_))));
        assert!(matches!(simulate("", "contact-centre"), Err(SimulateError::Record(_))));
    }
}
