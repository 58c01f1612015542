//! A server to test against, and the requests tests send.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_types::StatusExt;
use vouch::grpc::proto::verification_service_client::VerificationServiceClient;
use vouch::grpc::proto::{self, verify_stream_request};
use vouch::grpc::{Drained, ServeError, Server, ServerSettings};
use vouch::usecase::port::Application;

use crate::double::{Double, KEY};

pub struct Running {
    pub address: SocketAddr,
    pub app: Arc<Double>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<Drained, ServeError>>,
}

/// Settings for tests: a free port, short timers.
pub fn settings() -> ServerSettings {
    ServerSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        shutdown_grace_ms: 2_000,
        ..ServerSettings::default()
    }
}

pub async fn start(settings: ServerSettings) -> Running {
    let app = Arc::new(Double::default());
    let port: Arc<dyn Application> = Arc::clone(&app) as Arc<dyn Application>;
    let server = Server::bind(settings, port, true).await.unwrap();
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(server.serve(async {
        let _ = stopped.await;
    }));
    Running { address, app, stop: Some(stop), task }
}

impl Running {
    pub async fn channel(&self) -> Channel {
        let uri = format!("http://{}", self.address);
        Channel::from_shared(uri).unwrap().connect().await.unwrap()
    }

    pub async fn verification(&self) -> VerificationServiceClient<Channel> {
        VerificationServiceClient::new(self.channel().await)
    }

    pub fn ask_to_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub async fn stopped(self) -> Drained {
        self.task.await.unwrap().unwrap()
    }
}

/// With the valid key.
pub fn keyed<T>(message: T) -> Request<T> {
    with_key(message, KEY)
}

pub fn with_key<T>(message: T, key: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {key}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

pub fn pcm16() -> proto::AudioConfig {
    proto::AudioConfig {
        encoding: proto::AudioEncoding::PcmS16le as i32,
        sample_rate_hz: 16_000,
        channels: 1,
        channel: None,
    }
}

/// Verify with this much silence.
pub fn verify(subject: &str, audio_ms: usize) -> proto::VerifyRequest {
    proto::VerifyRequest {
        subject_id: subject.into(),
        audio: Some(proto::Audio { config: Some(pcm16()), content: vec![0; audio_ms * 32] }),
        idempotency_key: "i-1".into(),
        ..Default::default()
    }
}

pub fn config(subject: &str) -> proto::VerifyStreamRequest {
    let config = proto::VerifyStreamConfig {
        subject_id: subject.into(),
        audio: Some(pcm16()),
        idempotency_key: "i-1".into(),
        no_early_decision: false,
        ..Default::default()
    };
    proto::VerifyStreamRequest { message: Some(verify_stream_request::Message::Config(config)) }
}

pub fn audio(ms: usize) -> proto::VerifyStreamRequest {
    let chunk = proto::AudioChunk { sequence: 0, content: vec![0; ms * 32] };
    proto::VerifyStreamRequest { message: Some(verify_stream_request::Message::Audio(chunk)) }
}

pub type Sender = mpsc::Sender<proto::VerifyStreamRequest>;
pub type Answers = tonic::Streaming<proto::VerifyStreamResponse>;

/// An open verification stream.
pub async fn open(client: &mut VerificationServiceClient<Channel>) -> (Sender, Answers) {
    let (sender, receiver) = mpsc::channel(256);
    let request = keyed(ReceiverStream::new(receiver));
    let answers = client.verify_stream(request).await.unwrap().into_inner();
    (sender, answers)
}

/// Reads to the end: how many updates, and the result or the error.
pub async fn read(answers: &mut Answers) -> (usize, Result<proto::VerificationResult, Status>) {
    use proto::verify_stream_response::Message;
    let mut updates = 0;
    loop {
        match answers.message().await {
            Err(status) => return (updates, Err(status)),
            Ok(None) => panic!("the stream ended without a last message"),
            Ok(Some(answer)) => match answer.message.unwrap() {
                Message::Update(_) => updates += 1,
                Message::Result(result) => {
                    assert!(answers.message().await.unwrap().is_none(), "nothing follows");
                    return (updates, Ok(result));
                }
            },
        }
    }
}

pub fn reason_of(status: &Status) -> String {
    status.get_details_error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}")).reason
}

pub fn has_retry(status: &Status) -> bool {
    status.get_details_retry_info().is_some_and(|r| r.retry_delay.is_some_and(|d| !d.is_zero()))
}

/// Waits until a condition holds, at most two seconds.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..200 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 2 s: {what}");
}
