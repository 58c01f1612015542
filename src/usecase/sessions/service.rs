//! Opening, resuming, reading and ending sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::crypto::{random, sha256};
use crate::domain::{PhoneNumber, SessionId, SubjectId};
use crate::session::call::{CallLimits, CallSession, Effect, OpenRecord, Opening};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require, sees_fine_scores};
use crate::usecase::command::Caller;
use crate::usecase::core::{Inner, Shared};
use crate::usecase::failure::invalid;
use crate::usecase::identify::Question;
use crate::usecase::policies::{Held, Policies};
use crate::usecase::port::{LiveSession, Reply};
use crate::usecase::request::Content;
use crate::usecase::sessions::age::Age;
use crate::usecase::sessions::audio::Backlog;
use crate::usecase::sessions::captures::Captures;
use crate::usecase::sessions::claim::Claimed;
use crate::usecase::sessions::hearing::Hearing;
use crate::usecase::sessions::registry::{Entry, Registry};
use crate::usecase::sessions::report::Reports;
use crate::usecase::sessions::shown::View;
use crate::usecase::sessions::texts::Texts;
use crate::usecase::sessions::token::Tokens;
use crate::usecase::sessions::words::{
    ClaimOrigin, ContextEvent, Ended, OpenSession, ResumeSession, SessionMessage, SessionOutput,
    SessionStatus,
};
use crate::usecase::sessions::worker::{
    MAX_ORDER_BYTES, MAX_ORDERS, MAX_WAITING_RESPONSES, Order, Worker,
};
use crate::usecase::sources;

/// RPC, for names of requests.
const METHOD: &str = "vouch.v1.SessionService/Run";
/// Bytes of a session's secret.
const TOKEN_BYTES: usize = 24;
/// Facts of an opening, and of a report.
pub(super) const MAX_CONTEXT: usize = 32;

/// All sessions of a server and what they are held against.
pub(in crate::usecase) struct Sessions {
    pub(super) registry: Registry,
    pub(super) tokens: Tokens,
    pub(in crate::usecase) policies: Policies,
    limits: CallLimits,
}

impl Sessions {
    /// No session yet.
    pub(in crate::usecase) fn new(policies: Policies) -> Self {
        Self {
            registry: Registry::default(),
            tokens: Tokens::default(),
            policies,
            limits: CallLimits::default(),
        }
    }

    /// A session is over.
    fn forget(&self, session: &SessionId) {
        self.registry.remove(session);
        self.tokens.forget(session);
    }

    /// Longest session, the wait for its client included, in milliseconds.
    pub(in crate::usecase) fn longest_ms(&self) -> u64 {
        self.limits.total_ms.saturating_add(self.limits.closing_ms)
    }
}

/// A client's end of a session.
struct Live {
    connection: u64,
    orders: mpsc::Sender<Order>,
    room: Arc<Semaphore>,
    responses: Option<mpsc::Receiver<SessionOutput>>,
}

/// Holds an opening to the token it comes with.
fn bind(c: &mut OpenSession) -> Result<(), UseCaseError> {
    let Some(grant) = &c.grant else { return Ok(()) };
    if c.channel != grant.channel {
        return Err(invalid("open.channel", "the token is for another channel"));
    }
    if c.subject.is_some() && c.subject != grant.subject {
        return Err(invalid("open.subject_id", "the token is not for this subject"));
    }
    if !c.candidates.is_empty() {
        return Err(invalid("open.candidate_ids", "a token searches nobody"));
    }
    if c.context.iter().any(ContextEvent::is_favorable) {
        let why = "what speaks for the person is not believed of an app: say it with an API key";
        return Err(invalid("open.context", why));
    }
    c.subject.clone_from(&grant.subject);
    Ok(())
}

/// Digest of what a session is opened with; `Debug` withholds the number.
fn content(c: &OpenSession) -> [u8; 32] {
    let number = c.number.as_ref().map_or("", PhoneNumber::as_str);
    sha256(format!("{c:?}{number}").as_bytes())
}

/// What the machine must know of an opening.
fn opening(c: OpenSession) -> Opening {
    let origin = match c.grant {
        Some(_) => ClaimOrigin::Token,
        None => ClaimOrigin::Client,
    };
    Opening {
        channel: c.channel,
        claim: c.subject.map(|subject| (subject, origin)),
        candidates: u32::try_from(c.candidates.len()).unwrap_or(u32::MAX),
        audio: c.audio.is_some(),
        language: c.language,
        context: c.context,
        intent: c.intent,
    }
}

/// The search for a caller whom nobody claimed, among the candidates.
fn searched(
    by: &Caller,
    id: &SessionId,
    c: &OpenSession,
    hearing: &Hearing,
) -> Option<(Question, Arc<[SubjectId]>)> {
    if c.subject.is_some() || c.candidates.is_empty() {
        return None;
    }
    let request = Content::new().text(id.as_str()).request(METHOD, &c.key);
    let voice = hearing.voice().clone();
    let question = Question { by: by.clone(), request, max_results: 1, voice };
    Some((question, c.candidates.clone().into()))
}

