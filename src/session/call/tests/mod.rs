//! Tests of the whole machine, and a client, a driver and a policy to test it with.

mod flow;
mod person;
mod property;
mod recorded;
mod resume;

use std::collections::BTreeSet;

use crate::domain::{
    ArtifactRef, Assurance, Decision, DecisionId, Finding, IntentId, Llr, Modality, NextStep,
    PadOutcome, Risk, SessionChannel, SessionReason, SubjectId, Timestamp, probability_of,
};
use crate::policy::session::{SessionFacts, SessionVerdict, SubjectStanding, Thresholds};
use crate::session::call::*;

pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

pub fn ask_id(text: &str) -> AskId {
    AskId::parse(text).expect("a name")
}

pub fn subject(text: &str) -> SubjectId {
    SubjectId::parse(text).expect("an id")
}

pub fn intent(name: &str, wait_ms: u64) -> Intent {
    let intent = IntentId::parse("transfer").expect("a name");
    Intent { ask: ask_id(name), intent, amount: None, wait_ms }
}

pub fn rules() -> CallRules {
    CallRules::new(IntentId::parse("session").expect("a name"))
}

pub fn measured(llr: f64) -> Measured {
    Measured {
        llr: Some(Llr(llr)),
        enough: true,
        amount: 3_000,
        model: ArtifactRef::new("test", 1),
        pad: PadOutcome::NotEvaluated,
    }
}

pub fn opening() -> Opening {
    Opening {
        channel: SessionChannel::Phone,
        claim: Some((subject("anna"), ClaimOrigin::Client)),
        candidates: 0,
        audio: true,
        language: None,
        context: Vec::new(),
        intent: None,
    }
}

/// A policy for tests: the sum of all usable evidence between 4.6 and −2, a challenge between them.
pub fn judge(facts: &SessionFacts) -> SessionVerdict {
    let facts = &facts.decision;
    let since = facts.changed_ms_ago.unwrap_or(u64::MAX);
    let sound = facts.evidence.values().filter(|e| e.enough && e.pad != PadOutcome::Attack);
    let usable = sound.filter(|e| e.age_ms <= since && facts.subject == SubjectStanding::Enrolled);
    let llrs: Vec<f64> = usable.filter_map(|e| e.llr).map(|llr| llr.0).collect();
    let fused = (!llrs.is_empty()).then(|| llrs.iter().sum::<f64>());
    let right = if facts.challenge == Finding::Present { 3.0 } else { 0.0 };
    let sum = fused.unwrap_or(0.0) + right;
    let (decision, next, reason) = match (facts.subject, fused) {
        (SubjectStanding::Locked, _) => (Decision::Locked, NextStep::Human, SessionReason::Locked),
        (SubjectStanding::SourceLocked, _) => {
            (Decision::Locked, NextStep::Human, SessionReason::SourceLocked)
        }
        (SubjectStanding::Unclaimed, _) => {
            (Decision::Inconclusive, NextStep::SpeakLonger, SessionReason::NobodyClaimed)
        }
        (_, None) => {
            (Decision::Inconclusive, NextStep::SpeakLonger, SessionReason::NothingMeasured)
        }
        _ if sum >= 4.6 => (Decision::Accept, NextStep::Proceed, SessionReason::EvidenceFor),
        _ if sum < -2.0 => (Decision::Reject, NextStep::Stop, SessionReason::EvidenceAgainst),
        _ => (Decision::StepUp, NextStep::Challenge, SessionReason::RiskUncertain),
    };
    SessionVerdict {
        decision,
        next,
        factors: Vec::new(),
        reasons: vec![reason],
        p_genuine: probability_of(sum),
        risk: Risk::from_log_odds(sum),
        fused: fused.map(Llr),
        covered: None,
        contributions: Vec::new(),
        thresholds: Thresholds {
            accept_log_odds: 4.6,
            reject_log_odds: -2.0,
            inherence_llr: Llr(4.6),
            required: Assurance::Low,
        },
        assurance: Assurance::None,
        rules: BTreeSet::new(),
        policy: ArtifactRef::new("test", 1),
        fusion: ArtifactRef::new("test", 1),
        routing: None,
    }
}

