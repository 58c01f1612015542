//! Whether a policy file is sound: ranges, counts, order, and what fits together.

use std::collections::BTreeSet;

use crate::domain::{Amount, Decision, NextStep};
use crate::policy::session::error::SessionPolicyError;
use crate::policy::session::file::{
    AssuranceRules, ContextRules, IntentRules, PriorRules, SessionPolicyFile,
};
use crate::policy::session::profile::check_profile;

/// Most intents of a policy.
pub const MAX_INTENTS: usize = 64;
/// Most rules of each kind.
pub const MAX_RULES: usize = 32;
/// Most factors.
pub const MAX_FACTORS: usize = 16;
/// Most currencies beside that of the policy.
pub const MAX_RATES: usize = 32;
/// Most entries of a list of the context, and of a ladder.
pub const MAX_STEPS: usize = 8;
/// Largest shift of the log-odds that anything may have, in nats: odds of e^12, about 160,000.
pub const MAX_NATS: f64 = 12.0;
/// Largest cost, in units of the currency.
const MAX_COST: f64 = 1e9;
/// Longest text of a reference, in bytes.
const MAX_TEXT: usize = 200;
/// One day, in milliseconds.
const DAY_MS: f64 = 86_400_000.0;

/// Most problems of one file that are told.
pub const MAX_PROBLEMS: usize = 50;

pub(super) type Checked = Result<(), SessionPolicyError>;

/// What is wrong with a file, the first [`MAX_PROBLEMS`] of it.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<SessionPolicyError>);

impl Problems {
    /// Takes what a check found.
    pub fn take(&mut self, checked: Checked) {
        if let Err(problem) = checked
            && self.0.len() < MAX_PROBLEMS
        {
            self.0.push(problem);
        }
    }

