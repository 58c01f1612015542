//! One call: packets out, updates and a decision back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use vouch::grpc::proto as pb;

use crate::enroll::subject;
use crate::speech::Speech;
use crate::{Mode, SUBJECTS, session};

/// Time from packet to packet.
const PACKET_TIME: Duration = Duration::from_millis(20);
/// Net speech between estimates, and between messages before the first (`session::verification`).
const COMPARE_EVERY_MS: u32 = 1_000;
const PROGRESS_EVERY_MS: u32 = 500;

/// What all trials share.
pub struct Bench {
    pub speech: Speech,
    /// Net speech at the first comparison, in milliseconds.
    pub first_ms: u32,
    pub key: String,
    /// Calls so far, for names that were not used before.
    pub asked: AtomicU64,
}

/// A wait: when it was over, and how long it was.
pub type Wait = (Instant, Duration);

/// What calls saw.
#[derive(Default)]
pub struct Seen {
    /// From the packet that completes a second to the update.
    pub updates: Vec<Wait>,
    /// How late packets were sent.
    pub late: Vec<Wait>,
    /// From the last packet, which a session's intent follows at once, to the decision.
    pub decided: Vec<Wait>,
    /// How often each decision was taken, or each status failed.
    pub ends: BTreeMap<String, usize>,
    pub failed: usize,
}

impl Seen {
    /// With what other calls saw.
    pub fn add(&mut self, other: Self) {
        self.updates.extend(other.updates);
        self.late.extend(other.late);
        self.decided.extend(other.decided);
        for (end, count) in other.ends {
            *self.ends.entry(end).or_default() += count;
        }
        self.failed += other.failed;
    }
}

fn since(due: Instant) -> Wait {
    (Instant::now(), due.elapsed())
}

/// An update as far as the bench is concerned.
pub struct Update {
    pub net_speech_ms: u32,
    pub compared: bool,
}

pub enum Received {
    Update(Update),
    Decision(i32),
}

/// So many calls one after the other, the first at `begin`.
pub async fn calls(
    bench: &Bench,
    channel: Channel,
    begin: Instant,
    (mode, count): (Mode, usize),
) -> Seen {
    tokio::time::sleep_until(begin.into()).await;
    let mut all = Seen::default();
    for _ in 0..count {
        match call(bench, channel.clone(), mode).await {
            Ok(seen) => all.add(seen),
            Err(status) => {
                all.failed += 1;
                *all.ends.entry(format!("{:?}", status.code())).or_default() += 1;
            }
        }
    }
    all
}

/// One call, from its configuration to its decision.
async fn call(bench: &Bench, channel: Channel, mode: Mode) -> Result<Seen, tonic::Status> {
    let number = bench.asked.fetch_add(1, Ordering::Relaxed) as usize;
    // Depth: nothing waits here when the server keeps up.
    let (sender, receiver) = mpsc::channel(64);
    let mut answers = match mode {
        Mode::Identify => identify_answers(bench, channel, number, receiver).await?,
        Mode::Verify => verify_answers(bench, channel, number, receiver).await?,
        Mode::Session => session::answers(bench, channel, number, receiver).await?,
    };
    let first = Instant::now();
    let packets = bench.speech.packets.clone();
    let last = first + PACKET_TIME * packets.len().saturating_sub(1) as u32;
    let feeder = tokio::spawn(async move {
        let mut late = Vec::with_capacity(packets.len());
        for (n, content) in packets.into_iter().enumerate() {
            let due = first + PACKET_TIME * n as u32;
            tokio::time::sleep_until(due.into()).await;
            late.push(since(due));
            if sender.send(pb::AudioChunk { sequence: n as u64 + 1, content }).await.is_err() {
                break;
            }
        }
        late
    });
    let mut seen = Seen::default();
    let (mut told_ms, mut compared) = (0, false);
    while let Some(received) = answers.recv().await {
        match received? {
            // A session tells other news, too, and compares less and less often.
            Received::Update(update) if compared && update.net_speech_ms <= told_ms => {}
            Received::Update(update) => {
                let due_ms = match (update.compared, compared) {
                    (true, false) => bench.first_ms,
                    (true, true) if mode == Mode::Session => {
                        told_ms + COMPARE_EVERY_MS.max(told_ms / 4)
                    }
                    (true, true) => told_ms + COMPARE_EVERY_MS,
                    (false, _) => told_ms + PROGRESS_EVERY_MS,
                };
                (told_ms, compared) = (update.net_speech_ms, update.compared);
                let packet = bench.speech.net_ms.iter().position(|&net| net >= due_ms);
                let due = first + PACKET_TIME * packet.unwrap_or(0) as u32;
                seen.updates.push(since(due));
            }
            Received::Decision(decision) => {
                let decision = pb::Decision::try_from(decision).unwrap_or_default();
                *seen.ends.entry(decision.as_str_name().to_owned()).or_default() += 1;
                seen.decided.push(since(last));
            }
        }
    }
    seen.late = feeder.await.unwrap();
    Ok(seen)
}

