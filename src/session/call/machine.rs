//! The session itself: (state, event, now) → effects.

use std::collections::BTreeMap;

use crate::domain::{AgeClass, FactorName, IntentId, SessionChannel, SubjectId, Timestamp};
use crate::policy::session::{
    FactorOutcome, RoutingFacts, SessionFacts, SessionVerdict, SubjectStanding,
};
use crate::session::call::asks::Asks;
use crate::session::call::attempt::Counting;
use crate::session::call::challenge::Challenges;
use crate::session::call::context::Surroundings;
use crate::session::call::effect::{Effect, OpenRecord};
use crate::session::call::event::Event;
use crate::session::call::evidence::EvidenceStore;
use crate::session::call::limits::{CallLimits, CallRules};
use crate::session::call::news::Told;
use crate::session::call::output::{Assessment, Decided, Ended, Outgoing, Response, SessionEnd};
use crate::session::call::sequence::{Inbound, Outbox};
use crate::session::call::voice::VoiceTrack;
use crate::session::call::watch::Window;
use crate::session::call::words::{ClaimOrigin, Opening};

/// The policy: what all that is known comes to.
pub type Judge<'a> = dyn Fn(&SessionFacts) -> SessionVerdict + 'a;

/// Whether the client is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Connected(u64),
    Lost { since: Timestamp },
}

/// How far the session has come.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    Running,
    /// It ends; the last comparison is waited for.
    Closing {
        end: SessionEnd,
        deadline: Timestamp,
        heard_out: bool,
    },
    /// Everything is decided; records are being written.
    Recording {
        end: SessionEnd,
        last: Box<Assessment>,
        kept: Kept,
    },
    Ended(Ended),
}

/// How far the record of the end has come.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    Writing,
    Failed { retry_at: Timestamp },
    Written(Box<Decided>),
}

/// One call or app session.
#[derive(Debug, Clone)]
pub struct CallSession {
    pub(super) limits: CallLimits,
    pub(super) rules: CallRules,
    pub(super) channel: SessionChannel,
    pub(super) audio: bool,
    pub(super) candidates: u32,
    pub(super) opened_at: Timestamp,
    /// The latest time seen: a clock that is set back changes nothing.
    pub(super) now: Timestamp,
    pub(super) last_message_at: Timestamp,
    pub(super) link: Link,
    pub(super) phase: Phase,
    pub(super) inbound: Inbound,
    pub(super) outbox: Outbox<Response>,
    pub(super) claim: Option<(SubjectId, ClaimOrigin)>,
    /// Where the claimed subject stands; `None` while that is looked up.
    pub(super) standing: Option<SubjectStanding>,
    pub(super) around: Surroundings,
    pub(super) evidence: EvidenceStore,
    pub(super) voice: VoiceTrack,
    pub(super) challenges: Challenges,
    pub(super) asks: Asks,
    pub(super) routing: RoutingFacts,
    pub(super) told: Told,
    /// When things were judged last.
    pub(super) judged_at: Timestamp,
    /// Something is different since.
    pub(super) news: bool,
    /// The client wants an update whatever is new.
    pub(super) wants_update: bool,
    /// What was counted as attempts on the claimed subject.
    pub(super) counting: Counting,
}

impl CallSession {
    /// Opens a session on a connection.
    pub fn open(
        opening: Opening,
        connection: u64,
        limits: CallLimits,
        rules: CallRules,
        now: Timestamp,
        judge: &Judge<'_>,
    ) -> (Self, Vec<Effect>) {
        let mut session = Self {
            limits,
            rules,
            channel: opening.channel,
            audio: opening.audio,
            candidates: opening.candidates,
            opened_at: now,
            now,
            last_message_at: now,
            link: Link::Connected(connection),
            phase: Phase::Running,
            inbound: Inbound::default(),
            outbox: Outbox::default(),
            claim: opening.claim,
            standing: None,
            around: Surroundings::default(),
            evidence: EvidenceStore::default(),
            voice: VoiceTrack::default(),
            challenges: Challenges::default(),
            asks: Asks::default(),
            routing: RoutingFacts { language: opening.language, ..RoutingFacts::default() },
            told: Told::default(),
            judged_at: now,
            news: true,
            wants_update: false,
            counting: Counting::default(),
        };
        let mut effects = vec![Effect::Keep(session.open_record())];
        session.send_kept(Response::Opened, &mut effects);
        if let Some((subject, _)) = &session.claim {
            effects.push(Effect::LookUp(subject.clone()));
        }
        for event in opening.context {
            session.note(event, 0, &mut effects);
        }
        if let Some(intent) = opening.intent {
            session.ask(&intent, 0, &mut effects);
        }
        session.settle(judge, &mut effects);
        (session, effects)
    }

    /// Factors that were told of, for who looks up where the subject stands.
    pub fn factors(&self) -> &BTreeMap<FactorName, FactorOutcome> {
        self.around.factors()
    }

    /// Takes an event. What does not fit (a score nobody asked for, anything after the end) changes nothing.
    pub fn step(&mut self, event: Event, now: Timestamp, judge: &Judge<'_>) -> Vec<Effect> {
        self.now = self.now.max(now);
        let mut effects = Vec::new();
        self.apply(event, &mut effects);
        self.expire(&mut effects);
        self.settle(judge, &mut effects);
        effects
    }

