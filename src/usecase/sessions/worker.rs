//! The task of a session: it owns the machine, does what its effects say, in order, and answers them. Orders
//! wait in a bounded queue; a client that sends faster than they are done waits with its next message.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::crypto::random;
use crate::domain::{Finding, PhoneNumber, SessionId, Source, SubjectId};
use crate::policy::session::ActivePolicy;
use crate::session::call::challenge::{answers, prompt};
use crate::session::call::{Attempted, CallSession, Effect, Event, Message, OpenRecord, Record};
use crate::usecase::command::Caller;
use crate::usecase::core::Shared;
use crate::usecase::identify::Question;
use crate::usecase::sessions::adapt::adaptable;
use crate::usecase::sessions::age::Age;
use crate::usecase::sessions::audio::{Backlog, MAX_GATHER_MS};
use crate::usecase::sessions::bind::Unrecorded;
use crate::usecase::sessions::captures::Captures;
use crate::usecase::sessions::claim::Claimed;
use crate::usecase::sessions::hearing::Hearing;
use crate::usecase::sessions::policy::{SessionPolicy, says_passed, vouched};
use crate::usecase::sessions::record::Kept;
use crate::usecase::sessions::report::{Report, Reports};
use crate::usecase::sessions::shown::View;
use crate::usecase::sessions::texts::Texts;
use crate::usecase::sessions::words::{
    Ended, SessionMessage, SessionOutput, SessionStatus, ShownAssessment,
};

/// Orders of one session that wait.
pub(super) const MAX_ORDERS: usize = 16;
/// Bytes of the messages among them: half a minute of 16-kHz audio. A longer message waits alone.
pub(super) const MAX_ORDER_BYTES: usize = 1 << 20;
/// Responses waiting for a client that reads slowly. Updates that find only the last few places free are
/// dropped; a client for whom nothing else fits is disconnected and can resume.
pub(super) const MAX_WAITING_RESPONSES: usize = 256;
/// How long an ended session can still be asked how it ended.
const REMEMBERED: Duration = Duration::from_secs(60);

/// What a session's task is told.
pub(super) enum Order {
    /// A message came.
    Message {
        connection: u64,
        sequence: u64,
        message: SessionMessage,
        /// Held until it is done with.
        room: OwnedSemaphorePermit,
    },
    /// A client is there; it gets the number of its connection.
    Connect {
        last_seen: u64,
        /// The client may see fine scores.
        fine: bool,
        /// It comes with a session token: an app.
        app: bool,
        out: mpsc::Sender<SessionOutput>,
        reply: oneshot::Sender<u64>,
    },
    /// A client is gone.
    Disconnect { connection: u64 },
    /// A client can still hear and says no more.
    HangUp { connection: u64 },
    /// Its back end tells what it knows.
    Report(Report),
    /// Where does it stand?
    Look { fine: bool, reply: oneshot::Sender<SessionStatus> },
    /// It shall end; answered when it has.
    End { reply: oneshot::Sender<Ended> },
}

/// A session and everything it works with.
pub(super) struct Worker {
    pub(super) inner: Shared,
    pub(super) by: Caller,
    pub(super) id: SessionId,
    pub(super) token: String,
    pub(super) session: CallSession,
    pub(super) policy: Arc<dyn SessionPolicy>,
    pub(super) shadow: Option<Arc<ActivePolicy>>,
    pub(super) hearing: Option<Hearing>,
    pub(super) claimed: Claimed,
    pub(super) age: Age,
    pub(super) captures: Captures,
    pub(super) texts: Texts,
    pub(super) search: Option<(Question, Arc<[SubjectId]>)>,
    /// Where the call comes from, if the policy remembers it with an acceptance.
    pub(super) number: Option<PhoneNumber>,
    /// Who makes the claim, for limits of their own.
    pub(super) sources: Vec<Source>,
    /// Attempts of people who are gone that could not be counted yet.
    pub(super) uncounted: Vec<Attempted>,
    /// One of the sources is held up, or an attempt waits to be counted: nothing is compared.
    pub(super) held: bool,
    pub(super) view: View,
    /// What a back end told it.
    pub(super) reports: Reports,
    /// The voice joined the voiceprint: once a session.
    pub(super) adapted: bool,
    /// An update was asked for.
    pub(super) asked: bool,
    /// The last update that was told.
    pub(super) told: Option<Vec<ShownAssessment>>,
    pub(super) connection: u64,
    /// The client of this connection is an app with a session token: nothing that it says for the person is believed.
    pub(super) app: bool,
    pub(super) out: Option<mpsc::Sender<SessionOutput>>,
    /// Audio that waits to be heard.
    pub(super) backlog: Backlog,
    /// Payload of the message that is being taken.
    pub(super) payload: Option<(u64, SessionMessage)>,
    /// What stands in the audit of its opening.
    pub(super) opened: OpenRecord,
    /// Its end stands in the audit.
    pub(super) ended: Arc<AtomicBool>,
    /// Who waits for the end.
    pub(super) enders: Vec<oneshot::Sender<Ended>>,
    pub(super) finished: bool,
}

