//! The words of a session: what is asked, what was found, how far somebody is assured, what comes next.

use crate::domain::Probability;

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
}
