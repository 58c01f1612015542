//! `EnrollmentService`.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use crate::grpc::call::{self, run};
use crate::grpc::convert::{self, requests};
use crate::grpc::inbox::{LiveSettings, Part, StreamRequest};
use crate::grpc::live::{self, Answers, Live, Step};
use crate::grpc::proto;
use crate::grpc::proto::enrollment_service_server::EnrollmentService;
use crate::usecase::UseCaseError;
use crate::usecase::command::Chunk;
use crate::usecase::port::{Application, LiveEnrollment};

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
    /// Timers and limits of streams.
    pub live: LiveSettings,
}

impl StreamRequest for proto::EnrollStreamRequest {
    type Config = proto::EnrollStreamConfig;

    fn part(self) -> Part<Self::Config> {
        use proto::enroll_stream_request::Message;
        match self.message {
            Some(Message::Config(config)) => Part::Config(config),
            Some(Message::Audio(chunk)) => Part::Audio(chunk),
            None => Part::Empty,
        }
    }
}

struct Running(Box<dyn LiveEnrollment>);

impl Live for Running {
    type Answer = proto::EnrollStreamResponse;

    async fn push(&mut self, chunks: Vec<Chunk>) -> Result<Step<Self::Answer>, UseCaseError> {
        use proto::enroll_stream_response::Message;
        Ok(match self.0.push(chunks).await? {
            None => Step::Quiet,
            Some(update) => Step::Update(proto::EnrollStreamResponse {
                message: Some(Message::Update(convert::enrollment_update(update))),
            }),
        })
    }

    fn patience_ms(&self) -> u64 {
        self.0.patience_ms()
    }

    fn duration_ms(&self, bytes: usize) -> u64 {
        self.0.duration_ms(bytes)
    }

    async fn finish(self) -> Result<Self::Answer, UseCaseError> {
        use proto::enroll_stream_response::Message;
        let outcome = self.0.finish().await?;
        Ok(proto::EnrollStreamResponse {
            message: Some(Message::Result(convert::enrollment(outcome))),
        })
    }
}

#[tonic::async_trait]
impl EnrollmentService for Service {
    type EnrollStreamStream = Answers<proto::EnrollStreamResponse>;

    async fn enroll_utterance(
        &self,
        request: Request<proto::EnrollUtteranceRequest>,
    ) -> Result<Response<proto::EnrollUtteranceResponse>, Status> {
        let call = call::of(&request)?;
        let (command, audio) = requests::enroll_utterance(request.into_inner())?;
        let outcome = run(&self.app, call, |app, by| app.enroll(by, command, audio)).await?;
        Ok(Response::new(proto::EnrollUtteranceResponse {
            result: Some(convert::enrollment(outcome)),
        }))
    }

    async fn enroll_stream(
        &self,
        request: Request<Streaming<proto::EnrollStreamRequest>>,
    ) -> Result<Response<Self::EnrollStreamStream>, Status> {
        let call = call::of(&request)?;
        let (app, opener) = (Arc::clone(&self.app), call.clone());
        let open = move |message: proto::EnrollStreamConfig| async move {
            let (command, format) = requests::enroll_stream(message)?;
            run(&app, opener, move |app, by| app.enroll_stream(by, command, format))
                .await
                .map(Running)
        };
        let stream = request.into_inner();
        let answers = live::start(stream, call, self.live.clone(), open);
        Ok(Response::new(answers))
    }

    async fn get_enrollment(
        &self,
        request: Request<proto::GetEnrollmentRequest>,
    ) -> Result<Response<proto::GetEnrollmentResponse>, Status> {
        let call = call::of(&request)?;
        let subject = requests::get_enrollment(request.into_inner())?;
        let status = run(&self.app, call, |app, by| app.enrollment(by, subject)).await?;
        Ok(Response::new(proto::GetEnrollmentResponse {
            state: convert::enrollment_state(status.state),
            progress: Some(convert::progress(&status.progress)),
            versions: Some(convert::versions(&status.versions)),
        }))
    }

    async fn cancel_enrollment(
        &self,
        request: Request<proto::CancelEnrollmentRequest>,
    ) -> Result<Response<proto::CancelEnrollmentResponse>, Status> {
        let call = call::of(&request)?;
        let command = requests::cancel_enrollment(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.cancel_enrollment(by, command)).await?;
        Ok(Response::new(proto::CancelEnrollmentResponse {
            utterances_dropped: done.value,
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn list_voiceprints(
        &self,
        request: Request<proto::ListVoiceprintsRequest>,
    ) -> Result<Response<proto::ListVoiceprintsResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let subject = requests::list_voiceprints(request.into_inner())?;
        let found = run(&self.app, call, |app, by| app.voiceprints(by, subject)).await?;
        Ok(Response::new(proto::ListVoiceprintsResponse {
            voiceprints: found.into_iter().map(convert::voiceprint).collect(),
            versions: Some(versions),
        }))
    }

    async fn delete_voiceprint(
        &self,
        request: Request<proto::DeleteVoiceprintRequest>,
    ) -> Result<Response<proto::DeleteVoiceprintResponse>, Status> {
        let call = call::of(&request)?;
        let command = requests::delete_voiceprint(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.delete_voiceprint(by, command)).await?;
        Ok(Response::new(proto::DeleteVoiceprintResponse {
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn renew_voiceprints(
        &self,
        request: Request<proto::RenewVoiceprintsRequest>,
    ) -> Result<Response<proto::RenewVoiceprintsResponse>, Status> {
        let call = call::of(&request)?;
        let key = requests::renew_voiceprints(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.renew_voiceprints(by, key)).await?;
        let (voiceprints_renewed, rotation_generation) = done.value;
        Ok(Response::new(proto::RenewVoiceprintsResponse {
            voiceprints_renewed,
            rotation_generation,
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }
}
