//! What a session decision is made of, and what it comes to. Plain data.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::{
    AgeClass, Amount, ArtifactRef, Assurance, Decision, DurationMs, FactorName, Finding,
    FindingKind, IntentId, Llr, Modality, NextStep, PadOutcome, Probability, QueueName, Risk,
    RuleName, SessionChannel, SessionReason,
};

/// What one modality says at this moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModalityEvidence {
    /// Calibrated evidence; absent when nothing was compared.
    pub llr: Option<Llr>,
    /// As much was captured as the modality needs for a conclusion. What is not enough counts for
    /// nothing, neither for nor against.
    pub enough: bool,
    /// Since the last capture it rests on, in milliseconds.
    pub age_ms: DurationMs,
    /// What made it.
    pub model: ArtifactRef,
    /// Whether the input was looked at for attacks.
    pub pad: PadOutcome,
}

/// The calling number, held against what is on record for the claimed subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AniHistory {
    /// No number, or nobody looked.
    #[default]
    Unknown,
    /// On record and used before.
    Known,
    /// Not on record for anybody.
    New,
    /// Withheld by the caller.
    Withheld,
    /// On record for somebody else.
    OtherSubject,
}

/// What the network says about the calling number (STIR/SHAKEN: RFC 8224, ATIS-1000074; `verstat` in
/// 3GPP TS 24.229).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verstat {
    /// Not stated.
    #[default]
    Unknown,
    /// Validated, full attestation (A).
    PassedA,
    /// Validated, partial attestation (B).
    PassedB,
    /// Validated, gateway attestation (C): says nothing about the number.
    PassedC,
    /// Validation failed.
    Failed,
    /// No validation took place.
    NotValidated,
}

/// What is known around a session. It shifts the prior and is never evidence about the person.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextSignals {
    /// The calling number against the record.
    pub ani: AniHistory,
    /// The network's word on the calling number.
    pub verstat: Verstat,
    /// Whether the device is new for the subject: `Present` is new, `Absent` is known.
    pub new_device: Finding,
    /// Since the SIM of the number was last changed, in milliseconds; absent when not known.
    pub sim_swap_age_ms: Option<DurationMs>,
    /// Speed at which the subject would have had to travel since the last session, in km/h.
    pub geo_velocity_kmh: Option<f64>,
    /// Findings; one that is not listed is unknown.
    pub findings: BTreeMap<FindingKind, Finding>,
}

impl ContextSignals {
    /// A finding, unknown when not listed.
    pub fn finding(&self, kind: FindingKind) -> Finding {
        self.findings.get(&kind).copied().unwrap_or_default()
    }
}

/// Where the claimed subject stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectStanding {
    /// Nobody was claimed.
    Unclaimed,
    /// Claimed, but not known to the server.
    Unknown,
    /// Known, nothing usable enrolled.
    NotEnrolled,
    /// Something is enrolled.
    Enrolled,
    /// What is enrolled is past its expiry.
    Expired,
    /// No current consent.
    NoConsent,
    /// Opted out of biometric processing.
    OptedOut,
    /// Locked after too many unsuccessful attempts.
    Locked,
    /// Locked so often that another factor is needed before anything is compared.
    FactorNeeded,
    /// Known, but whoever makes the claim failed too often: nothing is compared for them.
    SourceLocked,
}

/// What somebody wants to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntentAsked {
    /// Which intent.
    pub id: IntentId,
    /// The sum at stake, where there is one.
    pub amount: Option<Amount>,
}

/// How another factor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorOutcome {
    /// Passed.
    Passed,
    /// Failed.
    Failed,
}

/// Everything a decision about identity may rest on. It is stored with the decision, and replayed by
/// [`what_if`](crate::policy::session::what_if()). There is no age in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionFacts {
    /// What is asked.
    pub intent: IntentAsked,
    /// Where.
    pub channel: SessionChannel,
    /// Where the claimed subject stands.
    pub subject: SubjectStanding,
    /// Evidence by modality; a modality that is not listed is absent.
    pub evidence: BTreeMap<Modality, ModalityEvidence>,
    /// The subject was found by voice among this many voiceprints, and the LLR of voice is lower by the logarithm of
    /// that; absent where they were claimed, and in records from before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched: Option<u32>,
    /// What is known around the session.
    pub context: ContextSignals,
    /// Other factors tried so far, the last outcome of each.
    pub factors: BTreeMap<FactorName, FactorOutcome>,
    /// A challenge bound to this session was answered: `Present` rightly, `Absent` wrongly.
    pub challenge: Finding,
    /// Net speech of the caller so far, in milliseconds.
    pub net_speech_ms: u32,
    /// Since somebody else seems to have taken over, in milliseconds; absent when nothing was noticed.
    pub changed_ms_ago: Option<DurationMs>,
    /// Since the session was opened, in milliseconds.
    pub elapsed_ms: DurationMs,
    /// The person can still speak or act: more evidence may come.
    pub open: bool,
}

