//! Everything known, as log-odds of genuine and as assurance; before any rule.

use std::collections::BTreeSet;

use crate::domain::{
    Assurance, Decision, FactorCategory, Finding, Llr, PadOutcome, Risk, probability_of,
};
use crate::policy::session::active::ActivePolicy;
use crate::policy::session::context::shifts;
use crate::policy::session::file::{AssuranceRules, IntentRules};
use crate::policy::session::{
    Contribution, DecisionFacts, FactorOutcome, IntentAsked, Source, SubjectStanding, Thresholds,
};
use crate::scoring::fusion::{Fused, ModalityLlr, same_person};

/// How far biometrics are an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    /// The evidence is too weak.
    None,
    /// Strong enough only with evidence that was not checked for attacks.
    Unchecked,
    /// Strong enough.
    Checked,
}

/// What the facts come to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assessment {
    /// Fused evidence.
    pub fused: Option<Llr>,
    /// The same without credit for what was not checked for attacks.
    pub covered: Option<Llr>,
    /// Summands of the log-odds.
    pub contributions: Vec<Contribution>,
    /// Natural log-odds of genuine.
    pub log_odds: f64,
    /// What they are held against.
    pub thresholds: Thresholds,
    /// The intent and its sum have a price.
    pub priced: bool,
    /// The policy knows the intent.
    pub intent_known: bool,
    /// How far biometrics are an element.
    pub element: Element,
    /// Assurance reached.
    pub assurance: Assurance,
    /// An attack was found.
    pub attack: bool,
    /// Some evidence was not checked for attacks.
    pub unchecked: bool,
    /// Some evidence was dropped or weakened for its age.
    pub old: bool,
}

impl Assessment {
    /// The risk is small enough.
    pub fn risk_met(&self) -> bool {
        self.log_odds >= self.thresholds.accept_log_odds
    }

    /// There are enough elements.
    pub fn assured(&self) -> bool {
        self.assurance >= self.thresholds.required
    }

    /// Everything holds that accepting needs.
    pub fn accepts(&self) -> bool {
        let known = self.intent_known && self.priced && !self.attack;
        known && self.risk_met() && self.assured()
    }

    /// The risk in points.
    pub fn risk(&self) -> Risk {
        Risk::from_log_odds(self.log_odds)
    }

    /// Probability of genuine.
    pub fn p_genuine(&self) -> f64 {
        probability_of(self.log_odds).value()
    }
}

/// Evidence that takes part, and what became of the rest.
#[derive(Default)]
struct Gathered {
    all: Vec<ModalityLlr>,
    checked: Vec<ModalityLlr>,
    /// All, with unchecked evidence cut to 0: it may take away but not add.
    cut: Vec<ModalityLlr>,
    attack: bool,
    old: bool,
}

/// Evidence under this probability of being still about the same person is called old.
const OLD_SAME: f64 = 0.99;

/// Holds the facts against the policy.
pub(super) fn assess(policy: &ActivePolicy, facts: &DecisionFacts) -> Assessment {
    let file = policy.file();
    let intent = file.intents.get(&facts.intent.id);
    let gathered = gather(policy, facts);
    let fusion = policy.fusion();
    let fused = fusion.fuse(&gathered.all);
    let covered = credited(fusion.fuse(&gathered.cut), fusion.fuse(&gathered.checked));
    let required = intent.map_or(Assurance::High, |i| i.requires);
    // Input that nobody checked may lower the risk of small things only.
    let lenient = required <= file.assurance.without_pad;
    let taken = if lenient { fused.clone() } else { covered.clone() };
    let prior = intent.and_then(|i| i.prior_genuine).unwrap_or(file.prior.genuine);
    let mut contributions =
        vec![Contribution { source: Source::Prior, nats: (prior / (1.0 - prior)).ln() }];
    if let Some(taken) = taken {
        add_fused(&mut contributions, &taken);
    }
    add_context(&mut contributions, policy, facts);
    let claimed = is_known(facts.subject);
    if claimed {
        add_factors(&mut contributions, policy, facts);
    }
    let log_odds = contributions.iter().map(|c| c.nats).sum();
    let (thresholds, priced) = thresholds(policy, &facts.intent, intent);
    let element = element(fused.as_ref(), covered.as_ref(), thresholds.inherence_llr);
    let factors = if claimed { passed(policy, facts) } else { BTreeSet::new() };
    Assessment {
        fused: fused.map(|f| f.llr),
        covered: covered.map(|c| c.llr),
        contributions,
        log_odds,
        thresholds,
        priced,
        intent_known: intent.is_some(),
        element,
        assurance: assurance(&file.assurance, &factors, element),
        attack: gathered.attack,
        unchecked: gathered.all.len() > gathered.checked.len(),
        old: gathered.old,
    }
}

