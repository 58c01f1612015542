//! A thin client of the server, in the words of the proto: what the demonstration, the command line and
//! the tests use, and an example of how little a client needs.

mod session;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

use crate::grpc::proto as pb;
use pb::age_service_client::AgeServiceClient;
use pb::audit_service_client::AuditServiceClient;
use pb::behavior_service_client::BehaviorServiceClient;
use pb::enrollment_service_client::EnrollmentServiceClient;
use pb::identification_service_client::IdentificationServiceClient;
use pb::subject_service_client::SubjectServiceClient;
use pb::verification_service_client::VerificationServiceClient;

/// Messages a live stream may have on the way; the server's backlog limit is the real bound.
const STREAM_DEPTH: usize = 8;

/// Audio as a live source sends it. Faster than real time is possible up to the server's backlog limit.
#[derive(Debug, Clone)]
pub struct LiveAudio {
    /// Packets, e.g. 160 bytes of G.711 for 20 ms.
    pub packets: Vec<Vec<u8>>,
    /// Time from one packet to the next.
    pub interval: Duration,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address or the key cannot be used, or nothing listens there.
    #[error("cannot reach the server: {0}")]
    Connect(String),
    /// The server refused.
    #[error("{code}: {message}")]
    Refused {
        /// gRPC status code, e.g. `ResourceExhausted`.
        code: String,
        /// The server's words.
        message: String,
    },
    /// The stream ended without its last message.
    #[error("the server ended the stream without a result")]
    NoResult,
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        Self::Refused { code: format!("{:?}", status.code()), message: status.message().to_owned() }
    }
}

/// Adds the API key to every call.
#[derive(Clone)]
struct WithKey(MetadataValue<Ascii>);

impl tonic::service::Interceptor for WithKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

type Transport = InterceptedService<Channel, WithKey>;

/// One connection with one API key. Cloning shares the connection.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
}

