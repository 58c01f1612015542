//! Values of the names in conditions, and the samples on which conditions are tried.

use std::collections::BTreeMap;

use cel::Value;

use crate::domain::{
    AgeClass, Amount, ArtifactRef, Decision, Finding, FindingKind, IntentId, Llr, Modality,
    NextStep, PadOutcome, Probability, SessionChannel,
};
use crate::policy::session::active::ActivePolicy;
use crate::policy::session::assess::{Assessment, assess};
use crate::policy::session::{
    AniHistory, DecisionFacts, FactorOutcome, ModalityEvidence, RoutingFacts, SubjectStanding,
    Verstat,
};

/// One hour, in milliseconds.
const HOUR_MS: f64 = 3_600_000.0;

/// Values by name; what is not known has none.
#[derive(Debug, Clone, Default)]
pub(in crate::policy::session) struct Values(Vec<(&'static str, Value)>);

impl Values {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &(&'static str, Value)> {
        self.0.iter()
    }

    fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((name, value.into()));
    }

    fn maybe(&mut self, known: &'static str, name: &'static str, value: Option<f64>) {
        let value = value.filter(|v| !v.is_nan());
        self.set(known, value.is_some());
        if let Some(value) = value {
            self.set(name, value);
        }
    }
}

/// What decision rules see.
pub(in crate::policy::session) fn decision_values(
    policy: &ActivePolicy,
    facts: &DecisionFacts,
    assessment: &Assessment,
) -> Values {
    let mut v = Values::default();
    v.set("intent", facts.intent.id.as_str());
    v.set("channel", facts.channel.as_str());
    v.set("subject", word_of_subject(facts.subject));
    let amount = facts.intent.amount.as_ref().and_then(|a| policy.price(a));
    v.maybe("amount_known", "amount", amount);
    v.set("risk", f64::from(assessment.risk().points()));
    v.set("p_genuine", assessment.p_genuine());
    v.set("assurance", assessment.assurance.as_str());
    v.set("factors_passed", factors(facts, FactorOutcome::Passed));
    v.set("factors_failed", factors(facts, FactorOutcome::Failed));
    v.set("challenge", word_of_finding(facts.challenge));
    v.set("net_speech_s", f64::from(facts.net_speech_ms) / 1_000.0);
    v.set("elapsed_s", facts.elapsed_ms as f64 / 1_000.0);
    v.set("person_changed", facts.changed_ms_ago.is_some());
    v.set("pad_evaluated", !assessment.unchecked && assessment.fused.is_some());
    v.maybe("fused_measured", "fused_llr", assessment.fused.map(|l| l.0));
    modalities(&mut v, facts);
    context(&mut v, facts);
    v
}

/// What routing rules see.
pub(in crate::policy::session) fn routing_values(
    mut common: Values,
    decision: Decision,
    next: NextStep,
    routing: &RoutingFacts,
) -> Values {
    common.set("decision", word_of_decision(decision));
    common.set("next_step", next.as_str());
    common.set("age_class", routing.age_class.map_or("NOT_ENABLED", AgeClass::as_str));
    let p_senior = routing.age_class.and(routing.p_senior).map(Probability::value);
    common.maybe("senior_known", "p_senior", p_senior);
    common.set("language_known", routing.language.is_some());
    if let Some(language) = &routing.language {
        common.set("language", language.as_str());
    }
    common
}

fn modalities(v: &mut Values, facts: &DecisionFacts) {
    let llr = |m| {
        let own = facts.evidence.get(&m).filter(|e| e.enough);
        own.and_then(|e| e.llr).map(|l| l.0)
    };
    v.maybe("voice_measured", "voice_llr", llr(Modality::Voice));
    v.maybe("keystroke_measured", "keystroke_llr", llr(Modality::Keystroke));
    v.maybe("touch_measured", "touch_llr", llr(Modality::Touch));
    v.maybe("pointer_measured", "pointer_llr", llr(Modality::Pointer));
    v.maybe("text_measured", "text_llr", llr(Modality::Text));
}

fn context(v: &mut Values, facts: &DecisionFacts) {
    let context = &facts.context;
    v.set("ani", word_of_ani(context.ani));
    v.set("verstat", word_of_verstat(context.verstat));
    v.set("new_device", word_of_finding(context.new_device));
    let hours = context.sim_swap_age_ms.map(|ms| ms as f64 / HOUR_MS);
    v.maybe("sim_swap_known", "sim_swap_hours", hours);
    v.maybe("geo_velocity_known", "geo_velocity_kmh", context.geo_velocity_kmh);
    for kind in FindingKind::ALL {
        v.set(kind.as_str(), word_of_finding(context.finding(kind)));
    }
}

fn factors(facts: &DecisionFacts, outcome: FactorOutcome) -> Vec<String> {
    let own = facts.factors.iter().filter(|(_, o)| **o == outcome);
    own.map(|(name, _)| name.to_string()).collect()
}

fn word_of_subject(subject: SubjectStanding) -> &'static str {
    match subject {
        SubjectStanding::Unclaimed => "unclaimed",
        SubjectStanding::Unknown => "unknown",
        SubjectStanding::NotEnrolled => "not_enrolled",
        SubjectStanding::Enrolled => "enrolled",
        SubjectStanding::Expired => "expired",
        SubjectStanding::NoConsent => "no_consent",
        SubjectStanding::OptedOut => "opted_out",
        SubjectStanding::Locked => "locked",
        SubjectStanding::FactorNeeded => "factor_needed",
        SubjectStanding::SourceLocked => "source_locked",
    }
}