    /// Something does not fit together.
    pub fn unfit(&mut self, field: impl Into<String>, why: impl Into<String>) {
        self.take(Err(SessionPolicyError::unfit(field, why)));
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order they were found.
    pub fn into_all(self) -> Vec<SessionPolicyError> {
        self.0
    }
}

/// `Ok` when `low <= value <= high`; NaN is outside.
pub(super) fn within(field: impl Into<String>, value: f64, low: f64, high: f64) -> Checked {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(SessionPolicyError::OutOfRange { field: field.into(), value, low, high })
}

fn count(field: &str, least: usize, most: usize, got: usize) -> Checked {
    if (least..=most).contains(&got) {
        return Ok(());
    }
    Err(SessionPolicyError::Count { field: field.into(), least, most, got })
}

/// What is wrong with a policy, in the order of its checks.
pub(super) fn check(file: &SessionPolicyFile, found: &mut Problems) {
    check_head(file, found);
    check_prior("prior", &file.prior, found);
    let e = &file.evidence;
    found.take(within("evidence.takeover_per_hour", e.takeover_per_hour, 0.0, 10.0));
    found.take(within("evidence.same_after_change", e.same_after_change, 0.5, 1.0));
    found.take(within("evidence.max_age_ms", e.max_age_ms as f64, 1_000.0, DAY_MS));
    found.take(within(
        "evidence.min_net_speech_ms",
        f64::from(e.min_net_speech_ms),
        500.0,
        60_000.0,
    ));
    check_assurance(&file.assurance, found);
    check_ladder("ladder", &file.ladder, found);
    found.take(within("challenge.right", file.challenge.right, 0.0, MAX_NATS));
    found.take(within("challenge.wrong", file.challenge.wrong, -MAX_NATS, 0.0));
    found.take(count("factors", 0, MAX_FACTORS, file.factors.len()));
    for (name, factor) in &file.factors {
        found.take(within(format!("factors.{name}.passed"), factor.passed, 0.0, MAX_NATS));
        found.take(within(format!("factors.{name}.failed"), factor.failed, -MAX_NATS, 0.0));
    }
    check_context(&file.context, found);
    found.take(count("intents", 1, MAX_INTENTS, file.intents.len()));
    for (name, intent) in &file.intents {
        check_intent(&format!("intents.{name}"), intent, found);
    }
    if !file.intents.contains_key(&file.session_intent) {
        let why = format!("there is no intent `{}`", file.session_intent);
        found.unfit("session_intent", why);
    }
    check_rules(file, found);
    check_profile(file, found);
}

fn check_head(file: &SessionPolicyFile, found: &mut Problems) {
    let id = &file.version.id;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.is_empty() || id.len() > 64 || !id.chars().all(plain) {
        let why = "1 to 64 letters, digits, '-', '_' and '.'";
        found.unfit("version.id", why);
    }
    if file.version.version == 0 {
        found.unfit("version.version", "counts from 1");
    }
    let currency = |field: &str, code: &str| {
        let checked = Amount::new(0.0, code);
        checked.map(|_| ()).map_err(|e| SessionPolicyError::unfit(field, e.to_string()))
    };
    found.take(currency("currency", &file.currency));
    found.take(count("rates", 0, MAX_RATES, file.rates.len()));
    for (code, rate) in &file.rates {
        found.take(currency("rates", code));
        found.take(within(format!("rates.{code}"), *rate, 1e-6, 1e6));
        if *code == file.currency {
            let why = "is the currency of the policy: its rate is 1";
            found.unfit(format!("rates.{code}"), why);
        }
    }
}

fn check_prior(field: &str, prior: &PriorRules, found: &mut Problems) {
    found.take(within(format!("{field}.genuine"), prior.genuine, 1e-6, 1.0 - 1e-6));
    found.take(within(format!("{field}.context_gain_limit"), prior.context_gain_limit, 0.0, 3.0));
}

fn check_assurance(rules: &AssuranceRules, found: &mut Problems) {
    found.take(within("assurance.biometrics_llr", rules.biometrics_llr.0, 0.0, 20.0));
    let rising = |list: &[_]| list.windows(2).all(|w| w[0] <= w[1]);
    if !rising(&rules.factors) {
        found.unfit("assurance.factors", "more categories must not give less assurance");
    }
    if !rising(&rules.with_biometrics) {
        let why = "more categories must not give less assurance";
        found.unfit("assurance.with_biometrics", why);
    }
    if rules.with_biometrics.iter().zip(&rules.factors).any(|(with, alone)| with < alone) {
        let why = "biometrics must not lower the assurance of the same factors";
        found.unfit("assurance.with_biometrics", why);
    }
    found.take(cap("assurance.on_attack", rules.on_attack));
}

/// A cap is STEP_UP or REJECT.
fn cap(field: &str, decision: Decision) -> Checked {
    match decision {
        Decision::StepUp | Decision::Reject => Ok(()),
        _ => Err(SessionPolicyError::unfit(field, "must be STEP_UP or REJECT")),
    }
}

fn check_ladder(field: &str, ladder: &[NextStep], found: &mut Problems) {
    found.take(count(field, 1, MAX_STEPS, ladder.len()));
    for (i, step) in ladder.iter().enumerate() {
        if matches!(step, NextStep::Proceed | NextStep::Stop) {
            let why = "`proceed` and `stop` are no steps of a ladder";
            found.unfit(field, why);
        }
        if ladder.iter().take(i).any(|before| before == step) {
            let why = format!("`{}` stands in it twice", step.as_str());
            found.unfit(field, why);
        }
    }
    if ladder.last() != Some(&NextStep::Human) {
        let why = "the last step must be `human`: whoever cannot pass needs somebody to turn to";
        found.unfit(field, why);
    }
}

fn check_context(context: &ContextRules, found: &mut Problems) {
    let free = [("ani_known", context.ani_known), ("device_known", context.device_known)];
    let passed = [
        ("verstat_passed_a", context.verstat_passed_a),
        ("verstat_passed_b", context.verstat_passed_b),
        ("verstat_passed_c", context.verstat_passed_c),
    ];
    for (name, nats) in free.into_iter().chain(passed) {
        found.take(within(format!("context.{name}"), nats, -MAX_NATS, MAX_NATS));
    }
    let unfavorable = [
        ("ani_new", context.ani_new),
        ("ani_withheld", context.ani_withheld),
        ("ani_other_subject", context.ani_other_subject),
        ("verstat_failed", context.verstat_failed),
        ("verstat_not_validated", context.verstat_not_validated),
        ("device_new", context.device_new),
    ];
    for (name, nats) in unfavorable {
        found.take(within(format!("context.{name}"), nats, -MAX_NATS, 0.0));
    }
    found.take(count("context.sim_swap", 0, MAX_STEPS, context.sim_swap.len()));
    for s in &context.sim_swap {
        found.take(within("context.sim_swap.within_hours", s.within_hours, 0.1, 24.0 * 366.0));
        found.take(within("context.sim_swap.nats", s.nats, -MAX_NATS, 0.0));
    }
    let pairs = context.sim_swap.windows(2);
    if !pairs.into_iter().all(|w| w[0].within_hours < w[1].within_hours && w[0].nats <= w[1].nats) {
        found.unfit("context.sim_swap", "hours must rise and shifts must not fall with them");
    }
    found.take(count("context.geo_velocity", 0, MAX_STEPS, context.geo_velocity.len()));
    for g in &context.geo_velocity {
        found.take(within("context.geo_velocity.from_kmh", g.from_kmh, 1.0, 1e6));
        found.take(within("context.geo_velocity.nats", g.nats, -MAX_NATS, 0.0));
    }
    let pairs = context.geo_velocity.windows(2);
    if !pairs.into_iter().all(|w| w[0].from_kmh < w[1].from_kmh && w[0].nats >= w[1].nats) {
        found.unfit("context.geo_velocity", "speeds must rise and shifts must not rise with them");
    }
    for (kind, shift) in &context.findings {
        let field = format!("context.findings.{}", kind.as_str());
        found.take(within(format!("{field}.present"), shift.present, -MAX_NATS, 0.0));
        found.take(within(format!("{field}.absent"), shift.absent, 0.0, MAX_NATS));
    }
}

fn check_intent(field: &str, intent: &IntentRules, found: &mut Problems) {
    found.take(within(format!("{field}.false_accept"), intent.false_accept, 0.01, MAX_COST));
    found.take(within(format!("{field}.false_reject"), intent.false_reject, 0.01, MAX_COST));
    found.take(within(format!("{field}.amount_share"), intent.amount_share, 0.0, 1.0));
    // A step-up that costs as much as a wrong answer would never be asked for.
    let least = intent.false_accept.min(intent.false_reject);
    found.take(within(format!("{field}.step_up"), intent.step_up, 1e-4, 0.99 * least));
    if let Some(genuine) = intent.prior_genuine {
        found.take(within(format!("{field}.prior_genuine"), genuine, 1e-6, 1.0 - 1e-6));
    }
    if let Some(ladder) = &intent.ladder {
        check_ladder(&format!("{field}.ladder"), ladder, found);
    }
}

fn check_rules(file: &SessionPolicyFile, found: &mut Problems) {
    found.take(count("rules", 0, MAX_RULES, file.rules.len()));
    found.take(count("routing", 0, MAX_RULES, file.routing.len()));
    for rule in &file.rules {
        found.take(cap(&format!("rules.{}.at_most", rule.name), rule.at_most));
        if matches!(rule.next, Some(NextStep::Proceed)) {
            let why = "a rule cannot let anything proceed";
            found.unfit(format!("rules.{}.next", rule.name), why);
        }
    }
    for rule in &file.routing {
        if let Some(reason) = &rule.reason
            && (reason.is_empty()
                || reason.len() > MAX_TEXT
                || reason.chars().any(char::is_control))
        {
            let why = format!("1 to {MAX_TEXT} bytes without control characters");
            found.unfit(format!("routing.{}.reason", rule.name), why);
        }
    }
    let mut seen = BTreeSet::new();
    let names = file.rules.iter().map(|r| &r.name).chain(file.routing.iter().map(|r| &r.name));
    for name in names {
        if !seen.insert(name) {
            let why = "two rules have this name";
            found.unfit(format!("rules.{name}"), why);
        }
    }
    let source = file.fmr_claim.as_ref().map(|claim| &claim.source);
    if source.is_some_and(|source| source.is_empty() || source.len() > MAX_TEXT) {
        found.unfit("fmr_claim.source", format!("1 to {MAX_TEXT} bytes"));
    }
}