/// The server knows the subject.
pub(super) fn is_known(subject: SubjectStanding) -> bool {
    !matches!(subject, SubjectStanding::Unclaimed | SubjectStanding::Unknown)
}

/// Evidence that may be used at all: of a subject with a template, enough, not too old. What a detector
/// took for an attack counts neither way.
fn gather(policy: &ActivePolicy, facts: &DecisionFacts) -> Gathered {
    let rules = &policy.file().evidence;
    let mut gathered = Gathered::default();
    if facts.subject != SubjectStanding::Enrolled {
        return gathered;
    }
    for (modality, evidence) in &facts.evidence {
        // An attack is not forgotten with age.
        if evidence.pad == PadOutcome::Attack {
            gathered.attack = true;
            continue;
        }
        if evidence.age_ms > rules.max_age_ms {
            gathered.old = true;
            continue;
        }
        // What is not finite cannot be stored and replayed, so it is no evidence.
        let Some(llr) = evidence.llr.filter(|llr| evidence.enough && llr.0.is_finite()) else {
            continue;
        };
        let mut same = same_person(evidence.age_ms, rules.takeover_per_hour);
        let before = facts.changed_ms_ago.is_some_and(|ago| evidence.age_ms > ago);
        if before && llr.0 > 0.0 {
            let s = rules.same_after_change;
            same = same * s + (1.0 - same) * (1.0 - s);
        }
        gathered.old |= same < OLD_SAME;
        let one = ModalityLlr { modality: *modality, llr, same };
        gathered.all.push(one);
        if evidence.pad == PadOutcome::BonaFide {
            gathered.checked.push(one);
            gathered.cut.push(one);
        } else {
            gathered.cut.push(ModalityLlr { llr: Llr(llr.0.min(0.0)), ..one });
        }
    }
    gathered
}

/// The lower of all evidence with what was not checked cut to 0, and the checked evidence alone (0 when
/// there is none). Both rise with each LLR, so the lower does.
fn credited(cut: Option<Fused>, checked: Option<Fused>) -> Option<Fused> {
    let cut = cut?;
    let nothing = Fused { llr: Llr(0.0), parts: Vec::new(), offset: 0.0 };
    let checked = checked.unwrap_or(nothing);
    Some(if checked.llr < cut.llr { checked } else { cut })
}

fn add_fused(contributions: &mut Vec<Contribution>, fused: &Fused) {
    let parts = fused.parts.iter().map(|(m, nats)| (Source::Modality(*m), *nats));
    contributions.extend(parts.map(|(source, nats)| Contribution { source, nats }));
    if fused.offset != 0.0 {
        contributions.push(Contribution { source: Source::Combination, nats: fused.offset });
    }
}

fn add_context(
    contributions: &mut Vec<Contribution>,
    policy: &ActivePolicy,
    facts: &DecisionFacts,
) {
    let shifts = shifts(&policy.file().context, &facts.context);
    let gain: f64 = shifts.iter().map(|(_, nats)| nats.max(0.0)).sum();
    let named = shifts.into_iter().map(|(name, nats)| (Source::Context(name), nats));
    contributions.extend(named.map(|(source, nats)| Contribution { source, nats }));
    let over = gain - policy.file().prior.context_gain_limit;
    if over > 0.0 {
        contributions.push(Contribution { source: Source::ContextLimit, nats: -over });
    }
}

/// Factors and challenge. A factor that the policy does not name counts for nothing.
fn add_factors(
    contributions: &mut Vec<Contribution>,
    policy: &ActivePolicy,
    facts: &DecisionFacts,
) {
    let file = policy.file();
    for (name, outcome) in &facts.factors {
        let Some(rules) = file.factors.get(name) else { continue };
        let nats = match outcome {
            FactorOutcome::Passed => rules.passed,
            FactorOutcome::Failed => rules.failed,
        };
        contributions.push(Contribution { source: Source::Factor(name.clone()), nats });
    }
    let nats = match facts.challenge {
        Finding::Unknown => return,
        Finding::Present => file.challenge.right,
        Finding::Absent => file.challenge.wrong,
    };
    contributions.push(Contribution { source: Source::Challenge, nats });
}

