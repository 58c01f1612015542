//! Why a session was decided as it was.

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
    /// Whoever makes the claim failed too often, whomever they claimed to be.
    SourceLocked => "too many failed claims came from the same caller or client",
    /// There were so many locks that another factor must be passed first.
    OtherFactorNeeded => "locked too often: another factor is needed first",
}