    fn apply(&mut self, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Received { connection, sequence, message } => {
                if self.link == Link::Connected(connection) {
                    self.receive(sequence, message, effects);
                }
            }
            Event::Reported(fact) => {
                if matches!(self.phase, Phase::Running) {
                    self.note(fact, 0, effects);
                }
            }
            Event::Unusable { sequence, detail } => self.unusable(sequence, detail, effects),
            Event::Connected { connection, last_seen } => {
                self.connect(connection, last_seen, effects);
            }
            Event::Disconnected { connection } => {
                if self.link == Link::Connected(connection) {
                    self.link = Link::Lost { since: self.now };
                }
            }
            Event::Standing(standing) => self.stands(standing),
            Event::Heard { net_speech_ms } => self.hear(net_speech_ms),
            Event::Compared(measured) => self.compared(measured),
            Event::NotCompared => {
                self.voice.compared();
            }
            Event::Evidence { modality, measured } => {
                self.news |= self.evidence.put(modality, measured, self.now);
            }
            Event::Withdrawn { modality } => self.news |= self.evidence.withdraw(modality),
            Event::Window { modality, llr, like_last, from } => {
                let window = llr.map(|llr| Window { llr, like_last, from });
                self.window(modality, window, effects);
            }
            Event::Found { kind, finding } => {
                let noted = self.around.find(kind, finding);
                self.news |= noted == crate::session::call::context::Noted::News;
            }
            Event::Searched { accepted, among } => self.searched(accepted, among, effects),
            Event::Categorized { class, p_senior } => self.categorize(Some(class), p_senior),
            Event::Uncategorized => self.categorize(None, None),
            Event::ChallengeMade { number, prompt } => self.challenge_made(number, prompt, effects),
            Event::AnswerChecked { number, right } => {
                self.challenges.checked(number, right);
                self.news = true;
            }
            Event::Recorded { ask, decision } => self.recorded(ask, decision, effects),
            Event::NotRecorded { ask } => self.not_recorded(ask),
            Event::EndRequested => self.begin_closing(SessionEnd::Requested, effects),
            Event::Tick => {}
        }
    }

    fn connect(&mut self, connection: u64, last_seen: u64, effects: &mut Vec<Effect>) {
        self.link = Link::Connected(connection);
        self.last_message_at = self.now;
        // Without a number of its own: what is sent again has lower ones and follows it.
        self.push(0, Response::Resumed, effects);
        for (sequence, response) in self.outbox.unseen(last_seen) {
            let acknowledged = self.inbound.taken();
            let outgoing = Outgoing { sequence, acknowledged, response };
            effects.push(Effect::Send(Box::new(outgoing)));
        }
        if matches!(self.phase, Phase::Ended(_)) {
            effects.push(Effect::Finish);
        }
        self.wants_update = true;
    }

    /// What must survive a restart.
    pub(super) fn open_record(&self) -> OpenRecord {
        OpenRecord {
            opened_at: self.opened_at,
            subject: self.claim.as_ref().map(|(subject, _)| subject.clone()),
        }
    }

    /// Sends something that a later response makes up for.
    pub(super) fn send(&mut self, response: Response, effects: &mut Vec<Effect>) {
        if let Link::Lost { .. } = self.link {
            return;
        }
        let sequence = self.outbox.number();
        self.push(sequence, response, effects);
    }

    /// Sends something that must arrive, now or after a resume.
    pub(super) fn send_kept(&mut self, response: Response, effects: &mut Vec<Effect>) {
        let sequence = self.outbox.keep(response.clone());
        if let Link::Connected(_) = self.link {
            self.push(sequence, response, effects);
        }
    }

    fn push(&mut self, sequence: u64, response: Response, effects: &mut Vec<Effect>) {
        self.inbound.acknowledged();
        let acknowledged = self.inbound.taken();
        effects.push(Effect::Send(Box::new(Outgoing { sequence, acknowledged, response })));
    }

    /// The end, once it is there.
    pub fn ended(&self) -> Option<Ended> {
        match self.phase {
            Phase::Ended(ended) => Some(ended),
            _ => None,
        }
    }

    /// Whether audio is to come.
    pub fn expects_audio(&self) -> bool {
        self.audio
    }

    /// Whether it is ending or has ended.
    pub fn is_closing(&self) -> bool {
        !matches!(self.phase, Phase::Running)
    }

    /// When it was opened.
    pub fn opened_at(&self) -> Timestamp {
        self.opened_at
    }

    /// Whether a client is connected.
    pub fn is_connected(&self) -> bool {
        matches!(self.link, Link::Connected(_))
    }

    /// Number of the last message taken.
    pub fn taken(&self) -> u64 {
        self.inbound.taken()
    }

    /// Messages that came again, and messages given up.
    pub fn repeated_and_skipped(&self) -> (u64, u64) {
        (self.inbound.repeated(), self.inbound.skipped())
    }

    /// Age class of the caller, if they were categorized.
    pub fn age_class(&self) -> Option<AgeClass> {
        self.routing.age_class
    }

    /// Whom it is about, and how they became the claim.
    pub fn claim(&self) -> Option<&(SubjectId, ClaimOrigin)> {
        self.claim.as_ref()
    }

    /// Decisions on questions, in order of the questions.
    pub fn decisions(&self) -> impl Iterator<Item = &Decided> {
        self.asks.done()
    }

    /// Its limits.
    pub fn limits(&self) -> &CallLimits {
        &self.limits
    }

    /// The intent of the session as a whole.
    pub fn session_intent(&self) -> &IntentId {
        &self.rules.session_intent
    }

    /// Net speech that must still come before there is anything to do with it, in milliseconds: until then
    /// audio may be heard in one go.
    pub fn patience_ms(&self) -> u32 {
        match self.phase {
            Phase::Running if self.may_compare() || self.may_search() => {
                self.voice.patience_ms(&self.rules)
            }
            Phase::Running => u32::MAX,
            _ => 0,
        }
    }
}
