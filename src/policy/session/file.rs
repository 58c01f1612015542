//! A policy as it stands in its file. Checked and compiled by [`ActivePolicy`].
//!
//! [`ActivePolicy`]: crate::policy::session::ActivePolicy

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{
    ArtifactRef, Assurance, Decision, DurationMs, FactorCategory, FactorName, FindingKind,
    IntentId, Llr, NextStep, QueueName, RuleName,
};

/// What a policy promises beside its numbers; held when it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssuranceProfile {
    /// A voice may satisfy low-risk intents and nothing more by itself.
    ContactCentre,
    /// Strong customer authentication (Delegated Regulation (EU) 2018/389): two independent elements;
    /// biometrics never by themselves.
    Psd2Sca,
    /// NIST SP 800-63B: a voice is a risk signal and never raises assurance.
    #[serde(rename = "nist-800-63b")]
    Nist80063b,
    /// Promises nothing.
    Custom,
}

impl AssuranceProfile {
    /// The name in files and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ContactCentre => "contact-centre",
            Self::Psd2Sca => "psd2-sca",
            Self::Nist80063b => "nist-800-63b",
            Self::Custom => "custom",
        }
    }
}

/// What is believed before anything is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorRules {
    /// Probability that a caller is who they claim.
    pub genuine: f64,
    /// Most that favorable context may add to the log-odds together, in nats. Unfavorable context has no
    /// such limit.
    pub context_gain_limit: f64,
}

/// How evidence about the person is taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRules {
    /// Rate at which somebody else takes over a session, per hour.
    pub takeover_per_hour: f64,
    /// Probability that it is the same person although a change was noticed, 0.5 to 1: favorable
    /// evidence from before the change ages by it. Unfavorable evidence stays as it is.
    pub same_after_change: f64,
    /// Evidence older than this is absent, in milliseconds.
    pub max_age_ms: DurationMs,
    /// Net speech under which the person is asked to speak longer, in milliseconds.
    pub min_net_speech_ms: u32,
}

/// What elements give which assurance. Lists are by the number of categories among the factors passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssuranceRules {
    /// With no, one, two and three categories of other factors.
    pub factors: [Assurance; 4],
    /// The same with our biometrics as an element besides: no, one and two other categories.
    pub with_biometrics: [Assurance; 3],
    /// Fused LLR from which on biometrics are an element. A calibrated LLR of t is reached by at most a
    /// share of e^-t of impostors (Markov's inequality on the likelihood ratio).
    pub biometrics_llr: Llr,
    /// Assurance up to which biometrics count although no check for attacks ran on them.
    pub without_pad: Assurance,
    /// What an attack found by such a check leads to: `STEP_UP` or `REJECT`.
    pub on_attack: Decision,
}

/// Evidence for a claimed false match rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FmrClaim {
    /// Claimed rate at `biometrics_llr`.
    pub fmr: f64,
    /// Comparisons of impostors in the test.
    pub comparisons: u64,
    /// False matches among them.
    pub false_matches: u64,
    /// Where the test is described.
    pub source: String,
}

/// Another factor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorRules {
    /// Its category.
    pub category: FactorCategory,
    /// What passing adds to the log-odds, in nats: ln of P(passed | genuine) / P(passed | other).
    pub passed: f64,
    /// What failing adds, in nats; not positive.
    pub failed: f64,
}

/// What an answered challenge adds to the log-odds, in nats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengeRules {
    /// Answered rightly.
    pub right: f64,
    /// Answered wrongly; not positive.
    pub wrong: f64,
}

/// What a SIM change adds while it is this young.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimSwapShift {
    /// Up to this age, in hours.
    pub within_hours: f64,
    /// In nats; not positive.
    pub nats: f64,
}

/// What a speed of travel adds from this speed on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeoShift {
    /// From this speed on, in km/h.
    pub from_kmh: f64,
    /// In nats; not positive.
    pub nats: f64,
}

/// What a finding adds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingShift {
    /// Found, in nats; not positive.
    pub present: f64,
    /// Looked for and not found, in nats; not negative.
    #[serde(default)]
    pub absent: f64,
}

