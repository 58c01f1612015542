//! An app session over the wire with the real program: typing is its only evidence.

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use vouch::grpc::proto::run_request::Message as Say;
use vouch::grpc::proto::run_response::Message as Answer;
use vouch::grpc::proto::session_service_client::SessionServiceClient;
use vouch::grpc::proto::{self, Decision, SessionModality, SessionPad, SessionReason};

use crate::behavior::Typist;
use crate::behavior::story::{Story, nothing_typed_is_written};
use crate::server::with_key;

/// A client's end of a session.
struct App {
    say: mpsc::Sender<proto::RunRequest>,
    answers: Streaming<proto::RunResponse>,
    next: u64,
}

impl App {
    async fn open(story: &Story, key: &str) -> Self {
        Self::connect(key, |said| story.keyed(said), story).await.0
    }

    /// With a session token; also the session's id.
    async fn open_with(story: &Story, key: &str, token: &str) -> (Self, String) {
        Self::connect(key, |said| with_key(said, token), story).await
    }

    async fn connect(
        key: &str,
        keyed: impl Fn(
            ReceiverStream<proto::RunRequest>,
        ) -> tonic::Request<ReceiverStream<proto::RunRequest>>,
        story: &Story,
    ) -> (Self, String) {
        let (say, said) = mpsc::channel(64);
        let open = proto::OpenSession {
            channel: proto::SessionChannel::App as i32,
            subject_id: "anna".into(),
            idempotency_key: key.into(),
            ..Default::default()
        };
        let first = proto::RunRequest { sequence: 0, message: Some(Say::Open(open)) };
        say.send(first).await.unwrap();
        let mut client = SessionServiceClient::new(story.channel.clone());
        let request = keyed(ReceiverStream::new(said));
        let answers = client.run(request).await.unwrap().into_inner();
        let mut app = Self { say, answers, next: 1 };
        let opened = app.until(|answer| match answer {
            Answer::Opened(opened) => Some(opened.session_id.clone()),
            _ => None,
        });
        let session_id = opened.await;
        (app, session_id)
    }

    async fn say(&mut self, message: Say) {
        let request = proto::RunRequest { sequence: self.next, message: Some(message) };
        self.next += 1;
        self.say.send(request).await.unwrap();
    }

    async fn types(&mut self, captures: Vec<proto::BehaviorCapture>) {
        for capture in captures {
            self.say(Say::Capture(capture)).await;
        }
    }

    async fn until<T>(&mut self, wanted: impl Fn(&Answer) -> Option<T>) -> T {
        loop {
            let answer = self.answers.message().await.unwrap().expect("the session goes on");
            if let Some(found) = answer.message.as_ref().and_then(&wanted) {
                return found;
            }
        }
    }

    async fn decision(&mut self) -> proto::Assessment {
        self.until(|answer| match answer {
            Answer::Decision(decided) => decided.assessment.clone(),
            _ => None,
        })
        .await
    }

    async fn asks(&mut self, ask: &str) -> proto::Assessment {
        let intent =
            proto::Intent { ask_id: ask.into(), intent: "balance".into(), ..Default::default() };
        self.say(Say::Intent(intent)).await;
        self.decision().await
    }

    async fn refusal(&mut self) -> String {
        self.until(|answer| match answer {
            Answer::Refusal(refusal) => Some(refusal.detail.clone()),
            _ => None,
        })
        .await
    }

    async fn close(mut self) -> proto::Assessment {
        self.say(Say::Close(proto::CloseSession {})).await;
        self.decision().await
    }
}

fn keystroke(assessment: &proto::Assessment) -> Option<&proto::SessionEvidence> {
    assessment.evidence.iter().find(|e| e.modality() == SessionModality::Keystroke)
}

fn llr(assessment: &proto::Assessment) -> f64 {
    let score = keystroke(assessment).and_then(|e| e.score.as_ref());
    score.and_then(|s| s.llr).unwrap_or_else(|| panic!("no LLR: {assessment:?}"))
}

fn says(assessment: &proto::Assessment, reason: SessionReason) -> bool {
    assessment.reasons.contains(&(reason as i32))
}

async fn enrolled(story: &Story, anna: &mut Typist) {
    story.create().await;
    story.consent().await;
    let all = story.enroll(anna.times(10), "enroll").await.unwrap();
    assert_eq!(all.state(), proto::EnrollmentState::Enrolled);
}

#[tokio::test]
async fn an_app_session_rests_on_typing() {
    let story = Story::begin().await;
    let (mut anna, mut bert) = (Typist::new(11), Typist::new(23));
    enrolled(&story, &mut anna).await;
    let first = anna.times(3);
    let mut app = App::open(&story, "s-1").await;
    app.types(first.clone()).await;
    let genuine = app.asks("q1").await;
    assert!(!says(&genuine, SessionReason::NotEnrolled), "{genuine:?}");
    let evidence = keystroke(&genuine).unwrap();
    assert_eq!((evidence.amount, evidence.enough), (33, true));
    assert_eq!(evidence.pad(), SessionPad::NotEvaluated);
    let mine = llr(&genuine);
    app.close().await;

    let mut app = App::open(&story, "s-2").await;
    app.types(bert.times(3)).await;
    let other = app.asks("q1").await;
    assert!(mine > 0.0 && llr(&other) < 0.0, "{mine} {}", llr(&other));
    assert!(other.risk > genuine.risk);
    app.close().await;

    // What a session was decided on is an attack in the next.
    let mut app = App::open(&story, "s-3").await;
    app.types(first[1..2].to_vec()).await;
    let copied = app.asks("q1").await;
    assert_eq!(keystroke(&copied).map(|e| e.pad()), Some(SessionPad::Attack), "{copied:?}");
    assert!(says(&copied, SessionReason::PadAttack));
    assert_ne!(copied.decision(), Decision::Accept);
    app.close().await;
    nothing_typed_is_written(&story);
}

