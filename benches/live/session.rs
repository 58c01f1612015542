//! A whole session of one call: claimed subject, audio, an intent at the end.

use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use vouch::grpc::proto as pb;

use crate::SUBJECTS;
use crate::call::{Answers, Bench, Received, Update, audio_config, forward, keyed};
use crate::enroll::subject;

/// What the caller wants at the end.
const INTENT: &str = "balance";

/// Opens a session and passes on what it says of the voice and what it decides on the intent.
pub async fn answers(
    bench: &Bench,
    channel: Channel,
    number: usize,
    audio: mpsc::Receiver<pb::AudioChunk>,
) -> Result<Answers, tonic::Status> {
    use pb::run_request::Message as Sent;
    use pb::run_response::Message as Answer;
    let open = pb::OpenSession {
        channel: pb::SessionChannel::Phone as i32,
        subject_id: subject(number % SUBJECTS),
        audio: Some(audio_config()),
        idempotency_key: format!("live-{number}"),
        ..Default::default()
    };
    let leg = pb::CallLeg::Caller as i32;
    let packets = ReceiverStream::new(audio)
        .map(move |chunk| Sent::Audio(pb::SessionAudio { leg, content: chunk.content }));
    let intent = pb::Intent { ask_id: "end".into(), intent: INTENT.into(), ..Default::default() };
    let last = [Sent::Intent(intent), Sent::Close(pb::CloseSession {})];
    let all = tokio_stream::once(Sent::Open(open)).chain(packets).chain(tokio_stream::iter(last));
    let mut sequence = 0;
    let requests = all.map(move |message| {
        let request = pb::RunRequest { sequence, message: Some(message) };
        sequence += 1;
        request
    });
    let mut client = pb::session_service_client::SessionServiceClient::new(channel);
    let stream = client.run(keyed(bench, requests)).await?.into_inner();
    Ok(forward(stream, |answer| match answer.message? {
        Answer::Update(update) => update.assessments.first().and_then(voice),
        Answer::Decision(decision) => {
            let asked = decision.assessment.filter(|a| !a.ask_id.is_empty())?;
            Some(Received::Decision(asked.decision))
        }
        _ => None,
    }))
}

/// What an assessment says of the voice. Until the first comparison there is none, and no update either.
fn voice(assessment: &pb::Assessment) -> Option<Received> {
    let voice = pb::SessionModality::Voice as i32;
    let evidence = assessment.evidence.iter().find(|e| e.modality == voice)?;
    evidence.score.as_ref()?;
    Some(Received::Update(Update { net_speech_ms: evidence.amount, compared: true }))
}