pub type Answers = mpsc::Receiver<Result<Received, tonic::Status>>;

pub fn keyed<T>(bench: &Bench, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let value = format!("Bearer {}", bench.key).parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

pub fn audio_config() -> pb::AudioConfig {
    pb::AudioConfig {
        encoding: pb::AudioEncoding::G711Ulaw as i32,
        sample_rate_hz: 8_000,
        channels: 1,
        channel: None,
    }
}

/// Passes answers on, read in the bench's own words.
pub fn forward<T: Send + 'static>(
    mut stream: tonic::Streaming<T>,
    read: impl Fn(T) -> Option<Received> + Send + 'static,
) -> Answers {
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        loop {
            let next = match stream.message().await {
                Ok(None) => break,
                Ok(Some(message)) => read(message).map(Ok),
                Err(status) => Some(Err(status)),
            };
            let failed = matches!(next, Some(Err(_)));
            if let Some(next) = next {
                // Nobody listens any more when the call has failed.
                let _ = sender.send(next).await;
            }
            if failed {
                break;
            }
        }
    });
    receiver
}

async fn identify_answers(
    bench: &Bench,
    channel: Channel,
    number: usize,
    audio: mpsc::Receiver<pb::AudioChunk>,
) -> Result<Answers, tonic::Status> {
    use pb::identify_stream_config::Candidates;
    use pb::identify_stream_request::Message as Sent;
    use pb::identify_stream_response::Message as Answer;
    use tokio_stream::StreamExt as _;
    let list = pb::CandidateList { subject_ids: (0..SUBJECTS).map(subject).collect() };
    let config = pb::IdentifyStreamConfig {
        audio: Some(audio_config()),
        candidates: Some(Candidates::CandidateList(list)),
        max_results: 10,
        idempotency_key: format!("live-{number}"),
        no_early_decision: true,
    };
    let message = |sent| pb::IdentifyStreamRequest { message: Some(sent) };
    let audio = ReceiverStream::new(audio).map(move |chunk| message(Sent::Audio(chunk)));
    let requests = tokio_stream::once(message(Sent::Config(config))).chain(audio);
    let mut client = pb::identification_service_client::IdentificationServiceClient::new(channel);
    let stream = client.identify_stream(keyed(bench, requests)).await?.into_inner();
    Ok(forward(stream, |answer| match answer.message? {
        Answer::Update(update) => Some(Received::Update(Update {
            net_speech_ms: update.quality?.net_speech_ms,
            compared: !update.candidates.is_empty(),
        })),
        Answer::Result(result) => Some(Received::Decision(result.decision)),
    }))
}

async fn verify_answers(
    bench: &Bench,
    channel: Channel,
    number: usize,
    audio: mpsc::Receiver<pb::AudioChunk>,
) -> Result<Answers, tonic::Status> {
    use pb::verify_stream_request::Message as Sent;
    use pb::verify_stream_response::Message as Answer;
    use tokio_stream::StreamExt as _;
    let config = pb::VerifyStreamConfig {
        subject_id: subject(number % SUBJECTS),
        audio: Some(audio_config()),
        idempotency_key: format!("live-{number}"),
        no_early_decision: true,
        ..Default::default()
    };
    let message = |sent| pb::VerifyStreamRequest { message: Some(sent) };
    let audio = ReceiverStream::new(audio).map(move |chunk| message(Sent::Audio(chunk)));
    let requests = tokio_stream::once(message(Sent::Config(config))).chain(audio);
    let mut client = pb::verification_service_client::VerificationServiceClient::new(channel);
    let stream = client.verify_stream(keyed(bench, requests)).await?.into_inner();
    Ok(forward(stream, |answer| match answer.message? {
        Answer::Update(update) => Some(Received::Update(Update {
            net_speech_ms: update.quality?.net_speech_ms,
            compared: update.score.is_some(),
        })),
        Answer::Result(result) => Some(Received::Decision(result.decision)),
    }))
}
