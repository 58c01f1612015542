//! One record of a decision, rendered for a customer, an agent and an analyst.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::domain::{Decision, Modality, NextStep, SessionReason};
use crate::policy::session::active::ActivePolicy;
use crate::policy::session::counterfactual::what_would_change;
use crate::policy::session::decide::decide_stored;
use crate::policy::session::{
    Change, Counterfactual, DecisionFacts, SessionVerdict, Source, SubjectStanding,
};

/// A decision with what it rests on and what would have changed it. Everything an explanation needs is in
/// it, so it can be rendered when the policy is no longer in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRecord {
    /// What was known.
    pub facts: DecisionFacts,
    /// What it came to.
    pub verdict: SessionVerdict,
    /// What would have changed it.
    pub would_change: Vec<Counterfactual>,
}

/// Who reads an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The person: what happens, what was looked at, whom to turn to. Nothing that helps to get around it.
    Customer,
    /// Who speaks with them: what to do and why, without numbers to play with.
    Agent,
    /// Who reviews it: everything.
    Analyst,
}

/// Text for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// One sentence.
    pub headline: String,
    /// The rest, a line each.
    pub lines: Vec<String>,
}

impl DecisionRecord {
    /// Decides and keeps what explains it.
    pub fn make(policy: &ActivePolicy, facts: DecisionFacts) -> Self {
        let verdict = decide_stored(policy, &facts);
        let would_change = what_would_change(policy, &facts, &verdict);
        Self { facts, verdict, would_change }
    }

    /// The explanation for somebody.
    pub fn explain(&self, audience: Audience) -> Explanation {
        match audience {
            Audience::Customer => self.for_customer(),
            Audience::Agent => self.for_agent(),
            Audience::Analyst => self.for_analyst(),
        }
    }

    /// Says what data took part (GDPR Art. 15(1)(h)) and that a person can decide (Art. 22(3)).
    fn for_customer(&self) -> Explanation {
        let headline = match self.verdict.next {
            NextStep::Proceed => "We can do what you asked for.",
            NextStep::SpeakLonger => "Please go on a little, so that we can be sure it is you.",
            NextStep::Challenge => "Please repeat a few digits, so that we can be sure it is you.",
            NextStep::OtherFactor => "Please confirm in another way that it is you.",
            NextStep::Human => "A colleague will go on from here.",
            NextStep::Stop => "We cannot do this here.",
        };
        let mut lines = Vec::new();
        let used: Vec<&str> = self.looked_at().map(words_of).collect();
        if !used.is_empty() {
            lines.push(format!("We looked at {}.", used.join(", ")));
        }
        let sources = || self.verdict.contributions.iter().map(|c| &c.source);
        if sources().any(|s| matches!(s, Source::Context(_))) {
            lines.push("We looked at the connection and the device.".into());
        }
        if sources().any(|s| matches!(s, Source::Factor(_) | Source::Challenge)) {
            lines.push("We looked at the other ways in which you confirmed that it is you.".into());
        }
        if self.facts.subject == SubjectStanding::OptedOut {
            lines.push("As you wished, we did not look at your voice or behavior.".into());
        }
        if self.verdict.next != NextStep::Proceed {
            lines.push("You can ask for a person to look at this decision.".into());
        }
        Explanation { headline: headline.into(), lines }
    }

    fn for_agent(&self) -> Explanation {
        let v = &self.verdict;
        let headline = format!(
            "{}: {}. Risk {}.",
            self.facts.intent.id,
            step_in_words(v.next),
            risk_in_words(v.risk.points())
        );
        let mut lines: Vec<String> = v.reasons.iter().map(|r| r.advice().to_owned()).collect();
        if !v.factors.is_empty() {
            let names: Vec<&str> = v.factors.iter().map(|f| f.as_str()).collect();
            lines.push(format!("could help: {}", names.join(", ")));
        }
        if v.reasons.contains(&SessionReason::PersonChanged) {
            lines.push("do not tell the caller that a change of person was noticed".into());
        }
        Explanation { headline, lines }
    }