/// Categories of the factors passed.
fn passed(policy: &ActivePolicy, facts: &DecisionFacts) -> BTreeSet<FactorCategory> {
    let ok = facts.factors.iter().filter(|(_, outcome)| **outcome == FactorOutcome::Passed);
    ok.filter_map(|(name, _)| policy.file().factors.get(name)).map(|f| f.category).collect()
}

fn element(fused: Option<&Fused>, covered: Option<&Fused>, needed: Llr) -> Element {
    let reaches = |f: Option<&Fused>| f.is_some_and(|f| f.llr >= needed);
    match (reaches(covered), reaches(fused)) {
        (true, _) => Element::Checked,
        (false, true) => Element::Unchecked,
        (false, false) => Element::None,
    }
}

/// Assurance of elements. Biometrics of ours beside somebody else's are one category, not two.
pub(super) fn assurance(
    rules: &AssuranceRules,
    factors: &BTreeSet<FactorCategory>,
    element: Element,
) -> Assurance {
    let level = |list: &[Assurance], n: usize| {
        list.get(n.min(list.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    let alone = level(&rules.factors, factors.len());
    if factors.contains(&FactorCategory::Inherence) {
        return alone;
    }
    let with = level(&rules.with_biometrics, factors.len());
    match element {
        Element::None => alone,
        Element::Unchecked => alone.max(with.min(rules.without_pad)),
        Element::Checked => alone.max(with),
    }
}

/// Thresholds by Bayes' rule for three actions (after Chow, IEEE Trans. Inf. Theory 16, 1970), where a
/// step-up finds out the truth at its cost c: accepting costs less than c from
/// ln((false_accept − c) / c) on, refusing costs less than c under ln(c / (false_reject − c)), and of
/// the two accepting is cheaper from ln(false_accept / false_reject) on. An intent without a price is
/// never accepted and never refused. The flag says whether there is one.
fn thresholds(
    policy: &ActivePolicy,
    asked: &IntentAsked,
    rules: Option<&IntentRules>,
) -> (Thresholds, bool) {
    let inherence_llr = policy.file().assurance.biometrics_llr;
    let costs = rules.and_then(|r| Some((r, false_accept(policy, asked, r)?)));
    let Some((rules, false_accept)) = costs else {
        let required = rules.map_or(Assurance::High, |r| r.requires);
        let open = Thresholds {
            accept_log_odds: f64::MAX,
            reject_log_odds: f64::MIN,
            inherence_llr,
            required,
        };
        return (open, false);
    };
    let step_up = rules.step_up;
    let even = (false_accept / rules.false_reject).ln();
    let priced = Thresholds {
        accept_log_odds: ((false_accept - step_up) / step_up).ln().max(even),
        reject_log_odds: (step_up / (rules.false_reject - step_up)).ln().min(even),
        inherence_llr,
        required: rules.requires,
    };
    (priced, true)
}

/// Cost of accepting somebody else, the sum at stake included; `None` when it has no price.
fn false_accept(policy: &ActivePolicy, asked: &IntentAsked, rules: &IntentRules) -> Option<f64> {
    Some(rules.false_accept + at_stake(policy, asked, rules)?)
}

/// What a decision is expected to cost where somebody is genuine with probability `p_genuine`, in the currency of
/// the policy. What has no price, and what was decided about the standing of a subject alone, counts nothing.
pub(super) fn expected_cost(
    policy: &ActivePolicy,
    asked: &IntentAsked,
    decision: Decision,
    p_genuine: f64,
) -> f64 {
    let Some(rules) = policy.file().intents.get(&asked.id) else { return 0.0 };
    let Some(false_accept) = false_accept(policy, asked, rules) else { return 0.0 };
    match decision {
        Decision::Accept => (1.0 - p_genuine) * false_accept,
        Decision::Reject => p_genuine * rules.false_reject,
        Decision::StepUp | Decision::Inconclusive => rules.step_up,
        _ => 0.0,
    }
}

/// What is lost of the sum, in the currency of the policy; `None` when it has no price.
fn at_stake(policy: &ActivePolicy, asked: &IntentAsked, rules: &IntentRules) -> Option<f64> {
    if rules.amount_share == 0.0 {
        return Some(0.0);
    }
    Some(policy.price(asked.amount.as_ref()?)? * rules.amount_share)
}
