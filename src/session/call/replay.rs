//! Playing a recorded session through the machine, with the evidence that stands in it.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::{
    ArtifactRef, Decision, DecisionId, Finding, Modality, PadOutcome, Probability, Timestamp,
};
use crate::policy::session::SubjectStanding;
use crate::session::call::challenge;
use crate::session::call::effect::{Effect, Record};
use crate::session::call::event::Event;
use crate::session::call::evidence::Measured;
use crate::session::call::limits::{CallLimits, CallRules};
use crate::session::call::machine::{CallSession, Judge};
use crate::session::call::output::{Outgoing, Response};
use crate::session::call::record::{Action, Heard, Line, RecordedSession};
use crate::session::call::words::{AskId, ClaimOrigin, Leg, Message, Opening};

/// Where played sessions begin: the time of day plays no part.
const START: Timestamp = Timestamp::from_unix_ms(0);
/// Longer than anything is waited for at the end, in milliseconds.
const GRACE_MS: u64 = 60_000;
/// Model named by evidence from the file.
const MODEL: &str = "recorded";

/// A response and when it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// Since the session was opened, in milliseconds.
    pub t_ms: u64,
    /// What the client got.
    pub outgoing: Outgoing,
}

/// An expectation that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// Line of the file.
    pub line: usize,
    /// The question; `None` for the session at its end.
    pub ask: Option<AskId>,
    /// What was expected.
    pub expected: Decision,
    /// What came; `None` for no decision by then.
    pub got: Option<Decision>,
}

/// What playing came to.
#[derive(Debug, Clone, Default)]
pub struct Playback {
    /// All responses, in order.
    pub responses: Vec<Played>,
    /// Everything that would have been recorded.
    pub records: Vec<Record>,
    /// Expectations that did not hold.
    pub missed: Vec<Missed>,
    /// Expectations in the file.
    pub expectations: usize,
}

/// What compares captures of a file, by their lines.
pub trait Driver {
    /// The capture of a line: its modality, and what came of it.
    fn capture(&mut self, line: usize) -> Option<(Modality, Vec<Event>)>;

    /// Another person is there: what was captured of a modality before `from` is not theirs.
    fn restart(&mut self, modality: Modality, from: Option<u32>) -> Vec<Event>;
}

/// Passes over captures.
#[derive(Debug, Clone, Copy)]
pub struct NoCaptures;

impl Driver for NoCaptures {
    fn capture(&mut self, _: usize) -> Option<(Modality, Vec<Event>)> {
        None
    }

    fn restart(&mut self, _: Modality, _: Option<u32>) -> Vec<Event> {
        Vec::new()
    }
}

struct Player<'a> {
    session: CallSession,
    driver: &'a mut dyn Driver,
    judge: &'a Judge<'a>,
    standing: SubjectStanding,
    candidates: u32,
    connection: u64,
    /// Number of the next message, and of the last response seen.
    sequence: u64,
    seen: u64,
    heard: Heard,
    challenge: u32,
    right: Finding,
    now_ms: u64,
    decided: BTreeMap<Option<AskId>, Decision>,
    playback: Playback,
}

/// Plays a session to its end. What is not closed is closed with its last line.
pub fn replay(
    recorded: &RecordedSession,
    limits: CallLimits,
    rules: CallRules,
    judge: &Judge<'_>,
    driver: &mut dyn Driver,
) -> Playback {
    let open = &recorded.opening;
    let candidates = u32::try_from(open.candidates.len()).unwrap_or(u32::MAX);
    let opening = Opening {
        channel: open.channel,
        claim: open.subject.clone().map(|subject| (subject, ClaimOrigin::Client)),
        candidates,
        audio: open.audio,
        language: open.language.clone(),
        context: open.context.clone(),
        intent: open.intent.clone(),
    };
    let (session, effects) = CallSession::open(opening, 1, limits, rules, START, judge);
    let nothing = Heard {
        net_speech_ms: 0,
        llr: None,
        window_llr: None,
        found: None,
        pad: PadOutcome::NotEvaluated,
    };
    let mut player = Player {
        session,
        driver,
        judge,
        standing: open.standing,
        candidates,
        connection: 1,
        sequence: 1,
        seen: 0,
        heard: nothing,
        challenge: 0,
        right: Finding::Unknown,
        now_ms: 0,
        decided: BTreeMap::new(),
        playback: Playback::default(),
    };
    player.follow(effects);
    for line in &recorded.lines {
        player.wait_until(line.t_ms);
        player.play(line);
    }
    player.send(Message::Close);
    let last_ms = player.now_ms;
    player.wait_until(last_ms.saturating_add(GRACE_MS));
    for line in &recorded.lines {
        player.check(line, true);
    }
    player.playback
}