impl Client {
    /// Connects in clear text (loopback) to `http://host:port`.
    pub async fn connect(address: &str, api_key: &str) -> Result<Self, ClientError> {
        let unusable = |e: &dyn std::fmt::Display| ClientError::Connect(e.to_string());
        let mut key: MetadataValue<Ascii> =
            format!("Bearer {api_key}").parse().map_err(|e| unusable(&e))?;
        key.set_sensitive(true);
        let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|e| unusable(&e))?;
        let channel = endpoint
            .connect_timeout(Duration::from_secs(5))
            .connect()
            .await
            .map_err(|e| unusable(&e))?;
        Ok(Self { transport: InterceptedService::new(channel, WithKey(key)) })
    }

    /// Registers a subject.
    pub async fn create_subject(
        &self,
        request: pb::CreateSubjectRequest,
    ) -> Result<pb::CreateSubjectResponse, ClientError> {
        let mut client = SubjectServiceClient::new(self.transport.clone());
        Ok(client.create_subject(request).await?.into_inner())
    }

    /// Records a consent.
    pub async fn record_consent(
        &self,
        request: pb::RecordConsentRequest,
    ) -> Result<pb::RecordConsentResponse, ClientError> {
        let mut client = SubjectServiceClient::new(self.transport.clone());
        Ok(client.record_consent(request).await?.into_inner())
    }

    /// Erases a subject.
    pub async fn erase_subject(
        &self,
        request: pb::EraseSubjectRequest,
    ) -> Result<pb::EraseSubjectResponse, ClientError> {
        let mut client = SubjectServiceClient::new(self.transport.clone());
        Ok(client.erase_subject(request).await?.into_inner())
    }

    /// Enrolls one utterance live; `on_update` sees the progress.
    pub async fn enroll_stream(
        &self,
        config: pb::EnrollStreamConfig,
        audio: LiveAudio,
        mut on_update: impl FnMut(pb::EnrollmentUpdate),
    ) -> Result<pb::EnrollmentResult, ClientError> {
        use pb::enroll_stream_request::Message as Sent;
        use pb::enroll_stream_response::Message as Received;
        let mut client = EnrollmentServiceClient::new(self.transport.clone());
        let mut result = None;
        let wrap = |message| pb::EnrollStreamRequest { message: Some(message) };
        converse(
            wrap(Sent::Config(config)),
            audio,
            move |chunk| wrap(Sent::Audio(chunk)),
            |requests| async move { client.enroll_stream(requests).await },
            |answer: pb::EnrollStreamResponse| match answer.message {
                Some(Received::Update(update)) => on_update(update),
                Some(Received::Result(last)) => result = Some(last),
                None => {}
            },
        )
        .await?;
        result.ok_or(ClientError::NoResult)
    }

    /// Verifies one recording.
    pub async fn verify(
        &self,
        request: pb::VerifyRequest,
    ) -> Result<pb::VerificationResult, ClientError> {
        let mut client = VerificationServiceClient::new(self.transport.clone());
        client.verify(request).await?.into_inner().result.ok_or(ClientError::NoResult)
    }

    /// Verifies live; `on_update` sees each estimate.
    pub async fn verify_stream(
        &self,
        config: pb::VerifyStreamConfig,
        audio: LiveAudio,
        mut on_update: impl FnMut(pb::VerificationUpdate),
    ) -> Result<pb::VerificationResult, ClientError> {
        use pb::verify_stream_request::Message as Sent;
        use pb::verify_stream_response::Message as Received;
        let mut client = VerificationServiceClient::new(self.transport.clone());
        let mut result = None;
        let wrap = |message| pb::VerifyStreamRequest { message: Some(message) };
        converse(
            wrap(Sent::Config(config)),
            audio,
            move |chunk| wrap(Sent::Audio(chunk)),
            |requests| async move { client.verify_stream(requests).await },
            |answer: pb::VerifyStreamResponse| match answer.message {
                Some(Received::Update(update)) => on_update(update),
                Some(Received::Result(last)) => result = Some(last),
                None => {}
            },
        )
        .await?;
        result.ok_or(ClientError::NoResult)
    }

    /// Searches for a voice.
    pub async fn identify(
        &self,
        request: pb::IdentifyRequest,
    ) -> Result<pb::IdentifyResponse, ClientError> {
        let mut client = IdentificationServiceClient::new(self.transport.clone());
        Ok(client.identify(request).await?.into_inner())
    }

    /// Searches for a voice live; `on_update` sees each estimate.
    pub async fn identify_stream(
        &self,
        config: pb::IdentifyStreamConfig,
        audio: LiveAudio,
        mut on_update: impl FnMut(pb::IdentificationUpdate),
    ) -> Result<pb::IdentifyResponse, ClientError> {
        use pb::identify_stream_request::Message as Sent;
        use pb::identify_stream_response::Message as Received;
        let (sender, receiver) = tokio::sync::mpsc::channel(STREAM_DEPTH);
        let feeder = tokio::spawn(async move {
            let first = pb::IdentifyStreamRequest { message: Some(Sent::Config(config)) };
            let wrap = |chunk| pb::IdentifyStreamRequest { message: Some(Sent::Audio(chunk)) };
            feed(&sender, first, audio, wrap).await;
        });
        let mut client = IdentificationServiceClient::new(self.transport.clone());
        let requests = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let mut answers = client.identify_stream(requests).await?.into_inner();
        let mut result = None;
        while let Some(answer) = answers.message().await? {
            match answer.message {
                Some(Received::Update(update)) => on_update(update),
                Some(Received::Result(last)) => result = Some(last),
                None => {}
            }
        }
        feeder.abort();
        result.ok_or(ClientError::NoResult)
    }

    /// Enrolls captures of behavior.
    pub async fn enroll_behavior(
        &self,
        request: pb::EnrollBehaviorRequest,
    ) -> Result<pb::EnrollBehaviorResponse, ClientError> {
        let mut client = BehaviorServiceClient::new(self.transport.clone());
        Ok(client.enroll_behavior(request).await?.into_inner())
    }

    /// Enables age classes for the tenant.
    pub async fn enable_age_class(
        &self,
        request: pb::EnableAgeClassRequest,
    ) -> Result<pb::EnableAgeClassResponse, ClientError> {
        let mut client = AgeServiceClient::new(self.transport.clone());
        Ok(client.enable_age_class(request).await?.into_inner())
    }

    /// Puts the caller of a recording into an age class.
    pub async fn classify_age(
        &self,
        request: pb::ClassifyAgeRequest,
    ) -> Result<pb::ClassifyAgeResponse, ClientError> {
        let mut client = AgeServiceClient::new(self.transport.clone());
        Ok(client.classify_age(request).await?.into_inner())
    }

    /// Lists decisions.
    pub async fn list_decisions(
        &self,
        request: pb::ListDecisionsRequest,
    ) -> Result<pb::ListDecisionsResponse, ClientError> {
        let mut client = AuditServiceClient::new(self.transport.clone());
        Ok(client.list_decisions(request).await?.into_inner())
    }

    /// Explains a decision to an audience.
    pub async fn explain_decision(
        &self,
        decision_id: String,
        audience: pb::Audience,
    ) -> Result<pb::ExplainDecisionResponse, ClientError> {
        let mut client = AuditServiceClient::new(self.transport.clone());
        let request = pb::ExplainDecisionRequest { decision_id, audience: audience.into() };
        Ok(client.explain_decision(request).await?.into_inner())
    }
}

/// One live call from the first message to the last answer: a task of its own feeds the stream that
/// `open` starts, `take` sees every answer.
async fn converse<Q, A, F>(
    first: Q,
    audio: LiveAudio,
    wrap: impl Fn(pb::AudioChunk) -> Q + Send + Sync + 'static,
    open: impl FnOnce(ReceiverStream<Q>) -> F,
    mut take: impl FnMut(A),
) -> Result<(), ClientError>
where
    Q: Send + 'static,
    F: Future<Output = Result<Response<Streaming<A>>, Status>>,
{
    let (sender, receiver) = mpsc::channel(STREAM_DEPTH);
    let feeder = tokio::spawn(async move { feed(&sender, first, audio, wrap).await });
    let mut answers = open(ReceiverStream::new(receiver)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        take(answer);
    }
    feeder.abort();
    Ok(())
}

/// Sends the configuration, then packets numbered from 1 at their pace, until done or until the server
/// has stopped listening (an early decision).
async fn feed<T>(
    sender: &mpsc::Sender<T>,
    first: T,
    audio: LiveAudio,
    wrap: impl Fn(pb::AudioChunk) -> T,
) {
    if sender.send(first).await.is_err() {
        return;
    }
    let mut clock = tokio::time::interval(audio.interval.max(Duration::from_micros(1)));
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    for (sequence, content) in (1..).zip(audio.packets) {
        clock.tick().await;
        if sender.send(wrap(pb::AudioChunk { sequence, content })).await.is_err() {
            return;
        }
    }
}
