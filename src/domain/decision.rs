//! Decisions and the closed set of reasons.

/// What the server concluded. Only `policy` makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Decision {
    /// The evidence meets the operating point.
    Accept,
    /// Another factor or more evidence is needed.
    StepUp,
    /// The evidence speaks against the claim.
    Reject,
    /// Too little usable evidence.
    Inconclusive,
    /// Identification: nobody.
    NoMatch,
    /// No usable template.
    NotEnrolled,
    /// Opted out, or no current consent.
    OptedOut,
    /// Template past its expiry.
    Expired,
    /// Too many unsuccessful attempts.
    Locked,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident => $text:literal),+ $(,)?) => {
        /// Why. Closed: clients may switch over it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum Reason {
            $($(#[$doc])* $name),+
        }

        impl Reason {
            /// Every reason, in order of declaration.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),+];

            /// What to tell a person, in a few words.
            pub fn advice(self) -> &'static str {
                match self {
                    $(Reason::$name => $text),+
                }
            }
        }
    };
}

reasons! {
    /// Too little net speech so far.
    SpeakLonger => "speak longer",
    /// Signal-to-noise ratio too low.
    TooNoisy => "too noisy: find a quieter place",
    /// Samples at full scale.
    Clipped => "clipped: lower the gain or move back from the microphone",
    /// Level too low.
    TooQuiet => "too quiet: speak up or move closer",
    /// Tones, ringing or music instead of speech.
    NotSpeech => "tones, ringing or music, not speech",
    /// Packets were lost or arrived twice.
    PacketLoss => "packets were lost or repeated",
    /// LLR above the accept threshold.
    VoiceMatch => "the voice matches",
    /// LLR below the reject threshold.
    VoiceMismatch => "the voice does not match",
    /// LLR between the thresholds.
    VoiceUncertain => "the voice is neither clearly the same nor clearly another",
    /// No presentation attack detection ran.
    PadNotEvaluated => "no check for replayed or synthetic speech ran",
    /// Utterance unlike the ones before it.
    SpeakerInconsistent => "the utterance does not sound like the ones before it",
    /// More than one voice in a recording.
    MultipleSpeakers => "more than one voice in the recording",
    /// No template exists.
    NoTemplate => "no template exists",
    /// Template made by another model.
    ModelMismatch => "the template was made by another model: enroll again",
    /// No current consent.
    NoConsent => "no current consent covers this use",
    /// Opted out of biometric processing.
    OptedOut => "the subject opted out",
    /// Template past its expiry.
    TemplateExpired => "the template has expired: enroll again",
    /// Unsuccessful attempts reached a limit.
    TooManyAttempts => "too many unsuccessful attempts",
    /// More candidates than the calibration supports.
    Extrapolated => "more candidates than the calibration data supports",
    /// Best candidate below the threshold for this many candidates.
    BelowIdentificationThreshold => "no candidate reaches the threshold for this many candidates",
    /// The caller ended before the evidence sufficed.
    EndedEarly => "the audio ended before the evidence sufficed",
    /// Telephone-band input.
    NarrowBand => "telephone-band audio",
    /// Enrollment complete.
    EnrollmentComplete => "enrollment complete",
    /// Enrollment needs more.
    EnrollmentInProgress => "more is needed to complete the enrollment",
    /// An administrative act.
    Administrative => "administrative act",
    /// Old pages may still stand in the log.
    ErasurePending => "erasure waits for the database log to be truncated",
    /// The interval around the estimated age is too wide for a class.
    AgeIntervalWide => "the age can only be told roughly",
    /// No age class is likely enough.
    AgeUncertain => "the age lies too near to a limit between classes",
    /// Likely enough 65 or older for a routing hint.
    SeniorLikely => "the voice may be that of a senior",
    /// Too few keys, strokes or movements so far.
    MoreInput => "too little input: go on",
    /// Behavior: LLR above the accept threshold.
    BehaviorMatch => "the behavior matches",
    /// Behavior: LLR below the reject threshold.
    BehaviorMismatch => "the behavior does not match",
    /// Behavior: LLR between the thresholds.
    BehaviorUncertain => "the behavior is neither clearly the same nor clearly another",
    /// Behavior matches and nothing else vouches for the person.
    BehaviorAlone => "behavior alone is a risk signal: another factor is needed",
    /// The same capture, or nearly, came before.
    InputReplayed => "the same input came before",
    /// Made by a program.
    InputScripted => "the input was made by a program",
    /// Pasted or filled in.
    InputPasted => "the input was pasted or filled in",
    /// Through remote-control software.
    RemoteControl => "the input came through remote control",
    /// Hesitates as somebody who is told what to do.
    Hesitation => "the input hesitates unusually",
    /// Capture unlike the ones before it.
    CaptureInconsistent => "the capture is unlike the ones before it",
    /// Not a typing of the text that was enrolled, or with or without the key that submits it.
    OtherText => "not the text that was enrolled: type the same keys, with Enter or without as then",
    /// Phrases of social engineering in a text.
    SocialEngineering => "the text shows signs of social engineering",
    /// Whoever makes the claim failed too often, whomever they claimed to be.
    SourceLocked => "too many failed claims came from the same caller or client",
    /// There were so many locks that another factor must be passed first.
    OtherFactorNeeded => "locked too often: another factor is needed first",
}

/// Whether presentation attack detection looked at the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PadStatus {
    /// No detector ran.
    NotEvaluated,
}