impl Player<'_> {
    fn now(&self) -> Timestamp {
        START.plus_ms(self.now_ms)
    }

    /// Lets time pass, waking the session when it wants to be woken.
    fn wait_until(&mut self, t_ms: u64) {
        while let Some(wake) = self.session.next_wake() {
            let wake_ms = wake.since(START).max(self.now_ms);
            if wake_ms > t_ms {
                break;
            }
            self.now_ms = wake_ms;
            self.tell(Event::Tick);
            if self.session.next_wake() == Some(wake) {
                break;
            }
        }
        self.now_ms = self.now_ms.max(t_ms);
    }

    fn tell(&mut self, event: Event) {
        let effects = self.session.step(event, self.now(), self.judge);
        self.follow(effects);
    }

    fn send(&mut self, message: Message) {
        let (connection, sequence) = (self.connection, self.sequence);
        self.sequence += 1;
        self.tell(Event::Received { connection, sequence, message });
    }

    fn play(&mut self, line: &Line) {
        match line.action.clone() {
            Action::Heard(heard) => {
                let net_speech_ms = heard.net_speech_ms;
                self.heard = heard;
                self.send(Message::Audio(Leg::Caller));
                self.tell(Event::Heard { net_speech_ms });
            }
            Action::Evidence(given) => {
                self.send(Message::Capture(given.modality));
                let (modality, measured) = (given.modality, given.measured());
                self.tell(Event::Evidence { modality, measured });
            }
            Action::Window { modality, llr, from } => {
                let llr = Some(llr);
                self.tell(Event::Window { modality, llr, like_last: None, from });
            }
            Action::Context(event) => self.send(Message::Context(event)),
            Action::Found { kind, finding } => self.tell(Event::Found { kind, finding }),
            Action::Standing(standing) => {
                self.standing = standing;
                self.tell(Event::Standing(standing));
            }
            Action::Age { class, p_senior } => {
                let p_senior = p_senior.and_then(Probability::new);
                self.tell(Event::Categorized { class, p_senior });
            }
            Action::Intent(intent) => self.send(Message::Intent(intent)),
            Action::Challenge {} => self.send(Message::WantChallenge),
            Action::Answer { right } => {
                self.right = right;
                let challenge = self.challenge;
                self.send(Message::Answer { challenge, transcript: None });
            }
            Action::Update {} => self.send(Message::WantUpdate),
            Action::Disconnect {} => {
                let connection = self.connection;
                self.tell(Event::Disconnected { connection });
            }
            Action::Resume {} => {
                self.connection += 1;
                let (connection, last_seen) = (self.connection, self.seen);
                self.tell(Event::Connected { connection, last_seen });
            }
            Action::Close {} => self.send(Message::Close),
            Action::Expect { .. } => self.check(line, false),
            Action::Capture(_) => {
                if let Some((modality, events)) = self.driver.capture(line.number) {
                    self.send(Message::Capture(modality));
                    events.into_iter().for_each(|event| self.tell(event));
                }
            }
            // Opened already; enrolled before; raw content was turned into evidence before.
            Action::Open(_) | Action::Enrolled(_) | Action::Audio { .. } | Action::Text { .. } => {}
        }
    }

    /// Holds an expectation against what was decided. That of the whole session is looked at at the end.
    fn check(&mut self, line: &Line, at_end: bool) {
        if let Action::Expect { ask, decision } = &line.action
            && ask.is_none() == at_end
        {
            self.playback.expectations += 1;
            let got = self.decided.get(ask).copied();
            if got != Some(*decision) {
                let (line, ask, expected) = (line.number, ask.clone(), *decision);
                self.playback.missed.push(Missed { line, ask, expected, got });
            }
        }
    }

    /// Does what the session wants done, and what follows from that.
    fn follow(&mut self, effects: Vec<Effect>) {
        let mut pending = VecDeque::from(effects);
        while let Some(effect) = pending.pop_front() {
            let events = match effect {
                Effect::Restart { modality, from } => self.driver.restart(modality, from),
                effect => Vec::from_iter(self.answer(effect)),
            };
            for event in events {
                pending.extend(self.session.step(event, self.now(), self.judge));
            }
        }
    }

    fn answer(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Send(outgoing) => {
                self.see(&outgoing);
                let played = Played { t_ms: self.now_ms, outgoing: *outgoing };
                self.playback.responses.push(played);
                None
            }
            Effect::LookUp(_) => Some(Event::Standing(self.standing)),
            Effect::EndAudio => Some(Event::Heard { net_speech_ms: self.heard.net_speech_ms }),
            Effect::CompareVoice => Some(match self.heard.llr {
                Some(llr) => Event::Compared(Measured {
                    llr: Some(llr),
                    enough: true,
                    amount: self.heard.net_speech_ms,
                    model: ArtifactRef::new(MODEL, 1),
                    pad: self.heard.pad,
                }),
                None => Event::NotCompared,
            }),
            Effect::CompareWindow { from_ms, .. } => Some(Event::Window {
                modality: Modality::Voice,
                llr: self.heard.window_llr,
                like_last: None,
                from: from_ms,
            }),
            Effect::SearchCandidates => {
                Some(Event::Searched { accepted: self.heard.found.clone(), among: self.candidates })
            }
            Effect::MakeChallenge { number } => {
                self.challenge = number;
                Some(Event::ChallengeMade { number, prompt: played_prompt(number) })
            }
            Effect::CheckAnswer { number, .. } => {
                Some(Event::AnswerChecked { number, right: self.right })
            }
            Effect::Record(record) => {
                let ask = record.assessment.ask.clone();
                let count = self.playback.records.len();
                let name = format!("played-{}", count + 1);
                self.playback.records.push(*record);
                match DecisionId::parse(&name) {
                    Ok(decision) => Some(Event::Recorded { ask, decision }),
                    Err(_) => Some(Event::NotRecorded { ask }),
                }
            }
            Effect::Keep(_) | Effect::KeepWindow { .. } | Effect::Count(_) => None,
            Effect::Process | Effect::Restart { .. } | Effect::Finish => None,
        }
    }

    fn see(&mut self, outgoing: &Outgoing) {
        self.seen = self.seen.max(outgoing.sequence);
        if let Response::Decision(decided) = &outgoing.response {
            let assessment = &decided.assessment;
            self.decided.insert(assessment.ask.clone(), assessment.verdict.decision);
        }
    }
}

/// The prompt of a played challenge: the same each time it is played.
fn played_prompt(number: u32) -> String {
    let bytes: Vec<u8> =
        (0..64u32).map(|i| ((number.wrapping_mul(31) + i * 7) % 250) as u8).collect();
    challenge::prompt(&bytes).unwrap_or_default()
}
