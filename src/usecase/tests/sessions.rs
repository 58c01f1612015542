//! Sessions: opened, heard, decided, resumed, ended.

mod attempts;
mod texts;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::conversation::chat;
use super::world::*;
use crate::domain::*;
use crate::policy::session::{Change, Counterfactual, DecisionFacts, SessionFacts, SessionVerdict};
use crate::session::call::CallRules;
use crate::session::call::tests::{judge, rules};
use crate::store::AuditLog as _;
use crate::usecase::UseCaseError;
use crate::usecase::command::*;
use crate::usecase::output::DecisionInfo;
use crate::usecase::port::{Application, LiveSession};
use crate::usecase::sessions::*;

/// Bytes of a message: 100 ms.
const PIECE: usize = RATE_HZ as usize / 10 * 2;
/// Longest wait for a response.
const PATIENCE: Duration = Duration::from_secs(20);

/// Judges by the evidence alone.
#[derive(Default)]
pub(super) struct TestPolicy {
    pub(super) remembers: bool,
}

impl SessionPolicy for TestPolicy {
    fn judge(&self, facts: &SessionFacts) -> SessionVerdict {
        judge(facts)
    }

    fn rules(&self) -> CallRules {
        rules()
    }

    fn would_change(&self, _: &DecisionFacts, _: &SessionVerdict) -> Vec<Counterfactual> {
        vec![Counterfactual { change: Change::Pad, decision: Decision::Reject }]
    }

    fn remembers_numbers(&self) -> bool {
        self.remembers
    }
}

pub(super) async fn world() -> World {
    let world = World::new().await;
    world.vouch.hold_sessions_to(Arc::new(TestPolicy::default()));
    world
}

pub(super) fn opening(world: &World, subject: Option<&str>) -> OpenSession {
    OpenSession {
        channel: SessionChannel::Phone,
        subject: subject.map(id),
        candidates: vec![],
        number: None,
        audio: Some(format()),
        language: None,
        intent: None,
        context: vec![],
        grant: None,
        key: world.key(),
    }
}

pub(super) fn ask(name: &str, wait_ms: u64) -> SessionMessage {
    let intent = Intent {
        ask: AskId::parse(name).unwrap(),
        intent: IntentId::parse("transfer").unwrap(),
        amount: None,
        wait_ms,
    };
    SessionMessage::Plain(Message::Intent(intent))
}

/// A client.
pub(super) struct Client {
    live: Box<dyn LiveSession>,
    responses: Receiver<SessionOutput>,
    next: u64,
    seen: u64,
    pub(super) session: SessionId,
    token: String,
}

impl Client {
    pub(super) async fn open(world: &World, c: OpenSession, role: Role) -> Self {
        Self::open_by(world, c, &world.by(role)).await
    }

    pub(super) async fn open_by(world: &World, c: OpenSession, by: &Caller) -> Self {
        let mut live = world.vouch.open_session(by, c).await.unwrap();
        let mut responses = live.responses().unwrap();
        let opened = responses.recv().await.unwrap();
        let SessionResponse::Opened { session, token, .. } = opened.response else {
            panic!("the first response opens")
        };
        Self { live, responses, next: 1, seen: opened.sequence, session, token }
    }

    /// Another client goes on with the session.
    pub(super) async fn resumed(
        self,
        world: &World,
        by: &Caller,
        grant: Option<SessionGrant>,
    ) -> Self {
        let Self { next, seen, session, token, .. } = self;
        let c = ResumeSession {
            session: session.clone(),
            token: token.clone(),
            last_seen: seen,
            grant,
        };
        let mut live = world.vouch.resume_session(by, c).await.unwrap();
        let responses = live.responses().unwrap();
        Self { live, responses, next, seen, session, token }
    }

    pub(super) async fn send(&mut self, message: SessionMessage) {
        let sequence = self.next;
        self.next += 1;
        self.live.push(sequence, message).await.unwrap();
    }

    /// Says something, and why it was refused, if it was.
    pub(super) async fn refusal_of(&mut self, message: Message) -> Option<RefusalReason> {
        self.send(SessionMessage::Plain(message)).await;
        self.send(SessionMessage::Plain(Message::WantUpdate)).await;
        let (own, marker) = (self.next - 2, self.next - 1);
        let mut found = None;
        loop {
            let next = tokio::time::timeout(PATIENCE, self.responses.recv()).await;
            let output = next.expect("a response in time").expect("a response");
            self.seen = self.seen.max(output.sequence);
            match output.response {
                SessionResponse::Refused { sequence, reason } if sequence == own => {
                    found = Some(reason);
                }
                SessionResponse::Update(_) if output.acknowledged >= marker => return found,
                _ => {}
            }
        }
    }