pub(super) fn gone() -> UseCaseError {
    UseCaseError::NotFound { what: "session" }
}

impl Inner {
    pub(in crate::usecase) async fn open_session(
        self: Shared,
        by: Caller,
        mut c: OpenSession,
    ) -> Result<Box<dyn LiveSession>, UseCaseError> {
        require(&by, Right::Compare)?;
        self.check_opening(&c)?;
        bind(&mut c)?;
        let id = SessionId::new(self.now(), self.id_bytes());
        let token = hex::encode(random::<TOKEN_BYTES>(self.parts.entropy.as_ref()));
        let (orders, receiver) = mpsc::channel(MAX_ORDERS);
        let entry = Entry {
            tenant: by.tenant.clone(),
            token: sha256(token.as_bytes()),
            key: c.key.as_str().to_owned(),
            content: content(&c),
            orders: orders.clone(),
            room: Arc::new(Semaphore::new(MAX_ORDER_BYTES)),
        };
        let room = Arc::clone(&entry.room);
        let earlier = self.sessions.registry.put(&id, entry)?;
        let session = earlier.as_ref().map_or(&id, |(session, _)| session);
        if !c.grant.as_ref().is_none_or(|g| self.sessions.tokens.spend(&g.digest, session)) {
            if earlier.is_none() {
                self.sessions.registry.remove(&id);
            }
            // As for a token that was never minted.
            return Err(UseCaseError::Unauthenticated);
        }
        if let Some((_, first)) = earlier {
            return connect(first, 0, (&by, c.grant.is_some())).await;
        }
        let (out, responses) = mpsc::channel(MAX_WAITING_RESPONSES);
        match Arc::clone(&self).start_session(by, &id, token, c, out, receiver).await {
            Ok(()) => {
                Ok(Box::new(Live { connection: 1, orders, room, responses: Some(responses) }))
            }
            Err(error) => {
                self.sessions.forget(&id);
                Err(error)
            }
        }
    }

    fn check_opening(&self, c: &OpenSession) -> Result<(), UseCaseError> {
        let most = self.parts.policy.identification.max_candidates;
        let got = c.candidates.len();
        if got > most {
            return Err(invalid("candidate_ids", format!("at most {most}, {got} came")));
        }
        let got = c.context.len();
        if got > MAX_CONTEXT {
            return Err(invalid("context", format!("at most {MAX_CONTEXT}, {got} came")));
        }
        Ok(())
    }

    /// Records the opening, then starts the task of the session.
    async fn start_session(
        self: Shared,
        by: Caller,
        id: &SessionId,
        token: String,
        mut c: OpenSession,
        out: mpsc::Sender<SessionOutput>,
        orders: mpsc::Receiver<Order>,
    ) -> Result<(), UseCaseError> {
        let limits = self.sessions.limits.clone();
        let Held { policy, shadow } = self.held(&by.tenant).await?;
        let rules = policy.rules();
        let hearing = c.audio.map(|format| {
            let (voice, least) = (self.voice(&by.tenant)?, rules.min_net_speech_ms);
            Hearing::new(&self, voice, format, least, limits.total_ms)
        });
        let hearing = hearing.transpose()?;
        self.expect_callers(&by.tenant, &mut c).await?;
        let search = hearing.as_ref().and_then(|hearing| searched(&by, id, &c, hearing));
        let mut versions = self.versions(&by.tenant);
        versions.policy = policy.version().unwrap_or(versions.policy);
        let view = View {
            policy: Arc::clone(&policy),
            fine: sees_fine_scores(by.role),
            versions,
            language: c.language.clone(),
            age_class: None,
        };
        let captures = Captures::new(&self.parts.behavior, rules.behavior_change.floor);
        let sources = sources::of_call(&by, c.number.as_ref());
        let held = self.source_held(&by.tenant, &sources).await?;
        let number = c.number.clone().filter(|_| policy.remembers_numbers());
        let app = c.grant.is_some();
        // Nothing fails between the record of the opening and the session's task.
        self.record_opening(&by, id, c.subject.as_ref()).await?;
        let opened = OpenRecord { opened_at: self.now(), subject: c.subject.clone() };
        let ended = Arc::new(AtomicBool::new(false));
        let judge = |facts: &_| policy.judge(facts);
        let (session, effects) =
            CallSession::open(opening(c), 1, limits, rules, self.now(), &judge);
        let worker = Worker {
            inner: Arc::clone(&self),
            by,
            id: id.clone(),
            token,
            session,
            policy,
            shadow,
            hearing,
            claimed: Claimed::default(),
            age: Age::default(),
            captures,
            texts: Texts::new(&self.parts.conversation),
            search,
            number,
            sources,
            uncounted: Vec::new(),
            held,
            view,
            reports: Reports::default(),
            adapted: false,
            asked: false,
            told: None,
            connection: 1,
            app,
            out: Some(out),
            backlog: Backlog::default(),
            payload: None,
            opened: opened.clone(),
            ended: Arc::clone(&ended),
            enders: Vec::new(),
            finished: false,
        };
        self.run_session(worker, effects, orders);
        Ok(())
    }

