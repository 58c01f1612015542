//! Behavior over the wire: the door with a double behind it, and the whole story with the real program.

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::transport::Channel;
use vouch::grpc::proto::behavior_capture::Events;
use vouch::grpc::proto::behavior_service_client::BehaviorServiceClient;
use vouch::grpc::proto::observe_behavior_request::Message as Sent;
use vouch::grpc::proto::observe_behavior_response::Message as Answer;
use vouch::grpc::proto::{self, DeviceClass};

use crate::server::with_key;

mod door;
pub(crate) mod story;

/// What is typed: eleven keys, some of them named so that nothing else in the program is.
const TEXT: [&str; 11] =
    ["KeyZ", "7", "KeyQ", "h:5ec2e7c0de01", "x", "Digit9", "h:5ec2e7c0de02", "KeyW", "3", "k", "p"];
/// The client's name for it.
const TEXT_ID: &str = "very-private-password";

/// A typist whose habits follow from a seed.
pub(crate) struct Typist {
    holds_ms: Vec<f64>,
    steps_ms: Vec<f64>,
    state: u64,
}

impl Typist {
    pub(crate) fn new(seed: u64) -> Self {
        let mut typist = Self { holds_ms: vec![], steps_ms: vec![], state: seed };
        for _ in TEXT {
            let (hold, step) = (60.0 + 80.0 * typist.unit(), 110.0 + 240.0 * typist.unit());
            typist.holds_ms.push(hold);
            typist.steps_ms.push(step);
        }
        typist
    }

    /// Uniform in 0..1 (SplitMix64).
    fn unit(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About 1, give or take a tenth.
    fn about_one(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.unit()).sum();
        1.0 + 0.1 * (sum - 2.0)
    }

    /// Types the text once more.
    pub(crate) fn types(&mut self) -> proto::BehaviorCapture {
        let mut at = 0.0;
        let mut events = Vec::new();
        for (i, key) in TEXT.iter().enumerate() {
            let up_ms = at + self.holds_ms[i] * self.about_one();
            events.push(proto::KeyEvent {
                key: (*key).to_owned(),
                down_ms: at,
                up_ms,
                ..Default::default()
            });
            at += self.steps_ms[i] * self.about_one();
        }
        proto::BehaviorCapture {
            device: DeviceClass::Desktop as i32,
            text_id: TEXT_ID.into(),
            events: Some(Events::Keystroke(proto::KeyEvents { events })),
            ..Default::default()
        }
    }

    pub(crate) fn times(&mut self, n: usize) -> Vec<proto::BehaviorCapture> {
        (0..n).map(|_| self.types()).collect()
    }
}

fn authorization(factor: &str) -> Option<proto::Authorization> {
    Some(proto::Authorization { agent: "agent-7".into(), factor: factor.into() })
}

fn enroll(captures: Vec<proto::BehaviorCapture>, key: &str) -> proto::EnrollBehaviorRequest {
    proto::EnrollBehaviorRequest {
        subject_id: "anna".into(),
        captures,
        authorization: authorization("id_document"),
        reenroll: false,
        idempotency_key: key.into(),
    }
}

fn verify(captures: Vec<proto::BehaviorCapture>, key: &str) -> proto::VerifyBehaviorRequest {
    proto::VerifyBehaviorRequest {
        subject_id: "anna".into(),
        captures,
        other_factor: authorization("otp"),
        adapt: false,
        idempotency_key: key.into(),
    }
}

fn config(subject: &str) -> proto::ObserveBehaviorRequest {
    let config = proto::ObserveBehaviorConfig {
        subject_id: subject.into(),
        other_factor: None,
        adapt: false,
        idempotency_key: "observe-1".into(),
    };
    proto::ObserveBehaviorRequest { message: Some(Sent::Config(config)) }
}

fn capture(capture: proto::BehaviorCapture) -> proto::ObserveBehaviorRequest {
    proto::ObserveBehaviorRequest { message: Some(Sent::Capture(capture)) }
}

/// Sends messages, closes, and reads to the end: updates, and the result or the error.
async fn observe(
    client: &mut BehaviorServiceClient<Channel>,
    messages: Vec<proto::ObserveBehaviorRequest>,
    key: &str,
) -> (Vec<proto::BehaviorUpdate>, Result<proto::BehaviorResult, Status>) {
    let (sender, receiver) = mpsc::channel(64);
    let request = with_key(ReceiverStream::new(receiver), key);
    for message in messages {
        sender.send(message).await.unwrap();
    }
    drop(sender);
    let mut answers = client.observe_behavior(request).await.unwrap().into_inner();
    let mut updates = Vec::new();
    loop {
        match answers.message().await {
            Err(status) => return (updates, Err(status)),
            Ok(None) => panic!("the stream ended without a last message"),
            Ok(Some(answer)) => match answer.message.unwrap() {
                Answer::Update(update) => updates.push(update),
                Answer::Result(result) => return (updates, Ok(result)),
            },
        }
    }
}
