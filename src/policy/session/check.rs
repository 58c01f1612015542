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

type Checked = Result<(), SessionPolicyError>;

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

/// Refuses a policy that is not sound.
pub(super) fn check(file: &SessionPolicyFile) -> Checked {
    check_head(file)?;
    check_prior("prior", &file.prior)?;
    let e = &file.evidence;
    within("evidence.takeover_per_hour", e.takeover_per_hour, 0.0, 10.0)?;
    within("evidence.same_after_change", e.same_after_change, 0.5, 1.0)?;
    within("evidence.max_age_ms", e.max_age_ms as f64, 1_000.0, DAY_MS)?;
    within("evidence.min_net_speech_ms", f64::from(e.min_net_speech_ms), 500.0, 60_000.0)?;
    check_assurance(&file.assurance)?;
    check_ladder("ladder", &file.ladder)?;
    within("challenge.right", file.challenge.right, 0.0, MAX_NATS)?;
    within("challenge.wrong", file.challenge.wrong, -MAX_NATS, 0.0)?;
    count("factors", 0, MAX_FACTORS, file.factors.len())?;
    for (name, factor) in &file.factors {
        within(format!("factors.{name}.passed"), factor.passed, 0.0, MAX_NATS)?;
        within(format!("factors.{name}.failed"), factor.failed, -MAX_NATS, 0.0)?;
    }
    check_context(&file.context)?;
    count("intents", 1, MAX_INTENTS, file.intents.len())?;
    for (name, intent) in &file.intents {
        check_intent(&format!("intents.{name}"), intent)?;
    }
    if !file.intents.contains_key(&file.session_intent) {
        let why = format!("there is no intent `{}`", file.session_intent);
        return Err(SessionPolicyError::unfit("session_intent", why));
    }
    check_rules(file)?;
    check_profile(file)
}

fn check_head(file: &SessionPolicyFile) -> Checked {
    let id = &file.version.id;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.is_empty() || id.len() > 64 || !id.chars().all(plain) {
        let why = "1 to 64 letters, digits, '-', '_' and '.'";
        return Err(SessionPolicyError::unfit("version.id", why));
    }
    if file.version.version == 0 {
        return Err(SessionPolicyError::unfit("version.version", "counts from 1"));
    }
    let currency = |field: &str, code: &str| {
        let checked = Amount::new(0.0, code);
        checked.map(|_| ()).map_err(|e| SessionPolicyError::unfit(field, e.to_string()))
    };
    currency("currency", &file.currency)?;
    count("rates", 0, MAX_RATES, file.rates.len())?;
    for (code, rate) in &file.rates {
        currency("rates", code)?;
        within(format!("rates.{code}"), *rate, 1e-6, 1e6)?;
        if *code == file.currency {
            let why = "is the currency of the policy: its rate is 1";
            return Err(SessionPolicyError::unfit(format!("rates.{code}"), why));
        }
    }
    Ok(())
}

fn check_prior(field: &str, prior: &PriorRules) -> Checked {
    within(format!("{field}.genuine"), prior.genuine, 1e-6, 1.0 - 1e-6)?;
    within(format!("{field}.context_gain_limit"), prior.context_gain_limit, 0.0, 3.0)
}

fn check_assurance(rules: &AssuranceRules) -> Checked {
    within("assurance.biometrics_llr", rules.biometrics_llr.0, 0.0, 20.0)?;
    let unfit = |field: &str, why: &str| Err(SessionPolicyError::unfit(field, why));
    let rising = |list: &[_]| list.windows(2).all(|w| w[0] <= w[1]);
    if !rising(&rules.factors) {
        return unfit("assurance.factors", "more categories must not give less assurance");
    }
    if !rising(&rules.with_biometrics) {
        let why = "more categories must not give less assurance";
        return unfit("assurance.with_biometrics", why);
    }
    if rules.with_biometrics.iter().zip(&rules.factors).any(|(with, alone)| with < alone) {
        let why = "biometrics must not lower the assurance of the same factors";
        return unfit("assurance.with_biometrics", why);
    }
    cap("assurance.on_attack", rules.on_attack)
}

/// A cap is STEP_UP or REJECT.
fn cap(field: &str, decision: Decision) -> Checked {
    match decision {
        Decision::StepUp | Decision::Reject => Ok(()),
        _ => Err(SessionPolicyError::unfit(field, "must be STEP_UP or REJECT")),
    }
}

fn check_ladder(field: &str, ladder: &[NextStep]) -> Checked {
    count(field, 1, MAX_STEPS, ladder.len())?;
    for (i, step) in ladder.iter().enumerate() {
        if matches!(step, NextStep::Proceed | NextStep::Stop) {
            let why = "`proceed` and `stop` are no steps of a ladder";
            return Err(SessionPolicyError::unfit(field, why));
        }
        if ladder.iter().take(i).any(|before| before == step) {
            let why = format!("`{}` stands in it twice", step.as_str());
            return Err(SessionPolicyError::unfit(field, why));
        }
    }
    if ladder.last() != Some(&NextStep::Human) {
        let why = "the last step must be `human`: whoever cannot pass needs somebody to turn to";
        return Err(SessionPolicyError::unfit(field, why));
    }
    Ok(())
}

