//! Live streams.

use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use vouch::grpc::ServerSettings;
use vouch::grpc::proto;
use vouch::grpc::proto::enrollment_service_client::EnrollmentServiceClient;
use vouch::grpc::proto::identification_service_client::IdentificationServiceClient;
use vouch::grpc::proto::verification_service_client::VerificationServiceClient;

use crate::double::manner;
use crate::server::{
    self, audio, config, has_retry, keyed, open, read, reason_of, settings, until,
};

#[tokio::test]
async fn results_arrive_while_the_caller_speaks() {
    let server = server::start(settings()).await;
    let mut client = server.verification().await;
    let (sender, mut answers) = open(&mut client).await;
    sender.send(config("s-1")).await.unwrap();
    for n in 1..=5 {
        sender.send(audio(200)).await.unwrap();
        let answer = answers.message().await.unwrap().unwrap();
        let Some(proto::verify_stream_response::Message::Update(update)) = answer.message else {
            panic!("no update: {answer:?}");
        };
        assert_eq!(update.quality.unwrap().total_ms, n * 200);
    }
    drop(sender);
    let (updates, result) = read(&mut answers).await;
    let result = result.unwrap();
    assert_eq!((updates, result.quality.unwrap().total_ms), (0, 1_000));
    assert_eq!(result.decision, proto::Decision::Accept as i32);
    assert_eq!(result.pad_status, proto::PadStatus::NotEvaluated as i32);
    assert_eq!(server.app.count(|c| &c.finished), 1);
}

#[tokio::test]
async fn an_early_decision_ends_the_stream() {
    let server = server::start(settings()).await;
    let mut client = server.verification().await;
    let (sender, mut answers) = open(&mut client).await;
    sender.send(config(manner::EARLY)).await.unwrap();
    for n in 0..3 {
        sender.send(audio(100)).await.unwrap();
        // What waits at the same time would be heard together.
        until("the chunk is heard", || server.app.count(|c| &c.pushed) > n).await;
    }
    let (updates, result) = read(&mut answers).await;
    assert_eq!((updates, result.unwrap().quality.unwrap().total_ms), (2, 300));
    assert_eq!(server.app.count(|c| &c.finished), 1);
    assert_eq!(server.app.count(|c| &c.dropped), 0);
}

#[tokio::test]
async fn messages_in_the_wrong_order_are_refused() {
    let empty = proto::VerifyStreamRequest { message: None };
    let cases: [(&str, Vec<proto::VerifyStreamRequest>); 5] = [
        ("carries audio", vec![audio(100)]),
        ("empty", vec![empty.clone()]),
        ("closed before", vec![]),
        ("comes once", vec![config("s-1"), audio(100), config("s-1")]),
        ("empty", vec![config("s-1"), empty]),
    ];
    for (says, messages) in cases {
        let server = server::start(settings()).await;
        let mut client = server.verification().await;
        let (sender, mut answers) = open(&mut client).await;
        for message in messages {
            sender.send(message).await.unwrap();
        }
        drop(sender);
        let (_, outcome) = read(&mut answers).await;
        let status = outcome.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(reason_of(&status), "STREAM_ORDER");
        assert!(status.message().contains(says), "{}", status.message());
        assert_eq!(server.app.count(|c| &c.finished), 0);
    }
}

#[tokio::test]
async fn a_bad_configuration_names_its_field() {
    let server = server::start(settings()).await;
    let mut client = server.verification().await;
    let (sender, mut answers) = open(&mut client).await;
    sender.send(config("not an id")).await.unwrap();
    let (_, outcome) = read(&mut answers).await;
    let status = outcome.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().starts_with("config.subject_id"));
}

#[tokio::test]
async fn audio_faster_than_it_can_be_processed_is_refused() {
    let server = server::start(settings()).await;
    let mut client = server.verification().await;
    let (sender, mut answers) = open(&mut client).await;
    sender.send(config(manner::SLOW)).await.unwrap();
    // 400 ms of work for each: the first is in work and nine wait, the eleventh is too much.
    for _ in 0..11 {
        sender.send(audio(200)).await.unwrap();
    }
    let (_, outcome) = read(&mut answers).await;
    let status = outcome.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason_of(&status), "BACKLOG");
    assert!(has_retry(&status));
    assert!(status.message().starts_with("2200 ms of audio"), "{}", status.message());
    until("the live object is gone", || server.app.count(|c| &c.dropped) == 1).await;
    assert_eq!(server.app.count(|c| &c.finished), 0);
}

#[tokio::test]
async fn a_full_backlog_is_processed() {
    let server = server::start(settings()).await;
    let mut client = server.verification().await;
    let (sender, mut answers) = open(&mut client).await;
    sender.send(config(manner::SLOW)).await.unwrap();
    sender.send(audio(1_000)).await.unwrap();
    sender.send(audio(1_000)).await.unwrap();
    drop(sender);
    let (updates, result) = read(&mut answers).await;
    assert_eq!((updates, result.unwrap().quality.unwrap().total_ms), (2, 2_000));
}

