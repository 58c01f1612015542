//! Names that conditions may use, with their types.

use crate::domain::FindingKind;

/// Type of a value in a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy::session) enum Kind {
    /// True or false.
    Bool,
    /// A number with a fraction.
    Double,
    /// Text of a closed set.
    Word(&'static [&'static str]),
    /// The name of an intent of the policy.
    Intent,
    /// Any text.
    Text,
    /// Names of factors of the policy.
    Factors,
}

/// A name, its type, and the name that must be seen to hold before it is used. What is not known has no
/// value, so a condition cannot mistake it for a zero.
#[derive(Debug, Clone, Copy)]
pub(in crate::policy::session) struct Variable {
    pub name: &'static str,
    pub kind: Kind,
    pub guard: Option<&'static str>,
}

/// Names of one kind of rule.
pub(in crate::policy::session) type Scope = &'static [&'static [Variable]];

const fn always(name: &'static str, kind: Kind) -> Variable {
    Variable { name, kind, guard: None }
}

const fn guarded(name: &'static str, kind: Kind, guard: &'static str) -> Variable {
    Variable { name, kind, guard: Some(guard) }
}

/// Values of a finding.
pub(super) const FINDING: &[&str] = &["unknown", "absent", "present"];
const CHANNELS: &[&str] = &["phone", "app", "web", "chat"];
const SUBJECTS: &[&str] = &[
    "unclaimed",
    "unknown",
    "not_enrolled",
    "enrolled",
    "expired",
    "no_consent",
    "opted_out",
    "locked",
    "factor_needed",
    "source_locked",
];
const ANI: &[&str] = &["unknown", "known", "new", "withheld", "other_subject"];
const VERSTAT: &[&str] =
    &["unknown", "passed_a", "passed_b", "passed_c", "failed", "not_validated"];
const AGE_CLASSES: &[&str] = &["NOT_ENABLED", "MINOR", "ADULT", "SENIOR", "UNDETERMINED"];
const DECISIONS: &[&str] = &[
    "ACCEPT",
    "STEP_UP",
    "REJECT",
    "INCONCLUSIVE",
    "NOT_ENROLLED",
    "OPTED_OUT",
    "EXPIRED",
    "LOCKED",
];
const STEPS: &[&str] = &["proceed", "speak_longer", "challenge", "other_factor", "human", "stop"];

/// What decision rules and routing rules may see. Nothing about age is in it.
const COMMON: &[Variable] = &[
    always("intent", Kind::Intent),
    always("channel", Kind::Word(CHANNELS)),
    always("subject", Kind::Word(SUBJECTS)),
    always("amount_known", Kind::Bool),
    guarded("amount", Kind::Double, "amount_known"),
    always("risk", Kind::Double),
    always("p_genuine", Kind::Double),
    always("assurance", Kind::Word(&["none", "low", "substantial", "high"])),
    always("factors_passed", Kind::Factors),
    always("factors_failed", Kind::Factors),
    always("challenge", Kind::Word(FINDING)),
    always("net_speech_s", Kind::Double),
    always("elapsed_s", Kind::Double),
    always("person_changed", Kind::Bool),
    always("pad_evaluated", Kind::Bool),
    always("fused_measured", Kind::Bool),
    guarded("fused_llr", Kind::Double, "fused_measured"),
    always("voice_measured", Kind::Bool),
    guarded("voice_llr", Kind::Double, "voice_measured"),
    always("keystroke_measured", Kind::Bool),
    guarded("keystroke_llr", Kind::Double, "keystroke_measured"),
    always("touch_measured", Kind::Bool),
    guarded("touch_llr", Kind::Double, "touch_measured"),
    always("pointer_measured", Kind::Bool),
    guarded("pointer_llr", Kind::Double, "pointer_measured"),
    always("text_measured", Kind::Bool),
    guarded("text_llr", Kind::Double, "text_measured"),
    always("ani", Kind::Word(ANI)),
    always("verstat", Kind::Word(VERSTAT)),
    always("new_device", Kind::Word(FINDING)),
    always("sim_swap_known", Kind::Bool),
    guarded("sim_swap_hours", Kind::Double, "sim_swap_known"),
    always("geo_velocity_known", Kind::Bool),
    guarded("geo_velocity_kmh", Kind::Double, "geo_velocity_known"),
    always(FindingKind::RemoteAccess.as_str(), Kind::Word(FINDING)),
    always(FindingKind::Automation.as_str(), Kind::Word(FINDING)),
    always(FindingKind::SecondVoice.as_str(), Kind::Word(FINDING)),
    always(FindingKind::PastedScript.as_str(), Kind::Word(FINDING)),
    always(FindingKind::SocialEngineering.as_str(), Kind::Word(FINDING)),
    always(FindingKind::TextUnlikePerson.as_str(), Kind::Word(FINDING)),
    always(FindingKind::Watchlist.as_str(), Kind::Word(FINDING)),
];

/// What only routing rules may see.
const ROUTING: &[Variable] = &[
    always("decision", Kind::Word(DECISIONS)),
    always("next_step", Kind::Word(STEPS)),
    always("age_class", Kind::Word(AGE_CLASSES)),
    always("senior_known", Kind::Bool),
    guarded("p_senior", Kind::Double, "senior_known"),
    always("language_known", Kind::Bool),
    guarded("language", Kind::Text, "language_known"),
];

/// Names of decision rules.
pub(in crate::policy::session) const DECISION_SCOPE: Scope = &[COMMON];
/// Names of routing rules.
pub(in crate::policy::session) const ROUTING_SCOPE: Scope = &[COMMON, ROUTING];

/// The variable of this name.
pub(super) fn find(scope: Scope, name: &str) -> Option<&'static Variable> {
    scope.iter().flat_map(|part| part.iter()).find(|v| v.name == name)
}

/// Every variable.
#[cfg(test)]
pub(super) fn all(scope: Scope) -> impl Iterator<Item = &'static Variable> {
    scope.iter().flat_map(|part| part.iter())
}
