//! What if: another policy over stored facts, and beside the active one. No audio is needed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{ArtifactRef, Decision, IntentId, NextStep, Risk};
use crate::policy::session::active::ActivePolicy;
use crate::policy::session::assess::expected_cost;
use crate::policy::session::decide::decide_stored;
use crate::policy::session::{DecisionFacts, SessionVerdict};

/// What a policy comes to over a number of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcomes {
    /// ACCEPT.
    pub accepts: u64,
    /// STEP_UP and INCONCLUSIVE: more is asked for.
    pub step_ups: u64,
    /// REJECT.
    pub rejects: u64,
    /// NOT_ENROLLED, OPTED_OUT, EXPIRED and LOCKED.
    pub others: u64,
    /// Expected accepted impostors: the sum of 1 − P(genuine) over what is accepted.
    pub expected_fraud: f64,
    /// Expected refused customers: the sum of P(genuine) over what is rejected.
    pub expected_refused: f64,
    /// Expected cost of all decisions, in the currency of the policy compared with.
    #[serde(default)]
    pub expected_cost: f64,
}

/// One policy against another on the same facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatIf {
    /// The policy compared with; its P(genuine) is the yardstick for both, so that a policy cannot look
    /// better by believing more.
    pub before: ArtifactRef,
    /// The other.
    pub after: ArtifactRef,
    /// Decisions replayed.
    pub decisions: u64,
    /// Outcomes of the first.
    pub outcomes_before: Outcomes,
    /// Outcomes of the other.
    pub outcomes_after: Outcomes,
    /// Decisions that differ.
    pub changed: u64,
    /// Outcomes of both, by intent.
    pub by_intent: BTreeMap<IntentId, [Outcomes; 2]>,
}

impl Outcomes {
    fn count(&mut self, decision: Decision, p_genuine: f64, cost: f64) {
        self.expected_cost += cost;
        match decision {
            Decision::Accept => {
                self.accepts += 1;
                self.expected_fraud += 1.0 - p_genuine;
            }
            Decision::StepUp | Decision::Inconclusive => self.step_ups += 1,
            Decision::Reject => {
                self.rejects += 1;
                self.expected_refused += p_genuine;
            }
            _ => self.others += 1,
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.accepts + self.step_ups + self.rejects + self.others
    }
}

/// Replays stored facts under two policies.
pub fn what_if<'a>(
    before: &ActivePolicy,
    after: &ActivePolicy,
    stored: impl IntoIterator<Item = &'a DecisionFacts>,
) -> WhatIf {
    let mut report = WhatIf::new(before, after);
    for facts in stored {
        report.replay(before, after, facts);
    }
    report
}

impl WhatIf {
    /// Nothing replayed yet.
    pub fn new(before: &ActivePolicy, after: &ActivePolicy) -> Self {
        Self {
            before: before.version().clone(),
            after: after.version().clone(),
            decisions: 0,
            outcomes_before: Outcomes::default(),
            outcomes_after: Outcomes::default(),
            changed: 0,
            by_intent: BTreeMap::new(),
        }
    }

    /// Replays one decision under the two policies that this report was made for.
    pub fn replay(&mut self, before: &ActivePolicy, after: &ActivePolicy, facts: &DecisionFacts) {
        let (a, b) = (decide_stored(before, facts), decide_stored(after, facts));
        let p = a.p_genuine.value();
        // Costs of the first policy for both: a policy must not look better by other prices.
        let cost = |decision| expected_cost(before, &facts.intent, decision, p);
        let (costs, other_costs) = (cost(a.decision), cost(b.decision));
        self.decisions += 1;
        self.changed += u64::from(a.decision != b.decision);
        self.outcomes_before.count(a.decision, p, costs);
        self.outcomes_after.count(b.decision, p, other_costs);
        let [own, other] = self.by_intent.entry(facts.intent.id.clone()).or_default();
        own.count(a.decision, p, costs);
        other.count(b.decision, p, other_costs);
    }

    /// Change of the number of step-ups, in percent; `None` when there were none.
    pub fn step_ups_percent(&self) -> Option<f64> {
        percent(self.outcomes_before.step_ups, self.outcomes_after.step_ups)
    }

