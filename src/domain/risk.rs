//! The words of a session: what is asked, what was found, how far somebody is assured, what comes next.

use std::fmt;

use crate::domain::{IdError, Probability};

/// Kinds of evidence about a person. Order of declaration is the order in records and files.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// How somebody sounds.
    Voice,
    /// How somebody types.
    Keystroke,
    /// How somebody strokes a screen.
    Touch,
    /// How somebody moves a pointer.
    Pointer,
    /// How somebody writes or words things.
    Text,
}

impl Modality {
    /// Every modality, in order of declaration.
    pub const ALL: [Modality; 5] =
        [Self::Voice, Self::Keystroke, Self::Touch, Self::Pointer, Self::Text];

    /// The name in files and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Keystroke => "keystroke",
            Self::Touch => "touch",
            Self::Pointer => "pointer",
            Self::Text => "text",
        }
    }
}

/// What presentation attack detection says about one piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PadOutcome {
    /// No detector ran.
    NotEvaluated,
    /// A detector ran and found nothing.
    BonaFide,
    /// A detector found an attack.
    Attack,
}

/// A finding that may also be unknown. Not looked at is not the same as not there.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Nobody looked, or nothing could be said.
    #[default]
    Unknown,
    /// Looked for and not found.
    Absent,
    /// Found.
    Present,
}

/// What can be found in a session besides evidence about the person.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A remote control tool, or movements as through one.
    RemoteAccess,
    /// A script or bot instead of a person.
    Automation,
    /// A second voice on the caller's channel.
    SecondVoice,
    /// Text pasted or read out from a script.
    PastedScript,
    /// Patterns of social engineering: urgency, secrecy, instructions from a third party.
    SocialEngineering,
    /// Text unlike that of the person.
    TextUnlikePerson,
    /// A match with a watchlist.
    Watchlist,
}

impl FindingKind {
    /// Every kind, in order of declaration.
    pub const ALL: [FindingKind; 7] = [
        Self::RemoteAccess,
        Self::Automation,
        Self::SecondVoice,
        Self::PastedScript,
        Self::SocialEngineering,
        Self::TextUnlikePerson,
        Self::Watchlist,
    ];

    /// The name in files and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RemoteAccess => "remote_access",
            Self::Automation => "automation",
            Self::SecondVoice => "second_voice",
            Self::PastedScript => "pasted_script",
            Self::SocialEngineering => "social_engineering",
            Self::TextUnlikePerson => "text_unlike_person",
            Self::Watchlist => "watchlist",
        }
    }
}

/// Where a session takes place.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SessionChannel {
    /// A telephone call.
    Phone,
    /// An app.
    App,
    /// A web page.
    Web,
    /// A chat.
    Chat,
}

impl SessionChannel {
    /// The name in files and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::App => "app",
            Self::Web => "web",
            Self::Chat => "chat",
        }
    }
}

/// How far somebody is assured to be who they claim. Ordered.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// Not at all.
    #[default]
    None,
    /// One element.
    Low,
    /// Two independent elements.
    Substantial,
    /// Three, or a person who looked at an identity document.
    High,
}

impl Assurance {
    /// The name in files and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Substantial => "substantial",
            Self::High => "high",
        }
    }
}

/// Categories of authentication elements (Directive (EU) 2015/2366, Art. 4(30)). Independent elements
/// are of different categories.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum FactorCategory {
    /// Something only the user knows.
    Knowledge,
    /// Something only the user has.
    Possession,
    /// Something the user is, found out by somebody else (a phone's own face check, say).
    Inherence,
}

/// What should happen next, from the mildest to the harshest.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    /// Do what was asked.
    Proceed,
    /// Let the person speak or act longer.
    SpeakLonger,
    /// Ask for a challenge phrase.
    Challenge,
    /// Ask for another factor.
    OtherFactor,
    /// Hand over to a person.
    Human,
    /// Do not do what was asked.
    Stop,
}

impl NextStep {
    /// The name in files and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proceed => "proceed",
            Self::SpeakLonger => "speak_longer",
            Self::Challenge => "challenge",
            Self::OtherFactor => "other_factor",
            Self::Human => "human",
            Self::Stop => "stop",
        }
    }
}

/// Risk from 0 (none to speak of) to 100.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "u8", into = "u8")]
pub struct Risk(u8);

/// Points of risk for one factor of ten in the odds.
const RISK_POINTS_PER_DECADE: f64 = 12.5;

impl Risk {
    /// `None` over 100.
    pub fn new(points: u8) -> Option<Self> {
        (points <= 100).then_some(Self(points))
    }