    fn for_analyst(&self) -> Explanation {
        let v = &self.verdict;
        let headline = format!(
            "{} {}: P(genuine) {:.6}, risk {}, assurance {} of {}, policy {}, fusion {}",
            self.facts.intent.id,
            decision_name(v.decision),
            v.p_genuine.value(),
            v.risk.points(),
            v.assurance.as_str(),
            v.thresholds.required.as_str(),
            v.policy,
            v.fusion,
        );
        let mut lines = vec![format!("next step: {}", v.next.as_str())];
        lines.extend(
            v.contributions.iter().map(|c| format!("{:+.2} {}", c.nats, source_name(&c.source))),
        );
        let sum: f64 = v.contributions.iter().map(|c| c.nats).sum();
        let t = &v.thresholds;
        if t.accept_log_odds < f64::MAX {
            lines.push(format!(
                "{sum:+.2} log-odds; accepted from {:+.2}, refused under {:+.2}",
                t.accept_log_odds, t.reject_log_odds
            ));
        } else {
            lines.push(format!("{sum:+.2} log-odds; the intent has no price"));
        }
        let nats = |llr: Option<crate::domain::Llr>| {
            llr.map_or("none".to_owned(), |llr| format!("{:+.2}", llr.0))
        };
        lines.push(format!(
            "fused LLR {}, with credit for checked input only {}; an element from {:+.2}",
            nats(v.fused),
            nats(v.covered),
            t.inherence_llr.0
        ));
        lines.extend(self.facts.evidence.iter().map(|(m, e)| self.evidence_line(*m, e)));
        let reasons: Vec<String> = v.reasons.iter().map(|r| r.advice().to_owned()).collect();
        lines.push(format!("reasons: {}", reasons.join("; ")));
        for rule in &v.rules {
            lines.push(format!("rule applied: {rule}"));
        }
        lines.extend(self.would_change.iter().map(change_line));
        Explanation { headline, lines }
    }

    /// Everything that was compared, whatever weight it was given.
    fn looked_at(&self) -> impl Iterator<Item = Modality> + '_ {
        self.facts.evidence.iter().filter(|(_, e)| e.llr.is_some()).map(|(modality, _)| *modality)
    }

    fn evidence_line(
        &self,
        modality: Modality,
        e: &crate::policy::session::ModalityEvidence,
    ) -> String {
        let mut line = format!("{}: ", modality.as_str());
        let _ = match e.llr {
            Some(llr) => write!(line, "LLR {:+.2}", llr.0),
            None => write!(line, "not compared"),
        };
        if !e.enough {
            line.push_str(", not enough");
        }
        let pad = match e.pad {
            crate::domain::PadOutcome::NotEvaluated => "not checked for attacks",
            crate::domain::PadOutcome::BonaFide => "no attack found",
            crate::domain::PadOutcome::Attack => "an attack was found",
        };
        let _ = write!(line, ", {:.1} s old, by {}, {pad}", e.age_ms as f64 / 1_000.0, e.model);
        if modality == Modality::Voice {
            let _ =
                write!(line, ", {:.1} s of speech", f64::from(self.facts.net_speech_ms) / 1_000.0);
        }
        line
    }
}

fn words_of(modality: Modality) -> &'static str {
    match modality {
        Modality::Voice => "your voice",
        Modality::Keystroke => "the way you type",
        Modality::Touch => "the way you use the screen",
        Modality::Pointer => "the way you use the mouse",
        Modality::Text => "the way you write",
    }
}

fn step_in_words(step: NextStep) -> &'static str {
    match step {
        NextStep::Proceed => "go ahead",
        NextStep::SpeakLonger => "keep the conversation going",
        NextStep::Challenge => "ask for the challenge",
        NextStep::OtherFactor => "ask for another factor",
        NextStep::Human => "hand over to a colleague who may decide",
        NextStep::Stop => "do not do it",
    }
}

/// Coarse, so that nobody can climb by it.
fn risk_in_words(points: u8) -> &'static str {
    match points {
        0..=24 => "low",
        25..=49 => "raised",
        50..=74 => "high",
        _ => "very high",
    }
}

fn decision_name(decision: Decision) -> &'static str {
    match decision {
        Decision::Accept => "ACCEPT",
        Decision::StepUp => "STEP_UP",
        Decision::Reject => "REJECT",
        Decision::Inconclusive => "INCONCLUSIVE",
        Decision::NoMatch => "NO_MATCH",
        Decision::NotEnrolled => "NOT_ENROLLED",
        Decision::OptedOut => "OPTED_OUT",
        Decision::Expired => "EXPIRED",
        Decision::Locked => "LOCKED",
    }
}

fn source_name(source: &Source) -> String {
    match source {
        Source::Prior => "prior".into(),
        Source::Modality(m) => m.as_str().into(),
        Source::Combination => "combination of modalities".into(),
        Source::Context(name) => format!("context: {name}"),
        Source::Factor(name) => format!("factor: {name}"),
        Source::Challenge => "challenge".into(),
        Source::ContextLimit => "limit of favorable context".into(),
    }
}

fn change_line(c: &Counterfactual) -> String {
    let what = match &c.change {
        Change::MoreLlr { modality, nats } => format!("{} +{nats:.1} nats", modality.as_str()),
        Change::LessLlr { modality, nats } => format!("{} -{nats:.1} nats", modality.as_str()),
        Change::Pad => "input checked for attacks, none found".into(),
        Change::Factor(name) => format!("factor {name} passed"),
        Change::WithoutFinding(kind) => format!("{} absent", kind.as_str()),
        Change::WithoutRule(name) => format!("without the rule {name}"),
        Change::Amount(value) => format!("a sum of at most {value:.0}"),
    };
    format!("with {what}: {}", decision_name(c.decision))
}