    pub(super) async fn speak(&mut self, content: &[u8]) {
        for piece in content.chunks(PIECE) {
            let content = piece.to_vec();
            self.send(SessionMessage::Audio { leg: Leg::Caller, content }).await;
        }
    }

    /// The next response that `wanted` takes something from.
    pub(super) async fn until<T>(&mut self, wanted: impl Fn(&SessionResponse) -> Option<T>) -> T {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.responses.recv()).await;
            let output = next.expect("a response in time").expect("a response");
            self.seen = self.seen.max(output.sequence);
            if let Some(found) = wanted(&output.response) {
                return found;
            }
        }
    }

    pub(super) async fn decision(&mut self) -> ShownDecision {
        self.until(|response| match response {
            SessionResponse::Decision(decided) => Some(decided.as_ref().clone()),
            _ => None,
        })
        .await
    }

    async fn end(&mut self) -> Ended {
        self.until(|response| match response {
            SessionResponse::Ended(ended) => Some(*ended),
            _ => None,
        })
        .await
    }

    pub(super) async fn close(&mut self) -> (ShownDecision, Ended) {
        self.send(SessionMessage::Plain(Message::Close)).await;
        (self.decision().await, self.end().await)
    }
}

/// A detail of the record of a decision.
pub(super) async fn detail_of(world: &World, decision: &DecisionId, name: &str) -> String {
    let record = world.store.decision(&tenant(), decision).await.unwrap().unwrap();
    record.event.unwrap().details[name].clone()
}

async fn records(world: &World) -> Vec<DecisionInfo> {
    let filter = DecisionFilter {
        kind: Some(AuditKind::Session),
        page_size: 100,
        ..DecisionFilter::default()
    };
    world.vouch.decisions(&world.by(Role::Auditor), filter).await.unwrap().items
}

#[tokio::test]
async fn a_caller_is_heard_and_what_they_ask_is_decided_and_audited() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Admin).await;
    client.send(ask("q1", 60_000)).await;
    client.speak(&speak(ANNA, 30.0)).await;
    let decided = client.decision().await;
    assert_eq!(decided.assessment.decision, Decision::Accept);
    assert!(decided.assessment.fused.and_then(|score| score.llr).is_some());
    world.is_audited(&decided.decision, Some(Decision::Accept)).await;
    is_explained(&world, &decided.decision).await;
    let (last, ended) = client.close().await;
    assert_eq!(last.assessment.ask, None);
    assert_eq!((ended.end, ended.decisions), (SessionEnd::Closed, 2));
    let acts: Vec<String> = records(&world).await.into_iter().map(|r| r.act).collect();
    assert_eq!(acts, [ACT_ENDED, ACT_DECIDED, ACT_OPENED]);
}

/// To whom a decision is explained follows from the role.
async fn is_explained(world: &World, decision: &DecisionId) {
    let told = |role, audience| {
        let (c, by) = (ExplainDecision { decision: decision.clone(), audience }, world.by(role));
        let vouch = &world.vouch;
        async move { vouch.explain(&by, c).await.map(|(_, sentences)| sentences.join("\n")) }
    };
    let customer = told(Role::Agent, Some(Audience::Customer)).await.unwrap();
    assert!(!customer.contains("LLR"), "{customer}");
    let analyst = told(Role::Analyst, Some(Audience::Analyst)).await.unwrap();
    assert!(analyst.contains("LLR") && analyst.contains("with input checked"), "{analyst}");
    for (role, audience) in [
        (Role::Client, Some(Audience::Customer)),
        (Role::Agent, Some(Audience::Analyst)),
        (Role::Auditor, Some(Audience::Analyst)),
        (Role::Agent, None),
    ] {
        let refused = told(role, audience).await;
        assert!(matches!(refused, Err(UseCaseError::PermissionDenied { .. })), "{role:?}");
    }
}

#[tokio::test]
async fn another_voice_is_rejected_and_locks_after_some_sessions() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    for _ in 0..5 {
        let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Client).await;
        client.speak(&speak(BERT, 20.0)).await;
        client.send(ask("q1", 0)).await;
        let decided = client.decision().await;
        assert_eq!(decided.assessment.decision, Decision::Reject);
        // A client sees bands alone.
        assert_eq!(decided.assessment.p_genuine, None);
        assert_eq!(decided.assessment.risk % 10, 0);
        let fine = decided.assessment.evidence.iter().filter_map(|e| e.score?.llr).count();
        assert_eq!(fine, 0);
        client.close().await;
    }
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Client).await;
    let asked = world.asked();
    client.speak(&speak(ANNA, 10.0)).await;
    client.send(ask("q1", 0)).await;
    assert_eq!(client.decision().await.assessment.decision, Decision::Locked);
    assert_eq!(world.asked(), asked, "a locked subject was compared");
}