#[tokio::test]
async fn what_cannot_bring_news_is_handed_over_together() {
    let server = server::start(settings()).await;
    let mut client = server.verification().await;
    let (sender, mut answers) = open(&mut client).await;
    sender.send(config(manner::PATIENT)).await.unwrap();
    // Nine packets wait for the tenth, 200 ms; the last ones for the end.
    for _ in 0..9 {
        sender.send(audio(20)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.app.count(|c| &c.pushed), 0);
    for _ in 0..4 {
        sender.send(audio(20)).await.unwrap();
    }
    until("ten packets are heard", || server.app.count(|c| &c.pushed) >= 10).await;
    drop(sender);
    let (_, result) = read(&mut answers).await;
    assert_eq!(result.unwrap().quality.unwrap().total_ms, 260);
    assert_eq!(server.app.count(|c| &c.pushed), 13);
    assert!(server.app.count(|c| &c.batches) <= 3);
}

fn identify(message: proto::identify_stream_request::Message) -> proto::IdentifyStreamRequest {
    proto::IdentifyStreamRequest { message: Some(message) }
}

#[tokio::test]
async fn a_live_search_tells_candidates_and_ends_with_a_result() {
    use proto::identify_stream_config::Candidates;
    use proto::identify_stream_request::Message as Sent;
    use proto::identify_stream_response::Message as Received;
    let server = server::start(settings()).await;
    let config = |subject_ids: Vec<String>| {
        let list = proto::CandidateList { subject_ids };
        identify(Sent::Config(proto::IdentifyStreamConfig {
            audio: Some(server::pcm16()),
            candidates: Some(Candidates::CandidateList(list)),
            max_results: 5,
            idempotency_key: "i-1".into(),
            no_early_decision: false,
        }))
    };
    let chunk = || proto::AudioChunk { sequence: 0, content: vec![0; 300 * 32] };
    let mut client = IdentificationServiceClient::new(server.channel().await);
    let messages = vec![config(vec!["s-7".into()]), identify(Sent::Audio(chunk()))];
    let request = keyed(tokio_stream::iter(messages));
    let mut answers = client.identify_stream(request).await.unwrap().into_inner();
    let mut updates = Vec::new();
    let result = loop {
        match answers.message().await.unwrap().unwrap().message.unwrap() {
            Received::Update(update) => updates.push(update),
            Received::Result(result) => break result,
        }
    };
    assert_eq!(updates[0].candidates[0].subject_id, "s-7");
    assert!(updates[0].extrapolated);
    assert_eq!((result.searched, result.decision_id.as_str()), (99, "d-1"));
    assert_eq!(result.quality.unwrap().total_ms, 300);

    let request = keyed(tokio_stream::iter(vec![config(vec!["not an id".into()])]));
    let mut answers = client.identify_stream(request).await.unwrap().into_inner();
    let status = answers.message().await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let field = "config.candidate_list.subject_ids[0]";
    assert!(status.message().starts_with(field), "{}", status.message());
}

#[tokio::test]
async fn one_chunk_over_the_backlog_is_refused() {
    let server = server::start(settings()).await;
    let mut client = server.verification().await;
    let (sender, mut answers) = open(&mut client).await;
    sender.send(config("s-1")).await.unwrap();
    sender.send(audio(2_001)).await.unwrap();
    let status = read(&mut answers).await.1.unwrap_err();
    assert_eq!(reason_of(&status), "BACKLOG");
}

#[tokio::test]
async fn silence_of_the_client_ends_with_a_decision() {
    let server = server::start(ServerSettings { stream_idle_ms: 300, ..settings() }).await;
    let mut client = server.verification().await;
    let (sender, mut answers) = open(&mut client).await;
    sender.send(config("s-1")).await.unwrap();
    sender.send(audio(500)).await.unwrap();
    let (updates, result) = read(&mut answers).await;
    assert_eq!((updates, result.unwrap().quality.unwrap().total_ms), (1, 500));
    assert_eq!(server.app.count(|c| &c.finished), 1);
    drop(sender);
}

#[tokio::test]
async fn a_client_that_never_configures_is_let_go() {
    let server = server::start(ServerSettings { stream_idle_ms: 200, ..settings() }).await;
    let mut client = server.verification().await;
    let (_sender, mut answers) = open(&mut client).await;
    let status = read(&mut answers).await.1.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(server.app.count(|c| &c.begun), 0);
}

#[tokio::test]
async fn a_stream_that_goes_on_ends_with_a_decision() {
    let server = server::start(ServerSettings { stream_total_ms: 600, ..settings() }).await;
    let mut client = server.verification().await;
    let (sender, mut answers) = open(&mut client).await;
    let started = Instant::now();
    sender.send(config("s-1")).await.unwrap();
    tokio::spawn(async move {
        while sender.send(audio(20)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let (updates, result) = read(&mut answers).await;
    assert!(result.is_ok() && updates > 0, "{result:?}");
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(550) && took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn the_clients_deadline_aborts_a_stream() {
    let server = server::start(settings()).await;
    let mut client = server.verification().await;
    let (sender, receiver) = mpsc::channel(8);
    let mut request = keyed(ReceiverStream::new(receiver));
    request.metadata_mut().insert("grpc-timeout", "300m".parse().unwrap());
    let mut answers = client.verify_stream(request).await.unwrap().into_inner();
    sender.send(config("s-1")).await.unwrap();
    let status = read(&mut answers).await.1.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    until("the live object is gone", || server.app.count(|c| &c.dropped) == 1).await;
    assert_eq!(server.app.count(|c| &c.finished), 0);
}

/// Runs a client in a runtime of its own until it says so, then takes the runtime away: the connection
/// breaks without a word.
async fn break_off<F>(client: impl FnOnce(mpsc::Sender<()>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (ready, mut is_ready) = mpsc::channel(1);
    runtime.spawn(client(ready));
    is_ready.recv().await.unwrap();
    runtime.shutdown_background();
}

#[tokio::test]
async fn a_verification_whose_client_goes_away_is_not_finished() {
    let server = server::start(settings()).await;
    let uri = format!("http://{}", server.address);
    break_off(|ready| async move {
        let mut client = VerificationServiceClient::connect(uri).await.unwrap();
        let (sender, mut answers) = open(&mut client).await;
        sender.send(config("s-1")).await.unwrap();
        sender.send(audio(200)).await.unwrap();
        answers.message().await.unwrap();
        ready.send(()).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    until("the live object is gone", || server.app.count(|c| &c.dropped) == 1).await;
    assert_eq!(server.app.count(|c| &c.finished), 0);
}

#[tokio::test]
async fn a_client_that_reads_late_still_gets_the_decision() {
    let server = server::start(settings()).await;
    let mut client = server.verification().await;
    let (sender, mut answers) = open(&mut client).await;
    sender.send(config("s-1")).await.unwrap();
    let chunks = 2_000;
    for n in 0..chunks {
        sender.send(audio(1)).await.unwrap();
        // Slowly enough not to pile up, without reading an answer.
        if n % 100 == 0 {
            until("the audio is taken", || server.app.count(|c| &c.pushed) + 100 > n).await;
        }
    }
    drop(sender);
    until("the stream is finished", || server.app.count(|c| &c.finished) == 1).await;
    assert_eq!(server.app.count(|c| &c.pushed), chunks);
    let (updates, result) = read(&mut answers).await;
    assert_eq!(result.unwrap().quality.unwrap().total_ms, 2_000);
    assert!(updates <= chunks);
}

fn enroll(message: proto::enroll_stream_request::Message) -> proto::EnrollStreamRequest {
    proto::EnrollStreamRequest { message: Some(message) }
}

fn enroll_config(subject: &str) -> proto::EnrollStreamRequest {
    let enrollment = proto::EnrollmentConfig {
        subject_id: subject.into(),
        idempotency_key: "i-1".into(),
        authorization: Some(proto::Authorization { agent: "agent-1".into(), factor: "otp".into() }),
        reenroll: false,
    };
    enroll(proto::enroll_stream_request::Message::Config(proto::EnrollStreamConfig {
        enrollment: Some(enrollment),
        audio: Some(server::pcm16()),
    }))
}

fn enroll_audio(ms: usize) -> proto::EnrollStreamRequest {
    let chunk = proto::AudioChunk { sequence: 0, content: vec![0; ms * 32] };
    enroll(proto::enroll_stream_request::Message::Audio(chunk))
}

#[tokio::test]
async fn an_enrollment_reports_progress_and_ends_with_a_result() {
    use proto::enroll_stream_response::Message;
    let server = server::start(settings()).await;
    let mut client = EnrollmentServiceClient::new(server.channel().await);
    let messages = vec![enroll_config("s-1"), enroll_audio(800), enroll_audio(400)];
    let request = keyed(tokio_stream::iter(messages));
    let mut answers = client.enroll_stream(request).await.unwrap().into_inner();
    let mut texts = Vec::new();
    let result = loop {
        match answers.message().await.unwrap().unwrap().message.unwrap() {
            Message::Update(update) => texts.push(update.progress.unwrap().text),
            Message::Result(result) => break result,
        }
    };
    assert_eq!(texts[0], "0.8 of 20.0 s of net speech, 1 of 3 utterances");
    assert!(result.utterance_accepted);
    assert_eq!(result.state, proto::EnrollmentState::InProgress as i32);
}

#[tokio::test]
async fn an_enrollment_whose_client_goes_away_is_not_finished() {
    let server = server::start(settings()).await;
    let uri = format!("http://{}", server.address);
    break_off(|ready| async move {
        let mut client = EnrollmentServiceClient::connect(uri).await.unwrap();
        let (sender, receiver) = mpsc::channel(8);
        let request = keyed(ReceiverStream::new(receiver));
        let mut answers = client.enroll_stream(request).await.unwrap().into_inner();
        sender.send(enroll_config("s-1")).await.unwrap();
        sender.send(enroll_audio(100)).await.unwrap();
        answers.message().await.unwrap();
        ready.send(()).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    until("the live object is gone", || server.app.count(|c| &c.dropped) == 1).await;
    assert_eq!(server.app.count(|c| &c.finished), 0);
}
