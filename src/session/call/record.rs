//! The file of a recorded session: JSON lines, one thing a line, in order of time.
//!
//! ```text
//! {"t_ms":0,"open":{"channel":"phone","subject":"anna","language":"en"}}
//! {"t_ms":200,"context":{"verstat":"passed_a"}}
//! {"t_ms":500,"audio":{"file":"anna.wav"}}
//! {"t_ms":4200,"heard":{"net_speech_ms":3000,"llr":5.2,"window_llr":3.1}}
//! {"t_ms":5000,"intent":{"ask":"q1","intent":"transfer","amount":{"value":12000,"currency":"EUR"},"wait_ms":20000}}
//! {"t_ms":9000,"expect":{"ask":"q1","decision":"STEP_UP"}}
//! {"t_ms":9500,"close":{}}
//! ```
//!
//! Evidence either stands in the file (`heard`, `evidence`, `window`) or follows from what the file holds or names
//! (`audio`, `text`, and `capture` against what is `enrolled`); [`replay`](super::replay) plays the former, and the
//! latter with a [`Driver`](super::replay::Driver) for it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::{
    AgeClass, ArtifactRef, Decision, DurationMs, Finding, FindingKind, Llr, Modality, PadOutcome,
    Probability, SessionChannel, SubjectId,
};
use crate::policy::session::SubjectStanding;
use crate::session::call::evidence::Measured;
use crate::session::call::words::{AskId, ContextEvent, Intent, Leg};

/// Most bytes of a line; a capture of a long text fits.
pub const MAX_LINE_BYTES: usize = 1 << 20;
/// Most lines of a file: four hours with seven things a second.
pub const MAX_LINES: usize = 100_000;
/// Longest recorded session, in milliseconds: a day.
pub const MAX_T_MS: u64 = 86_400_000;
/// Most candidates, and most facts, of an opening.
pub const MAX_CANDIDATES: usize = 1_000;
/// Most facts of an opening.
pub const MAX_CONTEXT: usize = 32;

/// Why a file is no recorded session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Nothing in it.
    #[error("the file holds no session: its first line must be {{\"t_ms\":0,\"open\":{{…}}}}")]
    Empty,
    /// Too many lines.
    #[error("a recorded session has at most {MAX_LINES} lines")]
    TooManyLines,
    /// A line that is too long.
    #[error("line {line}: at most {MAX_LINE_BYTES} bytes, got {got}")]
    LongLine {
        /// Line, from 1.
        line: usize,
        /// Its bytes.
        got: usize,
    },
    /// Not JSON, or not what the format says.
    #[error("line {line}: {why}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// Not `t_ms` and one thing more.
    #[error("line {line}: a line holds t_ms and one thing more, got {got} things")]
    NotOneThing {
        /// Line, from 1.
        line: usize,
        /// How many came.
        got: usize,
    },
    /// Time runs back, or further than a day.
    #[error("line {line}: t_ms must lie between {low} (the line before) and {MAX_T_MS}, got {got}")]
    Time {
        /// Line, from 1.
        line: usize,
        /// Least that is permitted.
        low: u64,
        /// What came.
        got: u64,
    },
    /// The first line opens nothing, or a later one opens again.
    #[error("line {line}: a session is opened by its first line, once")]
    Opening {
        /// Line, from 1.
        line: usize,
    },
    /// More than an opening can hold.
    #[error("line {line}: {what}: at most {limit}, got {got}")]
    TooMuch {
        /// Line, from 1.
        line: usize,
        /// What.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// What came.
        got: usize,
    },
}

/// How a recorded session starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedOpening {
    /// Where it takes place.
    pub channel: SessionChannel,
    /// Who is claimed.
    #[serde(default)]
    pub subject: Option<SubjectId>,
    /// Where they stand.
    #[serde(default = "enrolled")]
    pub standing: SubjectStanding,
    /// Who may be behind the number.
    #[serde(default)]
    pub candidates: Vec<SubjectId>,
    /// Audio will come.
    #[serde(default = "yes")]
    pub audio: bool,
    /// Language by BCP 47, lower case.
    #[serde(default)]
    pub language: Option<String>,
    /// Known at once.
    #[serde(default)]
    pub context: Vec<ContextEvent>,
    /// Asked at once.
    #[serde(default)]
    pub intent: Option<Intent>,
}

fn enrolled() -> SubjectStanding {
    SubjectStanding::Enrolled
}

fn yes() -> bool {
    true
}

/// Speech up to a moment, and what comparisons of it say if they are made then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// Net speech of the session so far, in milliseconds.
    pub net_speech_ms: u32,
    /// All speech of the present person against the claim.
    #[serde(default)]
    pub llr: Option<Llr>,
    /// The last window against what was heard before it.
    #[serde(default)]
    pub window_llr: Option<Llr>,
    /// Who is found, if they are searched for now.
    #[serde(default)]
    pub found: Option<SubjectId>,
    /// Whether the input was looked at for attacks.
    #[serde(default = "no_pad")]
    pub pad: PadOutcome,
}

fn no_pad() -> PadOutcome {
    PadOutcome::NotEvaluated
}

/// A comparison of another modality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Which.
    pub modality: Modality,
    /// What it says.
    pub llr: Llr,
    /// Keys, strokes, movements or words.
    #[serde(default)]
    pub amount: u32,
    /// As much as the modality needs.
    #[serde(default = "yes")]
    pub enough: bool,
    /// Whether the input was looked at for attacks.
    #[serde(default = "no_pad")]
    pub pad: PadOutcome,
}