#[tokio::test]
async fn one_session_is_no_room_for_many_voices() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Client).await;
    for _ in 0..5 {
        // Nothing is asked: estimates tell enough.
        client.speak(&speak(BERT, 12.0)).await;
        client.send(SessionMessage::Plain(Message::Context(ContextEvent::PersonChanged))).await;
    }
    client.send(ask("q1", 0)).await;
    assert_eq!(client.decision().await.assessment.decision, Decision::Locked);
    client.close().await;
    let acts: Vec<String> = records(&world).await.into_iter().map(|r| r.act).collect();
    let changes = acts.iter().filter(|act| *act == ACT_CHANGED).count();
    assert_eq!(changes, 5, "{acts:?}");
}

#[tokio::test]
async fn somebody_else_who_takes_the_phone_is_noticed() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Admin).await;
    client.speak(&speak(ANNA, 25.0)).await;
    client.send(ask("balance", 0)).await;
    assert_eq!(client.decision().await.assessment.decision, Decision::Accept);
    client.speak(&speak(BERT, 40.0)).await;
    client.send(ask("sim_swap", 0)).await;
    let decided = client.decision().await;
    assert_eq!(decided.assessment.decision, Decision::Reject);
    assert!(decided.assessment.changes > 0);
}

#[tokio::test]
async fn a_caller_is_found_in_the_household() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    world.enrolled("bert", BERT).await;
    let household =
        OpenSession { candidates: vec![id("anna"), id("bert")], ..opening(&world, None) };
    let mut client = Client::open(&world, household, Role::Admin).await;
    client.speak(&speak(BERT, 25.0)).await;
    client.send(ask("q1", 0)).await;
    let decided = client.decision().await;
    let origin = ClaimOrigin::Identified { among: 2 };
    assert_eq!(decided.assessment.claim, Some((id("bert"), origin)));
    assert_eq!(decided.assessment.decision, Decision::Accept);

    let stranger =
        OpenSession { candidates: vec![id("anna"), id("bert")], ..opening(&world, None) };
    let mut client = Client::open(&world, stranger, Role::Admin).await;
    client.speak(&speak(DORA, 25.0)).await;
    client.send(ask("q1", 0)).await;
    let decided = client.decision().await;
    assert_eq!(decided.assessment.claim, None);
    assert_ne!(decided.assessment.decision, Decision::Accept);
}

#[tokio::test]
async fn a_lost_connection_is_resumed_without_loss_or_repetition() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    let c = opening(&world, Some("anna"));
    let mut client = Client::open(&world, c.clone(), Role::Admin).await;
    client.speak(&speak(ANNA, 20.0)).await;
    client.send(ask("q1", 0)).await;
    let first = client.decision().await;
    let (session, token, seen) = (client.session.clone(), client.token.clone(), client.seen);
    let next = client.next;
    drop(client);

    let by = world.by(Role::Admin);
    let wrong =
        ResumeSession { session: session.clone(), token: "0".into(), last_seen: seen, grant: None };
    let refused = world.vouch.resume_session(&by, wrong).await;
    assert!(matches!(refused, Err(UseCaseError::NotFound { .. })));
    let resume =
        ResumeSession { session: session.clone(), token: token.clone(), last_seen: 0, grant: None };
    let mut live = world.vouch.resume_session(&by, resume).await.unwrap();
    let responses = live.responses().unwrap();
    let mut client = Client { live, responses, next: next - 1, seen: 0, session, token };
    // What was decided is told again, not decided again; the question sent again is known.
    assert_eq!(client.decision().await, first);
    client.send(ask("q1", 0)).await;
    client.send(SessionMessage::Plain(Message::WantUpdate)).await;
    let (_, ended) = client.close().await;
    assert_eq!((ended.decisions, ended.repeated), (2, 1));
    // The key of the opening still leads to the session and its end.
    let mut live = world.vouch.open_session(&by, c).await.unwrap();
    let mut responses = live.responses().unwrap();
    let mut said = Vec::new();
    while let Some(output) = responses.recv().await {
        said.push(output.response);
    }
    assert!(said.iter().any(|r| matches!(r, SessionResponse::Ended(_))));
}

#[tokio::test]
async fn who_hangs_up_after_closing_hears_the_end_and_who_does_so_before_is_lost() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Client).await;
    client.speak(&speak(ANNA, 5.0)).await;
    client.send(SessionMessage::Plain(Message::Close)).await;
    client.live.hang_up().await.unwrap();
    assert_eq!(client.decision().await.assessment.ask, None);
    assert_eq!(client.end().await.end, SessionEnd::Closed);

    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Client).await;
    client.live.hang_up().await.unwrap();
    let rest = async { while client.responses.recv().await.is_some() {} };
    tokio::time::timeout(PATIENCE, rest).await.unwrap();
    let by = world.by(Role::Agent);
    let status = world.vouch.session_status(&by, client.session.clone()).await.unwrap();
    assert!(!status.connected && status.ended.is_none());
}