impl Worker {
    /// Runs the session, from the effects of its opening to a while after its end.
    pub(super) async fn run(mut self, opening: Vec<Effect>, mut orders: mpsc::Receiver<Order>) {
        self.follow(opening).await;
        while !self.finished {
            let wake = self.wake();
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.take(order).await,
                    // The registry is gone: the server stops.
                    None => return,
                },
                () = sleep_until(wake) => {
                    self.hear_gathered().await;
                    self.tell(Event::Tick).await;
                }
            }
        }
        let until = Instant::now() + REMEMBERED;
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.take(order).await,
                    None => return,
                },
                () = sleep_until(until) => return,
            }
        }
    }

    /// When something is due.
    fn wake(&self) -> Instant {
        let now = self.inner.now();
        let due = self.session.next_wake().map_or(MAX_GATHER_MS * 300, |at| at.since(now));
        let wake = Instant::now() + Duration::from_millis(due.max(1));
        self.backlog.hear_at().map_or(wake, |at| at.min(wake))
    }

    async fn take(&mut self, order: Order) {
        match order {
            Order::Message { connection, sequence, message, room: _room } => {
                let plain = message.plain(self.app);
                if !matches!(message, SessionMessage::Audio { .. }) {
                    self.hear_gathered().await;
                }
                if let SessionMessage::Plain(Message::Intent(_)) = message {
                    // What is asked is decided on what may be used now.
                    self.look_anew().await;
                }
                self.asked |= matches!(plain, Message::WantUpdate);
                self.payload = Some((sequence, message));
                let factor = says_passed(&plain);
                self.tell(Event::Received { connection, sequence, message: plain }).await;
                self.payload = None;
                if factor {
                    // What needed another factor may be compared now.
                    self.look_anew().await;
                }
            }
            Order::Connect { last_seen, fine, app, out, reply } => {
                self.connection += 1;
                self.app = app;
                self.out = Some(out);
                self.view.fine &= fine;
                // Who comes back hears where it stands, even if that was told before.
                self.told = None;
                // One that is gone already is noticed with the first response.
                let _ = reply.send(self.connection);
                let connection = self.connection;
                self.tell(Event::Connected { connection, last_seen }).await;
            }
            // It was closed: what is left to say still goes out.
            Order::HangUp { .. } if self.session.is_closing() => {}
            Order::Disconnect { connection } | Order::HangUp { connection } => {
                if connection == self.connection {
                    self.out = None;
                }
                self.tell(Event::Disconnected { connection }).await;
            }
            Order::Report(report) => self.report(report).await,
            Order::Look { fine, reply } => {
                self.tell(Event::Tick).await;
                let _ = reply.send(self.status(fine));
            }
            Order::End { reply } => {
                self.enders.push(reply);
                self.hear_gathered().await;
                self.tell(Event::EndRequested).await;
                self.answer_enders();
            }
        }
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        let policy = Arc::clone(&self.policy);
        self.session.step(event, self.inner.now(), &|facts| policy.judge(facts))
    }

    /// Tells the session where the subject stands by now.
    pub(super) async fn look_anew(&mut self) {
        for event in self.refresh().await {
            self.tell(event).await;
        }
    }

    pub(super) async fn tell(&mut self, event: Event) {
        let effects = self.step(event);
        self.follow(effects).await;
    }

    /// Does what the session wants done, and what follows from that.
    async fn follow(&mut self, effects: Vec<Effect>) {
        let mut pending = VecDeque::from(effects);
        while let Some(effect) = pending.pop_front() {
            let events = self.act(effect).await;
            for event in events {
                pending.extend(self.step(event));
            }
        }
    }

    async fn act(&mut self, effect: Effect) -> Vec<Event> {
        let event = match effect {
            Effect::Send(outgoing) => {
                self.send(*outgoing);
                None
            }
            Effect::Process => return self.process().await,
            Effect::LookUp(subject) => return self.look_up(subject).await,
            Effect::EndAudio => return self.end_audio().await,
            Effect::CompareVoice => return self.compare().await,
            Effect::CompareWindow { from_ms, until_ms } => {
                Some(self.window(from_ms, until_ms).await)
            }
            Effect::KeepWindow { from_ms } => {
                if let Some(hearing) = &mut self.hearing {
                    hearing.keep_window(from_ms);
                }
                None
            }
            Effect::SearchCandidates => Some(self.search().await),
            Effect::Restart { modality, from } => return self.restart(modality, from).await,
            Effect::MakeChallenge { number } => Some(self.challenge(number)),
            Effect::CheckAnswer { number, prompt, transcript } => {
                // Without a transcript the answer would have to be recognized from the audio.
                let said = transcript.map_or(Finding::Unknown, |said| answers(&prompt, &said));
                // An app that has been given the prompt can repeat it whoever speaks.
                let right =
                    if self.app && said == Finding::Present { Finding::Unknown } else { said };
                Some(Event::AnswerChecked { number, right })
            }
            Effect::Count(attempted) => return self.count(attempted).await,
            Effect::Record(record) => return self.record(&record).await,
            Effect::Finish => {
                self.answer_enders();
                self.finished = true;
                self.out = None;
                self.hearing = None;
                None
            }
            Effect::Keep(open) => {
                self.keep(open).await;
                None
            }
        };
        event.into_iter().collect()
    }

    /// Works on the payload of the message just taken.
    async fn process(&mut self) -> Vec<Event> {
        let Some((sequence, message)) = self.payload.take() else { return Vec::new() };
        match message {
            SessionMessage::Audio { content, .. } => self.audio(sequence, content).await,
            SessionMessage::Capture(raw) => self.capture(sequence, *raw).await,
            SessionMessage::Text { transcript, content } => {
                self.text(sequence, transcript, content).await
            }
            SessionMessage::Plain(_) => Vec::new(),
        }
    }

    /// Keeps whom the session is about. With its opening that was recorded before it began.
    async fn keep(&mut self, open: OpenRecord) {
        let Some(subject) = open.subject.filter(|_| self.opened.subject.is_none()) else { return };
        let recorded = self.inner.record_found(&self.by, &self.id, &subject).await;
        if let Err(error) = recorded {
            // Its decisions name the subject all the same; only a restart would not know it.
            tracing::error!(%error, session = %self.id, "who was found was not recorded");
        }
        self.opened.subject = Some(subject);
    }

    /// Records a decision.
    async fn record(&mut self, record: &Record) -> Vec<Event> {
        let ask = record.assessment.ask.clone();
        let spoke = self.captures.spoke();
        let heard = match self.adapted {
            true => None,
            false => {
                let (hearing, session) = (self.hearing.as_ref(), self.id.as_str());
                let with = (&*self.inner, &*self.policy);
                adaptable(with, record, hearing, session).await
            }
        };
        let held = (&self.policy, self.shadow.as_ref());
        let kept = Kept {
            sources: &self.sources,
            vouched: vouched(&*self.policy, &record.assessment.facts),
            spoke: &spoke,
            number: self.number.as_ref(),
            heard: heard.as_ref(),
        };
        match self.inner.record_decision(&self.by, &self.id, record, held, kept).await {
            Ok((decision, adapted)) => {
                self.adapted |= adapted;
                if record.end.is_some() {
                    self.ended.store(true, Ordering::Release);
                }
                self.captures.remembered(&spoke);
                vec![Event::Recorded { ask, decision }]
            }
            Err(why) => {
                let mut events = match why {
                    Unrecorded::Unusable => self.refresh().await,
                    Unrecorded::Replayed(copies) => self.captures.replayed(&copies),
                    Unrecorded::Failed(error) => {
                        let session = &self.id;
                        tracing::error!(%error, %session, "a decision was not recorded");
                        Vec::new()
                    }
                };
                events.push(Event::NotRecorded { ask });
                events
            }
        }
    }

    fn challenge(&mut self, number: u32) -> Event {
        // 64 bytes hold a prompt but for one case in more than 10^30.
        let made = (0..4).find_map(|_| prompt(&random::<64>(self.inner.parts.entropy.as_ref())));
        Event::ChallengeMade { number, prompt: made.unwrap_or_default() }
    }
}