    /// From natural log-odds of genuine: 50 at even odds, 12.5 points less for each factor of ten, so 0
    /// from 10,000 to 1 on and 100 from 1 to 10,000 on. A scale in log-odds, because fraud is rare:
    /// 100·(1 − P) would say 0 for nearly everybody. NaN is 100.
    pub fn from_log_odds(log_odds: f64) -> Self {
        let points = 50.0 - RISK_POINTS_PER_DECADE * log_odds / std::f64::consts::LN_10;
        if points.is_nan() {
            return Self(100);
        }
        // In 0..=100 after the clamp, so nothing is cut off.
        Self(points.round().clamp(0.0, 100.0) as u8)
    }

    /// The points.
    pub fn points(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Risk {
    type Error = String;
    fn try_from(points: u8) -> Result<Self, String> {
        Self::new(points).ok_or_else(|| format!("a risk is at most 100, got {points}"))
    }
}

impl From<Risk> for u8 {
    fn from(risk: Risk) -> u8 {
        risk.0
    }
}

/// Probability of genuine for natural log-odds; NaN is 0.
pub fn probability_of(log_odds: f64) -> Probability {
    let p = 1.0 / (1.0 + (-log_odds).exp());
    let known = if p.is_nan() { 0.0 } else { p };
    Probability::new(known).expect("a logistic function lies in 0..=1")
}

/// Longest name of an intent, factor, queue or rule, in bytes.
pub const MAX_NAME_LEN: usize = 64;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks a name from outside: 1 to [`MAX_NAME_LEN`] of `[a-z0-9_]`, a letter first.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check_name(text)?;
                Ok(Self(text.to_owned()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                check_name(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    )+};
}

names!(
    /// What somebody wants to do, as named by a policy, e.g. `sim_swap`.
    IntentId,
    /// An authentication factor other than a biometric of ours, as named by a policy, e.g. `otp_app`.
    FactorName,
    /// A queue of a contact centre, as named by a policy.
    QueueName,
    /// A rule of a policy.
    RuleName,
);

fn check_name(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_NAME_LEN {
        return Err(IdError::TooLong(text.len()));
    }
    let ok = |(i, c): (usize, char)| {
        c.is_ascii_lowercase() || (i > 0 && (c.is_ascii_digit() || c == '_'))
    };
    match text.chars().enumerate().position(|at| !ok(at)) {
        Some(position) => Err(IdError::BadCharacter(position)),
        None => Ok(()),
    }
}

/// Why an amount is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AmountError {
    /// Negative, not a number or over [`MAX_AMOUNT`].
    #[error("an amount lies between 0 and {MAX_AMOUNT}, got {0}")]
    Value(f64),
    /// Not three capital letters.
    #[error("a currency is three capital letters (ISO 4217), got {0:?}")]
    Currency(String),
}

/// Largest amount, in units of its currency.
pub const MAX_AMOUNT: f64 = 1e12;

/// A sum of money.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "PlainAmount", into = "PlainAmount")]
pub struct Amount {
    value: f64,
    currency: String,
}

/// An amount before it was checked.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainAmount {
    value: f64,
    currency: String,
}

impl Amount {
    /// Checks a sum: `value` in units of the currency, `currency` by ISO 4217.
    pub fn new(value: f64, currency: &str) -> Result<Self, AmountError> {
        if !(0.0..=MAX_AMOUNT).contains(&value) {
            return Err(AmountError::Value(value));
        }
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
            let start = currency.chars().take(8).collect();
            return Err(AmountError::Currency(start));
        }
        Ok(Self { value, currency: currency.to_owned() })
    }

    /// In units of the currency.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// By ISO 4217.
    pub fn currency(&self) -> &str {
        &self.currency
    }
}

impl TryFrom<PlainAmount> for Amount {
    type Error = AmountError;
    fn try_from(plain: PlainAmount) -> Result<Self, AmountError> {
        Self::new(plain.value, &plain.currency)
    }
}

impl From<Amount> for PlainAmount {
    fn from(amount: Amount) -> Self {
        Self { value: amount.value, currency: amount.currency }
    }
}