/// Shifts of the prior log-odds by context, in nats. What is not known shifts nothing, nor does what is
/// not listed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextRules {
    /// The number is on record for the subject and was used before.
    pub ani_known: f64,
    /// The number is on record for nobody.
    pub ani_new: f64,
    /// The number is withheld.
    pub ani_withheld: f64,
    /// The number is on record for somebody else.
    pub ani_other_subject: f64,
    /// STIR/SHAKEN validated, attestation A.
    pub verstat_passed_a: f64,
    /// Attestation B.
    pub verstat_passed_b: f64,
    /// Attestation C.
    pub verstat_passed_c: f64,
    /// Validation failed.
    pub verstat_failed: f64,
    /// No validation took place.
    pub verstat_not_validated: f64,
    /// The device is new for the subject.
    pub device_new: f64,
    /// The device is known.
    pub device_known: f64,
    /// SIM changes, rising by age; the first that applies counts.
    pub sim_swap: Vec<SimSwapShift>,
    /// Speeds, rising; the last that applies counts.
    pub geo_velocity: Vec<GeoShift>,
    /// Findings.
    pub findings: BTreeMap<FindingKind, FindingShift>,
}

/// What a wrong or a slow answer costs and what assurance an intent needs. Costs are in the currency of
/// the policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntentRules {
    /// Assurance it needs.
    pub requires: Assurance,
    /// Cost of accepting somebody else, without the sum at stake.
    pub false_accept: f64,
    /// Share of the sum at stake that is lost besides, 0 to 1.
    #[serde(default)]
    pub amount_share: f64,
    /// Cost of refusing the person.
    pub false_reject: f64,
    /// Cost of a step-up.
    pub step_up: f64,
    /// Probability of genuine for this intent, where it differs: fraud is where the money is.
    #[serde(default)]
    pub prior_genuine: Option<f64>,
    /// The ladder for this intent, where it differs.
    #[serde(default)]
    pub ladder: Option<Vec<NextStep>>,
}

/// A rule that caps decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRule {
    /// Its name, unique in the file.
    pub name: RuleName,
    /// Condition in CEL, a boolean.
    pub when: String,
    /// The best decision while it holds: `STEP_UP` or `REJECT`.
    pub at_most: Decision,
    /// The mildest next step while it holds.
    #[serde(default)]
    pub next: Option<NextStep>,
}

/// A rule that hints at a queue. The first that holds counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutingRule {
    /// Its name, unique in the file.
    pub name: RuleName,
    /// Condition in CEL, a boolean; it may see age class and language.
    pub when: String,
    /// Where to.
    pub queue: QueueName,
    /// Why, for people at the queue: short, without control characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionPolicyFile {
    /// Name and version; change it with the numbers.
    pub version: ArtifactRef,
    /// What it promises.
    pub profile: AssuranceProfile,
    /// Currency of the costs, by ISO 4217.
    pub currency: String,
    /// What one unit of another currency is worth in it. A currency that is not listed has no price.
    #[serde(default)]
    pub rates: BTreeMap<String, f64>,
    /// Unknown, opted-out and rejected subjects get one answer outside; see
    /// [`outside`](crate::policy::session::outside()).
    #[serde(default)]
    pub constant_answers: bool,
    /// A number from which a session was accepted, on evidence or another factor that speaks for the person, becomes one
    /// of the subject's. Off unless it is said: whoever was accepted wrongly once would have a known number from then on.
    #[serde(default)]
    pub remember_numbers: bool,
    /// Prior.
    pub prior: PriorRules,
    /// Evidence.
    pub evidence: EvidenceRules,
    /// Assurance.
    pub assurance: AssuranceRules,
    /// Evidence for a claimed false match rate; without it nothing is claimed.
    #[serde(default)]
    pub fmr_claim: Option<FmrClaim>,
    /// Intent under which a session as a whole is judged while nothing particular is asked.
    pub session_intent: IntentId,
    /// Steps to try, in this order.
    pub ladder: Vec<NextStep>,
    /// Challenge.
    pub challenge: ChallengeRules,
    /// Other factors.
    pub factors: BTreeMap<FactorName, FactorRules>,
    /// Context.
    #[serde(default)]
    pub context: ContextRules,
    /// Intents.
    pub intents: BTreeMap<IntentId, IntentRules>,
    /// Rules for decisions.
    #[serde(default)]
    pub rules: Vec<DecisionRule>,
    /// Rules for routing.
    #[serde(default)]
    pub routing: Vec<RoutingRule>,
}
