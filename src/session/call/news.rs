//! What is worth telling: something other than what was told last.

use crate::domain::{Decision, Llr, NextStep, QueueName, RuleName, SessionReason, SubjectId};
use crate::session::call::limits::CallRules;
use crate::session::call::output::Assessment;
use crate::session::call::words::AskId;

/// What matters of an assessment.
#[derive(Debug, Clone, PartialEq)]
struct Gist {
    ask: Option<AskId>,
    decision: Decision,
    next: NextStep,
    reasons: Vec<SessionReason>,
    risk: u8,
    fused: Option<Llr>,
    /// Queue and rule.
    routing: Option<(QueueName, RuleName)>,
    subject: Option<SubjectId>,
    changes: u32,
}

impl Gist {
    fn of(assessment: &Assessment) -> Self {
        let verdict = &assessment.verdict;
        let mut reasons = verdict.reasons.clone();
        reasons.sort();
        Self {
            ask: assessment.ask.clone(),
            decision: verdict.decision,
            next: verdict.next,
            reasons,
            risk: verdict.risk.points(),
            fused: verdict.fused,
            routing: verdict.routing.as_ref().map(|r| (r.queue.clone(), r.rule.clone())),
            subject: assessment.claim.as_ref().map(|(subject, _)| subject.clone()),
            changes: assessment.changes,
        }
    }

    /// Whether this is about the same as `told`: alike but for numbers less than a step apart.
    fn is_like(&self, told: &Self, rules: &CallRules) -> bool {
        let near = match (self.fused, told.fused) {
            (Some(now), Some(then)) => (now.0 - then.0).abs() < rules.llr_step,
            (None, None) => true,
            _ => false,
        };
        let exact = Self { risk: told.risk, fused: told.fused, ..self.clone() };
        near && self.risk.abs_diff(told.risk) < rules.risk_step && exact == *told
    }
}

/// What was told last.
#[derive(Debug, Clone, Default)]
pub struct Told(Option<Vec<Gist>>);

impl Told {
    /// Whether these assessments are news; if so, or if they are `wanted`, they count as told. What crept in
    /// small steps is news once it has come a whole step from what was told.
    pub fn tell(&mut self, assessments: &[Assessment], wanted: bool, rules: &CallRules) -> bool {
        let gists: Vec<Gist> = assessments.iter().map(Gist::of).collect();
        let known = self.0.as_ref().is_some_and(|told| {
            told.len() == gists.len()
                && gists.iter().zip(told).all(|(now, then)| now.is_like(then, rules))
        });
        let tells = wanted || !known;
        if tells {
            self.0 = Some(gists);
        }
        tells
    }
}