#[tokio::test]
async fn somebody_else_at_the_keys_is_noticed_over_the_wire() {
    let story = Story::begin().await;
    let (mut anna, mut bert) = (Typist::new(11), Typist::new(23));
    enrolled(&story, &mut anna).await;
    let mut app = App::open(&story, "s-1").await;
    app.types(anna.times(6)).await;
    let before = app.asks("q1").await;
    assert_eq!(before.changes_of_person, 0);
    app.types(bert.times(4)).await;
    let after = app.asks("q2").await;
    assert!(after.changes_of_person > 0, "{} {}", llr(&before), llr(&after));
    assert!(says(&after, SessionReason::PersonChanged));
    assert!(llr(&after) < 0.0);
    assert_ne!(after.decision(), Decision::Accept);
}

#[tokio::test]
async fn without_consent_nothing_is_compared() {
    let story = Story::begin().await;
    let mut anna = Typist::new(11);
    story.create().await;
    let mut app = App::open(&story, "s-1").await;
    let nameless = proto::BehaviorCapture { device: 0, ..anna.types() };
    app.types(vec![nameless]).await;
    let why = app.refusal().await;
    assert!(why.contains("device"), "{why}");
    app.types(anna.times(1)).await;
    let why = app.refusal().await;
    assert!(why.contains("consent"), "{why}");
    let asked = app.asks("q1").await;
    assert!(keystroke(&asked).is_none() && says(&asked, SessionReason::NoConsent), "{asked:?}");
    app.close().await;
}

#[tokio::test]
async fn withdrawal_and_opt_out_hold_in_the_middle_of_a_session() {
    let story = Story::begin().await;
    let mut anna = Typist::new(11);
    enrolled(&story, &mut anna).await;
    let mut app = App::open(&story, "s-1").await;
    app.types(anna.times(2)).await;
    assert!(keystroke(&app.asks("q1").await).is_some());
    let withdraw = proto::WithdrawConsentRequest {
        subject_id: "anna".into(),
        purpose: proto::ConsentPurpose::BehaviorAuthentication as i32,
        idempotency_key: "withdraw".into(),
    };
    story.subjects().withdraw_consent(story.keyed(withdraw)).await.unwrap();
    let after = app.asks("q2").await;
    assert!(keystroke(&after).is_none() && says(&after, SessionReason::NoConsent), "{after:?}");
    let out = proto::SetOptOutRequest {
        subject_id: "anna".into(),
        opted_out: true,
        idempotency_key: "out".into(),
    };
    story.subjects().set_opt_out(story.keyed(out)).await.unwrap();
    let after = app.asks("q3").await;
    assert!(says(&after, SessionReason::OptedOut), "{after:?}");
    assert_eq!(after.decision(), Decision::OptedOut);
    app.types(anna.times(1)).await;
    let why = app.refusal().await;
    assert!(!why.contains("opted"), "{why}");
}

#[tokio::test]
async fn what_an_app_says_for_its_customer_is_refused_over_the_wire() {
    let story = Story::begin().await;
    story.create().await;
    let mut backend = SessionServiceClient::new(story.channel.clone());
    let mint = proto::MintSessionTokenRequest {
        subject_id: "anna".into(),
        channel: proto::SessionChannel::App as i32,
        idempotency_key: "mint".into(),
        ..Default::default()
    };
    let token = backend.mint_session_token(story.keyed(mint)).await.unwrap().into_inner().token;
    let (mut app, session_id) = App::open_with(&story, "s-1", &token).await;
    let passed = || {
        let factor = proto::FactorResult { factor: "otp_app".into(), passed: true };
        proto::ContextEvent { fact: Some(proto::context_event::Fact::Factor(factor)) }
    };
    app.say(Say::Context(passed())).await;
    let refused = app
        .until(|answer| match answer {
            Answer::Refusal(refusal) => Some(refusal.reason()),
            _ => None,
        })
        .await;
    assert_eq!(refused, proto::RefusalReason::BackEndOnly);
    let before = app.asks("q1").await;
    let report = proto::ReportContextRequest {
        session_id,
        context: vec![passed()],
        idempotency_key: "report".into(),
    };
    let by_app = backend.report_context(with_key(report.clone(), &token)).await.unwrap_err();
    assert_eq!(by_app.code(), tonic::Code::Unauthenticated);
    backend.report_context(story.keyed(report.clone())).await.unwrap();
    let after = app.asks("q2").await;
    assert!(after.risk < before.risk, "{} {}", after.risk, before.risk);
    let empty = proto::ReportContextRequest { context: vec![], ..report };
    let refused = backend.report_context(story.keyed(empty)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
}