    /// Runs a session in a task of its own, so that it is forgotten however it ends. One whose task fails is recorded as
    /// ended and incomplete, as after a restart.
    fn run_session(
        self: Shared,
        worker: Worker,
        effects: Vec<Effect>,
        orders: mpsc::Receiver<Order>,
    ) {
        let (id, tenant) = (worker.id.clone(), worker.by.tenant.clone());
        let (opened, ended) = (worker.opened.clone(), Arc::clone(&worker.ended));
        tokio::spawn(async move {
            let task = tokio::spawn(worker.run(effects, orders));
            if let Err(error) = task.await {
                tracing::error!(%error, session = %id, "the task of a session ended unexpectedly");
                if !ended.load(Ordering::Acquire)
                    && let Err(error) = self.record_restart(&tenant, &id, &opened).await
                {
                    tracing::error!(%error, session = %id, "the end of a session was not recorded");
                }
            }
            self.sessions.forget(&id);
        });
    }

    pub(in crate::usecase) async fn resume_session(
        self: Shared,
        by: Caller,
        c: ResumeSession,
    ) -> Result<Box<dyn LiveSession>, UseCaseError> {
        require(&by, Right::Compare)?;
        let entry = self.sessions.registry.get_with(&by.tenant, &c.session, &c.token)?;
        if !c.grant.as_ref().is_none_or(|g| self.sessions.tokens.opened(&g.digest, &c.session)) {
            return Err(gone());
        }
        connect(entry, c.last_seen, (&by, c.grant.is_some())).await
    }

    pub(in crate::usecase) async fn session_status(
        &self,
        by: &Caller,
        session: SessionId,
    ) -> Result<SessionStatus, UseCaseError> {
        require(by, Right::Compare)?;
        let entry = self.sessions.registry.get(&by.tenant, &session)?;
        let (reply, status) = oneshot::channel();
        let fine = sees_fine_scores(by.role);
        entry.orders.send(Order::Look { fine, reply }).await.map_err(|_| gone())?;
        status.await.map_err(|_| gone())
    }

    pub(in crate::usecase) async fn end_session(
        self: Shared,
        by: Caller,
        session: SessionId,
    ) -> Result<Ended, UseCaseError> {
        require(&by, Right::Compare)?;
        let entry = self.sessions.registry.get(&by.tenant, &session)?;
        let (reply, ended) = oneshot::channel();
        entry.orders.send(Order::End { reply }).await.map_err(|_| gone())?;
        ended.await.map_err(|_| gone())
    }
}

/// Connects a client to a session that runs; `app`: it comes with a session token.
async fn connect(
    Entry { orders, room, .. }: Entry,
    last_seen: u64,
    (by, app): (&Caller, bool),
) -> Result<Box<dyn LiveSession>, UseCaseError> {
    let (out, responses) = mpsc::channel(MAX_WAITING_RESPONSES);
    let (reply, connection) = oneshot::channel();
    let fine = sees_fine_scores(by.role);
    orders.send(Order::Connect { last_seen, fine, app, out, reply }).await.map_err(|_| gone())?;
    let connection = connection.await.map_err(|_| gone())?;
    Ok(Box::new(Live { connection, orders, room, responses: Some(responses) }))
}

impl LiveSession for Live {
    fn push(&mut self, sequence: u64, message: SessionMessage) -> Reply<'_, ()> {
        let connection = self.connection;
        Box::pin(async move {
            let bytes = message.bytes().min(MAX_ORDER_BYTES);
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            let room = Arc::clone(&self.room).acquire_many_owned(bytes).await;
            let room = room.map_err(|_| gone())?;
            let order = Order::Message { connection, sequence, message, room };
            self.orders.send(order).await.map_err(|_| gone())
        })
    }

    fn responses(&mut self) -> Option<mpsc::Receiver<SessionOutput>> {
        self.responses.take()
    }

    fn hang_up(&mut self) -> Reply<'_, ()> {
        let order = Order::HangUp { connection: self.connection };
        Box::pin(async move { self.orders.send(order).await.map_err(|_| gone()) })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let order = Order::Disconnect { connection: self.connection };
        if let Err(mpsc::error::TrySendError::Full(order)) = self.orders.try_send(order)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let orders = self.orders.clone();
            runtime.spawn(async move {
                // A session that has ended needs not be told.
                let _ = orders.send(order).await;
            });
        }
    }
}