macro_rules! session_reasons {
    ($($(#[$doc:meta])* $name:ident => $text:literal),+ $(,)?) => {
        /// Why a session was decided as it was. Closed: clients may switch over it.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
        )]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum SessionReason {
            $($(#[$doc])* $name),+
        }

        impl SessionReason {
            /// Every reason, in order of declaration.
            pub const ALL: &'static [SessionReason] = &[$(SessionReason::$name),+];

            /// What to tell a member of staff, in a few words.
            pub fn advice(self) -> &'static str {
                match self {
                    $(SessionReason::$name => $text),+
                }
            }
        }
    };
}

session_reasons! {
    /// Risk and assurance meet what the intent asks.
    Sufficient => "the evidence suffices for what was asked",
    /// The subject opted out of biometric processing.
    OptedOut => "the subject opted out of biometrics",
    /// No current consent covers the use.
    NoConsent => "no current consent covers biometrics",
    /// Nothing is enrolled.
    NotEnrolled => "nothing is enrolled for this subject",
    /// What is enrolled is past its expiry.
    TemplateExpired => "what is enrolled has expired",
    /// Too many unsuccessful attempts.
    Locked => "locked after too many unsuccessful attempts",
    /// The claimed subject is not known.
    SubjectUnknown => "the claimed subject is not known",
    /// Nobody was claimed.
    NobodyClaimed => "no subject has been claimed",
    /// The policy does not know the intent.
    IntentUnknown => "the policy does not name what was asked",
    /// The policy has no rate for the currency, or an amount is needed and missing.
    AmountUnpriced => "the amount cannot be priced under the policy",
    /// No modality has usable evidence.
    NothingMeasured => "nothing could be compared yet",
    /// There is too little speech.
    SpeakLonger => "more speech is needed",
    /// P(genuine) lies between the thresholds of the intent.
    RiskUncertain => "the probability that it is the person lies between the thresholds",
    /// P(genuine) lies under the lower threshold of the intent.
    RiskHigh => "the probability that it is the person is too low",
    /// The evidence about the person speaks for them.
    EvidenceFor => "the biometric evidence speaks for the person",
    /// The evidence about the person speaks against them.
    EvidenceAgainst => "the biometric evidence speaks against the person",
    /// Evidence is old or from before somebody else took over.
    EvidenceOld => "evidence has lost weight with age",
    /// The context shifts the prior down.
    ContextAgainst => "the context raises the risk",
    /// The context shifts the prior up.
    ContextFor => "the context lowers the risk",
    /// No presentation attack detection ran on evidence that would be needed.
    PadNotEvaluated => "no check for replayed or synthetic input ran",
    /// Presentation attack detection found an attack.
    PadAttack => "a replayed or synthetic input was found",
    /// Another person took over.
    PersonChanged => "another person seems to have taken over",
    /// A second voice is on the caller's channel.
    SecondVoice => "a second voice is on the line",
    /// Too few independent elements for the intent.
    AssuranceMissing => "too few independent elements for what was asked",
    /// The assurance profile does not let biometrics count, or not this far.
    InherenceNotCounted => "under this profile the biometric evidence does not count as an element",
    /// A factor failed.
    FactorFailed => "another factor failed",
    /// A rule of the policy capped the decision.
    RuleApplied => "a rule of the policy applied",
    /// A rule could not be evaluated, so the decision was capped.
    RuleFailed => "a rule of the policy could not be evaluated",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risk_falls_by_the_decade() {
        let ln = f64::ln;
        let cases =
            [(1e6, 0), (1e4, 0), (1e2, 25), (1.0, 50), (1e-2, 75), (1e-4, 100), (1e-9, 100)];
        for (odds, points) in cases {
            assert_eq!(Risk::from_log_odds(ln(odds)).points(), points, "{odds}");
        }
        assert_eq!(Risk::from_log_odds(f64::NAN).points(), 100);
        assert_eq!(Risk::from_log_odds(f64::INFINITY).points(), 0);
        assert!(serde_json::from_str::<Risk>("101").is_err());
        assert_eq!(Risk::new(100).map(Risk::points), Some(100));
    }

    #[test]
    fn probabilities_follow_the_logistic_function() {
        assert_eq!(probability_of(0.0).value(), 0.5);
        assert!((probability_of(99f64.ln()).value() - 0.99).abs() < 1e-12);
        assert_eq!(probability_of(f64::NEG_INFINITY).value(), 0.0);
        assert_eq!(probability_of(f64::INFINITY).value(), 1.0);
        assert_eq!(probability_of(f64::NAN).value(), 0.0);
    }

    #[test]
    fn names_are_checked() {
        assert!(IntentId::parse("sim_swap2").is_ok());
        assert_eq!(IntentId::parse(""), Err(IdError::Empty));
        assert_eq!(FactorName::parse("2fa"), Err(IdError::BadCharacter(0)));
        assert_eq!(QueueName::parse("Priority"), Err(IdError::BadCharacter(0)));
        assert_eq!(RuleName::parse(&"a".repeat(65)), Err(IdError::TooLong(65)));
        assert!(serde_json::from_str::<IntentId>("\"a b\"").is_err());
    }

    #[test]
    fn amounts_are_checked() {
        assert_eq!(Amount::new(12_000.0, "EUR").map(|a| a.value()), Ok(12_000.0));
        for value in [-1.0, f64::NAN, f64::INFINITY, 1e13] {
            assert!(matches!(Amount::new(value, "EUR"), Err(AmountError::Value(_))), "{value}");
        }
        for currency in ["", "eur", "EURO", "E\u{dc}"] {
            assert!(matches!(Amount::new(1.0, currency), Err(AmountError::Currency(_))));
        }
        assert!(serde_json::from_str::<Amount>(r#"{"value":-1.0,"currency":"EUR"}"#).is_err());
    }
}