fn check_context(context: &ContextRules) -> Checked {
    let free = [("ani_known", context.ani_known), ("device_known", context.device_known)];
    let passed = [
        ("verstat_passed_a", context.verstat_passed_a),
        ("verstat_passed_b", context.verstat_passed_b),
        ("verstat_passed_c", context.verstat_passed_c),
    ];
    for (name, nats) in free.into_iter().chain(passed) {
        within(format!("context.{name}"), nats, -MAX_NATS, MAX_NATS)?;
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
        within(format!("context.{name}"), nats, -MAX_NATS, 0.0)?;
    }
    let unfit = |field, why| Err(SessionPolicyError::unfit(field, why));
    count("context.sim_swap", 0, MAX_STEPS, context.sim_swap.len())?;
    for s in &context.sim_swap {
        within("context.sim_swap.within_hours", s.within_hours, 0.1, 24.0 * 366.0)?;
        within("context.sim_swap.nats", s.nats, -MAX_NATS, 0.0)?;
    }
    let pairs = context.sim_swap.windows(2);
    if !pairs.into_iter().all(|w| w[0].within_hours < w[1].within_hours && w[0].nats <= w[1].nats) {
        return unfit("context.sim_swap", "hours must rise and shifts must not fall with them");
    }
    count("context.geo_velocity", 0, MAX_STEPS, context.geo_velocity.len())?;
    for g in &context.geo_velocity {
        within("context.geo_velocity.from_kmh", g.from_kmh, 1.0, 1e6)?;
        within("context.geo_velocity.nats", g.nats, -MAX_NATS, 0.0)?;
    }
    let pairs = context.geo_velocity.windows(2);
    if !pairs.into_iter().all(|w| w[0].from_kmh < w[1].from_kmh && w[0].nats >= w[1].nats) {
        return unfit(
            "context.geo_velocity",
            "speeds must rise and shifts must not rise with them",
        );
    }
    for (kind, shift) in &context.findings {
        let field = format!("context.findings.{}", kind.as_str());
        within(format!("{field}.present"), shift.present, -MAX_NATS, 0.0)?;
        within(format!("{field}.absent"), shift.absent, 0.0, MAX_NATS)?;
    }
    Ok(())
}

fn check_intent(field: &str, intent: &IntentRules) -> Checked {
    within(format!("{field}.false_accept"), intent.false_accept, 0.01, MAX_COST)?;
    within(format!("{field}.false_reject"), intent.false_reject, 0.01, MAX_COST)?;
    within(format!("{field}.amount_share"), intent.amount_share, 0.0, 1.0)?;
    // A step-up that costs as much as a wrong answer would never be asked for.
    let least = intent.false_accept.min(intent.false_reject);
    within(format!("{field}.step_up"), intent.step_up, 1e-4, 0.99 * least)?;
    if let Some(genuine) = intent.prior_genuine {
        within(format!("{field}.prior_genuine"), genuine, 1e-6, 1.0 - 1e-6)?;
    }
    match &intent.ladder {
        Some(ladder) => check_ladder(&format!("{field}.ladder"), ladder),
        None => Ok(()),
    }
}

fn check_rules(file: &SessionPolicyFile) -> Checked {
    count("rules", 0, MAX_RULES, file.rules.len())?;
    count("routing", 0, MAX_RULES, file.routing.len())?;
    for rule in &file.rules {
        cap(&format!("rules.{}.at_most", rule.name), rule.at_most)?;
        if matches!(rule.next, Some(NextStep::Proceed)) {
            let why = "a rule cannot let anything proceed";
            return Err(SessionPolicyError::unfit(format!("rules.{}.next", rule.name), why));
        }
    }
    for rule in &file.routing {
        if let Some(reason) = &rule.reason
            && (reason.is_empty()
                || reason.len() > MAX_TEXT
                || reason.chars().any(char::is_control))
        {
            let why = format!("1 to {MAX_TEXT} bytes without control characters");
            return Err(SessionPolicyError::unfit(format!("routing.{}.reason", rule.name), why));
        }
    }
    let mut seen = BTreeSet::new();
    let names = file.rules.iter().map(|r| &r.name).chain(file.routing.iter().map(|r| &r.name));
    for name in names {
        if !seen.insert(name) {
            let why = "two rules have this name";
            return Err(SessionPolicyError::unfit(format!("rules.{name}"), why));
        }
    }
    match &file.fmr_claim {
        Some(claim) if claim.source.is_empty() || claim.source.len() > MAX_TEXT => {
            let why = format!("1 to {MAX_TEXT} bytes");
            Err(SessionPolicyError::unfit("fmr_claim.source", why))
        }
        _ => Ok(()),
    }
}