impl DecisionFacts {
    /// Facts of a session in which nothing is known yet.
    pub fn new(intent: IntentId, channel: SessionChannel, subject: SubjectStanding) -> Self {
        Self {
            intent: IntentAsked { id: intent, amount: None },
            channel,
            subject,
            evidence: BTreeMap::new(),
            searched: None,
            context: ContextSignals::default(),
            factors: BTreeMap::new(),
            challenge: Finding::Unknown,
            net_speech_ms: 0,
            changed_ms_ago: None,
            elapsed_ms: 0,
            open: true,
        }
    }
}

/// What routing may look at besides. Neither stored nor seen by decision rules.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RoutingFacts {
    /// Class of age; absent when the tenant has not enabled it.
    pub age_class: Option<AgeClass>,
    /// Probability of a senior; absent like the class.
    pub p_senior: Option<Probability>,
    /// Language by BCP 47, lower case, e.g. `de`.
    pub language: Option<String>,
}

/// Everything about a session at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionFacts {
    /// For the decision and for routing.
    pub decision: DecisionFacts,
    /// For routing only.
    pub routing: RoutingFacts,
}

/// What adds to the log-odds of genuine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The prior of policy.
    Prior,
    /// A modality, with its weight in the fusion.
    Modality(Modality),
    /// What modalities say together beyond their weighted sum.
    Combination,
    /// A signal of the context, by its name in the policy.
    Context(String),
    /// Another factor.
    Factor(FactorName),
    /// The challenge.
    Challenge,
    /// The sum of positive shifts of the context was cut to its limit; negative.
    ContextLimit,
}

/// One summand of the log-odds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contribution {
    /// Of what.
    pub source: Source,
    /// In nats; positive speaks for the person.
    pub nats: f64,
}

/// What the decision was held against. Log-odds are natural.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Log-odds of genuine from which on the risk is small enough.
    pub accept_log_odds: f64,
    /// Log-odds under which it is refused.
    pub reject_log_odds: f64,
    /// Fused LLR from which on biometrics count as one element.
    pub inherence_llr: Llr,
    /// Assurance the intent asks for.
    pub required: Assurance,
}

/// A change that would have led to another decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// More of one modality's evidence, in nats of its own LLR.
    MoreLlr {
        /// Which.
        modality: Modality,
        /// How much more, rounded up to a tenth.
        nats: f64,
    },
    /// Less of one modality's evidence, in nats of its own LLR.
    LessLlr {
        /// Which.
        modality: Modality,
        /// How much less, rounded up to a tenth.
        nats: f64,
    },
    /// A check for attacks on the input that found nothing.
    Pad,
    /// This factor passed.
    Factor(FactorName),
    /// This finding were absent.
    WithoutFinding(FindingKind),
    /// This rule did not exist.
    WithoutRule(RuleName),
    /// The sum asked for were at most this much, in its currency, rounded down to whole units.
    Amount(f64),
}

/// A change and the decision it would have led to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counterfactual {
    /// The change.
    pub change: Change,
    /// What the decision would have been.
    pub decision: Decision,
}

/// Why a call should go to a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRouting {
    /// Which queue. A hint: the router decides.
    pub queue: QueueName,
    /// The rule that said so.
    pub rule: RuleName,
    /// Why, for people; absent where the rule gives no reason.
    pub reason: Option<String>,
    /// Probability of a senior, where the rule looks at age: how sure what is behind the hint is.
    pub confidence: Option<Probability>,
}

/// What a decision came to, with all that explains it. One record for customer, agent and analyst.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionVerdict {
    /// ACCEPT, STEP_UP, REJECT, INCONCLUSIVE, NOT_ENROLLED, OPTED_OUT, EXPIRED or LOCKED.
    pub decision: Decision,
    /// What should happen next.
    pub next: NextStep,
    /// Factors that could lead to ACCEPT; empty unless `next` is OTHER_FACTOR or HUMAN.
    pub factors: Vec<FactorName>,
    /// Why, the most telling first.
    pub reasons: Vec<SessionReason>,
    /// Probability that it is the claimed person.
    pub p_genuine: Probability,
    /// Risk, a scale over the same log-odds.
    pub risk: Risk,
    /// Fused evidence of the modalities alone; absent when none is usable.
    pub fused: Option<Llr>,
    /// The same with no credit for what was not checked for attacks; this is what counts as an element.
    pub covered: Option<Llr>,
    /// Summands of the log-odds; their sum gives `p_genuine`.
    pub contributions: Vec<Contribution>,
    /// What it was held against.
    pub thresholds: Thresholds,
    /// Assurance reached.
    pub assurance: Assurance,
    /// Rules of the policy that applied.
    pub rules: BTreeSet<RuleName>,
    /// Policy in force.
    pub policy: ArtifactRef,
    /// Fusion in force.
    pub fusion: ArtifactRef,
    /// Where the call could go; never stored, because age may be behind it.
    #[serde(skip)]
    pub routing: Option<SessionRouting>,
}