    /// Change of the number of accepts, in percent; `None` when there were none.
    pub fn accepts_percent(&self) -> Option<f64> {
        percent(self.outcomes_before.accepts, self.outcomes_after.accepts)
    }

    /// Change of expected fraud, in accepted impostors for a thousand decisions.
    pub fn fraud_per_mille(&self) -> f64 {
        let change = self.outcomes_after.expected_fraud - self.outcomes_before.expected_fraud;
        1_000.0 * change / (self.decisions.max(1) as f64)
    }

    /// Change of expected cost, in the currency of the policy compared with, for a thousand decisions.
    pub fn cost_per_mille(&self) -> f64 {
        let change = self.outcomes_after.expected_cost - self.outcomes_before.expected_cost;
        1_000.0 * change / (self.decisions.max(1) as f64)
    }

    /// One line, e.g. `bank@2 for bank@1 over 812 decisions: step-ups −12.0 %, accepts +4.1 %,
    /// expected fraud +0.30 ‰`.
    pub fn summary(&self) -> String {
        let change = |percent: Option<f64>| match percent {
            Some(percent) => format!("{} %", signed(percent, 1)),
            None => "none before".to_owned(),
        };
        format!(
            "{} for {} over {} decisions: step-ups {}, accepts {}, expected fraud {} ‰",
            self.after,
            self.before,
            self.decisions,
            change(self.step_ups_percent()),
            change(self.accepts_percent()),
            signed(self.fraud_per_mille(), 2)
        )
    }
}

fn percent(before: u64, after: u64) -> Option<f64> {
    (before > 0).then(|| 100.0 * (after as f64 - before as f64) / before as f64)
}

/// With a sign of its own, minus as U+2212.
fn signed(value: f64, digits: usize) -> String {
    format!("{value:+.digits$}").replace('-', "\u{2212}")
}

/// A decision of the active policy beside that of one in shadow. It holds nothing about the person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShadowComparison {
    /// What was asked.
    pub intent: IntentId,
    /// The policy in force.
    pub active: ArtifactRef,
    /// The policy in shadow.
    pub shadow: ArtifactRef,
    /// Decisions of both.
    pub decisions: [Decision; 2],
    /// Next steps of both.
    pub next: [NextStep; 2],
    /// Risks of both.
    pub risk: [Risk; 2],
}

impl ShadowComparison {
    /// Decides under a policy in shadow and holds it against what was decided.
    pub fn make(active: &SessionVerdict, shadow: &ActivePolicy, facts: &DecisionFacts) -> Self {
        let other = decide_stored(shadow, facts);
        Self {
            intent: facts.intent.id.clone(),
            active: active.policy.clone(),
            shadow: other.policy,
            decisions: [active.decision, other.decision],
            next: [active.next, other.next],
            risk: [active.risk, other.risk],
        }
    }

    /// Both decide and go on alike.
    pub fn agrees(&self) -> bool {
        self.decisions[0] == self.decisions[1] && self.next[0] == self.next[1]
    }
}

/// How often a policy in shadow agreed with the one in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// The policy in force.
    pub active: ArtifactRef,
    /// The policy in shadow.
    pub shadow: ArtifactRef,
    /// Decisions that both made.
    pub decisions: u64,
    /// Those where both decided and went on alike.
    pub agreed: u64,
    /// Decisions by what the two said, the active one first.
    pub pairs: Vec<([Decision; 2], u64)>,
}

impl Agreement {
    /// Counts a comparison among those of its two policies.
    pub fn count(all: &mut Vec<Agreement>, one: &ShadowComparison) {
        let same = |a: &Agreement| a.active == one.active && a.shadow == one.shadow;
        let at = all.iter().position(same).unwrap_or_else(|| {
            let (active, shadow) = (one.active.clone(), one.shadow.clone());
            all.push(Agreement { active, shadow, decisions: 0, agreed: 0, pairs: Vec::new() });
            all.len() - 1
        });
        let Some(counted) = all.get_mut(at) else { return };
        counted.decisions += 1;
        counted.agreed += u64::from(one.agrees());
        match counted.pairs.iter_mut().find(|(pair, _)| *pair == one.decisions) {
            Some((_, count)) => *count += 1,
            None => counted.pairs.push((one.decisions, 1)),
        }
    }
}