fn word_of_finding(finding: Finding) -> &'static str {
    match finding {
        Finding::Unknown => "unknown",
        Finding::Absent => "absent",
        Finding::Present => "present",
    }
}

fn word_of_ani(ani: AniHistory) -> &'static str {
    match ani {
        AniHistory::Unknown => "unknown",
        AniHistory::Known => "known",
        AniHistory::New => "new",
        AniHistory::Withheld => "withheld",
        AniHistory::OtherSubject => "other_subject",
    }
}

fn word_of_verstat(verstat: Verstat) -> &'static str {
    match verstat {
        Verstat::Unknown => "unknown",
        Verstat::PassedA => "passed_a",
        Verstat::PassedB => "passed_b",
        Verstat::PassedC => "passed_c",
        Verstat::Failed => "failed",
        Verstat::NotValidated => "not_validated",
    }
}

fn word_of_decision(decision: Decision) -> &'static str {
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

/// Contexts on which conditions are tried when a policy is loaded: nothing known, everything known and
/// good, everything known and bad, in each the first intent of the policy.
pub(in crate::policy::session) struct Samples(Vec<(&'static str, Values)>);

impl Samples {
    /// The samples for a policy.
    pub fn of(policy: &ActivePolicy) -> Self {
        let Some(intent) = policy.file().intents.keys().next() else { return Self(Vec::new()) };
        let nothing =
            DecisionFacts::new(intent.clone(), SessionChannel::Phone, SubjectStanding::Unclaimed);
        let sample = |name, facts: &DecisionFacts, routing: &RoutingFacts, decision, next| {
            let common = decision_values(policy, facts, &assess(policy, facts));
            (name, routing_values(common, decision, next, routing))
        };
        let none = RoutingFacts::default();
        let full = |age_class, language: &str| RoutingFacts {
            age_class: Some(age_class),
            p_senior: Probability::new(0.5),
            language: Some(language.to_owned()),
        };
        let good = filled(policy, intent, true);
        let bad = filled(policy, intent, false);
        Self(vec![
            sample("nothing known", &nothing, &none, Decision::Inconclusive, NextStep::SpeakLonger),
            sample(
                "all good",
                &good,
                &full(AgeClass::Senior, "de"),
                Decision::Accept,
                NextStep::Proceed,
            ),
            sample(
                "all bad",
                &bad,
                &full(AgeClass::Minor, "und"),
                Decision::Reject,
                NextStep::Stop,
            ),
        ])
    }

    /// None: a condition is read and not tried.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &(&'static str, Values)> {
        self.0.iter()
    }
}

/// Facts with a value for everything.
fn filled(policy: &ActivePolicy, intent: &IntentId, good: bool) -> DecisionFacts {
    let mut facts =
        DecisionFacts::new(intent.clone(), SessionChannel::App, SubjectStanding::Enrolled);
    facts.intent.amount = Amount::new(if good { 1.0 } else { 1e9 }, &policy.file().currency).ok();
    let finding = if good { Finding::Absent } else { Finding::Present };
    let evidence = |m: Modality| {
        let evidence = ModalityEvidence {
            llr: Some(Llr(if good { 12.0 } else { -12.0 })),
            enough: true,
            age_ms: 0,
            model: ArtifactRef::new("sample", 1),
            pad: if good { PadOutcome::BonaFide } else { PadOutcome::NotEvaluated },
        };
        (m, evidence)
    };
    facts.evidence = Modality::ALL.map(evidence).into();
    facts.context.ani = if good { AniHistory::Known } else { AniHistory::OtherSubject };
    facts.context.verstat = if good { Verstat::PassedA } else { Verstat::Failed };
    facts.context.new_device = finding;
    facts.context.sim_swap_age_ms = Some(if good { u64::MAX } else { 0 });
    facts.context.geo_velocity_kmh = Some(if good { 0.0 } else { 1e5 });
    facts.context.findings = FindingKind::ALL.map(|kind| (kind, finding)).into();
    let outcome = if good { FactorOutcome::Passed } else { FactorOutcome::Failed };
    let all: BTreeMap<_, _> =
        policy.file().factors.keys().map(|name| (name.clone(), outcome)).collect();
    facts.factors = all;
    facts.challenge = if good { Finding::Present } else { Finding::Absent };
    facts.net_speech_ms = if good { 60_000 } else { 0 };
    facts.changed_ms_ago = (!good).then_some(0);
    facts.elapsed_ms = 60_000;
    facts
}