/// A session with its client and its driver.
pub struct Desk {
    pub session: CallSession,
    pub connection: u64,
    pub next: u64,
    pub now: i64,
    /// All effects so far.
    pub effects: Vec<Effect>,
    /// Records are written at once.
    pub records: bool,
}

impl Desk {
    pub fn open(opening: Opening) -> Self {
        Self::held_to(opening, rules())
    }

    pub fn held_to(opening: Opening, rules: CallRules) -> Self {
        let (session, effects) =
            CallSession::open(opening, 1, CallLimits::default(), rules, at(0), &judge);
        let mut desk = Self { session, connection: 1, next: 1, now: 0, effects, records: true };
        let first = desk.effects.clone();
        desk.write(&first);
        desk
    }

    /// A session whose subject is enrolled.
    pub fn enrolled() -> Self {
        let mut desk = Self::open(opening());
        desk.tell(Event::Standing(SubjectStanding::Enrolled));
        desk
    }

    /// What an event leads to, with what follows from writing records.
    pub fn tell(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = self.session.step(event, at(self.now), &judge);
        self.effects.extend(effects.iter().cloned());
        effects.extend(self.write(&effects.clone()));
        effects
    }

    fn write(&mut self, effects: &[Effect]) -> Vec<Effect> {
        let mut more = Vec::new();
        if !self.records {
            return more;
        }
        for effect in effects {
            if let Effect::Record(record) = effect {
                let decision = DecisionId::new(at(self.now), [7; 10]);
                let ask = record.assessment.ask.clone();
                more.extend(self.tell(Event::Recorded { ask, decision }));
            }
        }
        more
    }

    pub fn send(&mut self, message: Message) -> Vec<Effect> {
        let sequence = self.next;
        self.next += 1;
        self.send_as(sequence, message)
    }

    pub fn send_as(&mut self, sequence: u64, message: Message) -> Vec<Effect> {
        let connection = self.connection;
        self.tell(Event::Received { connection, sequence, message })
    }

    pub fn tick(&mut self, ms: i64) -> Vec<Effect> {
        self.now += ms;
        self.tell(Event::Tick)
    }

    /// The caller spoke up to here, and it compares to so much.
    pub fn speak(&mut self, net_speech_ms: u32, llr: f64) -> Vec<Effect> {
        let mut effects = self.tell(Event::Heard { net_speech_ms });
        let mut more = Vec::new();
        for effect in &effects {
            match effect {
                Effect::CompareVoice => more.push(Event::Compared(measured(llr))),
                Effect::CompareWindow { from_ms, .. } => more.push(Event::Window {
                    modality: Modality::Voice,
                    llr: Some(Llr(3.0)),
                    like_last: Some(Llr(3.0)),
                    from: *from_ms,
                }),
                _ => {}
            }
        }
        for event in more {
            effects.extend(self.tell(event));
        }
        effects
    }

    pub fn update(&mut self) -> Vec<Assessment> {
        let effects = self.send(Message::WantUpdate);
        let mut updates = responses(&effects).into_iter().filter_map(|response| match response {
            Response::Update(assessments) => Some(assessments),
            _ => None,
        });
        updates.next_back().expect("an update was asked for")
    }
}

pub fn outgoing(effects: &[Effect]) -> Vec<Outgoing> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send(outgoing) => Some(outgoing.as_ref().clone()),
        _ => None,
    });
    sent.collect()
}

pub fn responses(effects: &[Effect]) -> Vec<Response> {
    outgoing(effects).into_iter().map(|o| o.response).collect()
}

/// Decisions sent: question and decision.
pub fn decisions(effects: &[Effect]) -> Vec<(Option<String>, Decision)> {
    let found = responses(effects).into_iter().filter_map(|response| match response {
        Response::Decision(decided) => {
            let ask = decided.assessment.ask.map(String::from);
            Some((ask, decided.assessment.verdict.decision))
        }
        _ => None,
    });
    found.collect()
}

pub fn refusals(effects: &[Effect]) -> Vec<RefusalReason> {
    let found = responses(effects).into_iter().filter_map(|response| match response {
        Response::Refused { reason, .. } => Some(reason),
        _ => None,
    });
    found.collect()
}

pub fn ends(effects: &[Effect]) -> Vec<Ended> {
    let found = responses(effects).into_iter().filter_map(|response| match response {
        Response::Ended(ended) => Some(ended),
        _ => None,
    });
    found.collect()
}