#[tokio::test]
async fn a_session_is_read_and_ended_from_outside() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    let client = Client::open(&world, opening(&world, Some("anna")), Role::Client).await;
    let by = world.by(Role::Agent);
    let status = world.vouch.session_status(&by, client.session.clone()).await.unwrap();
    assert!(status.connected && status.ended.is_none());
    assert_eq!(status.assessments.len(), 1);
    let ended = world.vouch.end_session(&by, client.session.clone()).await.unwrap();
    assert_eq!(ended.end, SessionEnd::Requested);
    let again = world.vouch.end_session(&by, client.session.clone()).await.unwrap();
    assert_eq!(again, ended);
    let auditor = world.by(Role::Auditor);
    let refused = world.vouch.session_status(&auditor, client.session.clone()).await;
    assert!(matches!(refused, Err(UseCaseError::PermissionDenied { .. })));
    let unknown = SessionId::parse("none").unwrap();
    let missing = world.vouch.session_status(&by, unknown).await;
    assert!(matches!(missing, Err(UseCaseError::NotFound { .. })));
}

#[tokio::test]
async fn a_restart_ends_what_was_open_as_incomplete() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    let mut done = Client::open(&world, opening(&world, Some("anna")), Role::Client).await;
    done.close().await;
    let _open = Client::open(&world, opening(&world, Some("anna")), Role::Client).await;
    let again =
        World::with(Setting { store: Some(world.store.clone()), ..Setting::default() }).await;
    let records = records(&again).await;
    let acts: Vec<&str> = records.iter().map(|r| r.act.as_str()).collect();
    assert_eq!(acts, [ACT_ENDED, ACT_OPENED, ACT_ENDED, ACT_OPENED]);
    // Started once more, nothing is left to end.
    let third =
        World::with(Setting { store: Some(world.store.clone()), ..Setting::default() }).await;
    assert_eq!(self::records(&third).await.len(), 4);
}

#[tokio::test]
async fn damaged_and_missing_things_are_refused_without_ending_the_session() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    let silent = OpenSession { audio: None, ..opening(&world, Some("anna")) };
    let mut client = Client::open(&world, silent, Role::Client).await;
    client.speak(&speak(ANNA, 0.1)).await;
    let refused = |response: &SessionResponse| match response {
        SessionResponse::Refused { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    assert_eq!(client.until(refused).await, RefusalReason::NoAudio);
    // One byte over what a message may have; texts within it are taken.
    let text = |bytes| SessionMessage::Text { transcript: false, content: "x".repeat(bytes) };
    client.send(text(16 << 10)).await;
    let text = text((16 << 10) + 1);
    client.send(text).await;
    assert!(matches!(client.until(refused).await, RefusalReason::Content(_)));
    let (_, ended) = client.close().await;
    assert_eq!(ended.end, SessionEnd::Closed);
}

#[tokio::test]
async fn a_token_opens_the_session_it_was_minted_for_and_no_other() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    let backend = world.by(Role::Admin);
    let mint = MintSessionToken {
        subject: Some(id("anna")),
        channel: SessionChannel::App,
        lifetime_ms: 60_000,
    };
    let minted = world.vouch.mint_session_token(&backend, mint.clone()).await.unwrap();
    let (app, grant) = world.vouch.authenticate_session(&minted.token).await.unwrap();
    assert_eq!(app.role, Role::Client);
    let open = |subject: Option<&str>| OpenSession {
        channel: SessionChannel::App,
        audio: None,
        grant: Some(grant.clone()),
        ..opening(&world, subject)
    };
    for wrong in [
        open(Some("bert")),
        OpenSession { channel: SessionChannel::Phone, ..open(None) },
        OpenSession { candidates: vec![id("bert")], ..open(None) },
    ] {
        let refused = world.vouch.open_session(&app, wrong).await;
        assert!(matches!(refused, Err(UseCaseError::InvalidArgument { .. })));
    }
    let mut live = world.vouch.open_session(&app, open(None)).await.unwrap();
    let mut responses = live.responses().unwrap();
    assert!(matches!(responses.recv().await.unwrap().response, SessionResponse::Opened { .. }));
    let second = world.vouch.open_session(&app, open(None)).await;
    assert!(matches!(second, Err(UseCaseError::Unauthenticated)));
    let unknown = world.vouch.authenticate_session("vs_unknown").await;
    assert!(matches!(unknown, Err(UseCaseError::Unauthenticated)));
    world.clock.forward(60_000);
    let late = world.vouch.mint_session_token(&backend, mint).await.unwrap();
    world.clock.forward(60_001);
    let expired = world.vouch.authenticate_session(&late.token).await;
    assert!(matches!(expired, Err(UseCaseError::Unauthenticated)));
}