impl Given {
    /// As evidence of the session.
    pub fn measured(&self) -> Measured {
        Measured {
            llr: Some(self.llr),
            enough: self.enough,
            amount: self.amount,
            model: ArtifactRef::new("recorded", 1),
            pad: self.pad,
        }
    }
}

/// One thing of a recorded session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// It is opened.
    Open(Box<RecordedOpening>),
    /// Speech, with what it compares to.
    Heard(Heard),
    /// A comparison of another modality.
    Evidence(Given),
    /// A window of another modality against what was captured before it.
    Window {
        /// Which.
        modality: Modality,
        /// What it says.
        llr: Llr,
        /// Amount at which it begins.
        #[serde(default)]
        from: u32,
    },
    /// A recording that starts now.
    Audio {
        /// Beside the file of the session.
        file: String,
        /// Who speaks.
        #[serde(default)]
        leg: Leg,
        /// Channel to take, from 0.
        #[serde(default)]
        channel: Option<u16>,
    },
    /// A capture that the claimed subject enrolled, as in files of behavior; whoever enrolled it, it counts as
    /// theirs. Comes before what is compared with it.
    Enrolled(Map<String, Value>),
    /// A capture, as in files of behavior.
    Capture(Map<String, Value>),
    /// Something written or said.
    Text {
        /// Recognized from speech, not typed.
        #[serde(default)]
        transcript: bool,
        /// The text.
        content: String,
    },
    /// A fact about the surroundings.
    Context(ContextEvent),
    /// A check of the server found something.
    Found {
        /// Of what.
        kind: FindingKind,
        /// Whether it is there.
        finding: Finding,
    },
    /// The subject's standing changes.
    Standing(SubjectStanding),
    /// The class of age, for routing.
    Age {
        /// Which.
        class: AgeClass,
        /// Probability of a senior.
        #[serde(default)]
        p_senior: Option<f64>,
    },
    /// Something to decide.
    Intent(Intent),
    /// A challenge is wanted.
    Challenge {},
    /// The open challenge is answered.
    Answer {
        /// Whether rightly.
        right: Finding,
    },
    /// An update is wanted.
    Update {},
    /// The connection breaks.
    Disconnect {},
    /// The client comes back, having seen everything so far.
    Resume {},
    /// The client ends the session.
    Close {},
    /// What a question should have come to by now; without a name, the session at its end.
    Expect {
        /// The question.
        #[serde(default)]
        ask: Option<AskId>,
        /// The decision.
        decision: Decision,
    },
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Line of the file, from 1.
    pub number: usize,
    /// Since the session was opened, in milliseconds.
    pub t_ms: u64,
    /// What happens.
    pub action: Action,
}

/// A recorded session.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedSession {
    /// How it starts.
    pub opening: RecordedOpening,
    /// What happens then, in order of time.
    pub lines: Vec<Line>,
}

impl RecordedSession {
    /// Reads a file. Empty lines are left out.
    ///
    /// # Errors
    /// Anything that is not as the format says, with its line.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let mut opening = None;
        let mut lines: Vec<Line> = Vec::new();
        let numbered = text.lines().enumerate().map(|(i, line)| (i + 1, line));
        for (number, text) in numbered.filter(|(_, line)| !line.trim().is_empty()) {
            if lines.len() >= MAX_LINES {
                return Err(RecordError::TooManyLines);
            }
            let low = lines.last().map_or(0, |line| line.t_ms);
            let line = parse_line(number, text, low)?;
            match (line.action, &opening) {
                (Action::Open(open), None) => opening = Some(checked(*open, number)?),
                (Action::Open(_), Some(_)) | (_, None) => {
                    return Err(RecordError::Opening { line: number });
                }
                (action, Some(_)) => lines.push(Line { action, ..line }),
            }
        }
        match opening {
            Some(opening) => Ok(Self { opening, lines }),
            None => Err(RecordError::Empty),
        }
    }
}

fn parse_line(number: usize, text: &str, low: DurationMs) -> Result<Line, RecordError> {
    let syntax = |why: String| RecordError::Syntax { line: number, why };
    if text.len() > MAX_LINE_BYTES {
        return Err(RecordError::LongLine { line: number, got: text.len() });
    }
    let mut fields: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| syntax(error.to_string()))?;
    let t_ms = fields.remove("t_ms").as_ref().and_then(Value::as_u64);
    let t_ms = t_ms.ok_or_else(|| syntax("t_ms must be a number of milliseconds".to_owned()))?;
    if !(low..=MAX_T_MS).contains(&t_ms) {
        return Err(RecordError::Time { line: number, low, got: t_ms });
    }
    if fields.len() != 1 {
        return Err(RecordError::NotOneThing { line: number, got: fields.len() });
    }
    let action: Action =
        serde_json::from_value(Value::Object(fields)).map_err(|error| syntax(error.to_string()))?;
    if let Action::Age { p_senior: Some(p), .. } = action
        && Probability::new(p).is_none()
    {
        return Err(syntax(format!("p_senior must lie between 0 and 1, got {p}")));
    }
    Ok(Line { number, t_ms, action })
}

fn checked(opening: RecordedOpening, line: usize) -> Result<RecordedOpening, RecordError> {
    let within = |what, limit, got| match got > limit {
        true => Err(RecordError::TooMuch { line, what, limit, got }),
        false => Ok(()),
    };
    within("candidates", MAX_CANDIDATES, opening.candidates.len())?;
    within("context", MAX_CONTEXT, opening.context.len())?;
    Ok(opening)
}
