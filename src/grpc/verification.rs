//! `VerificationService`.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use crate::grpc::call::{self, run};
use crate::grpc::convert::{self, requests};
use crate::grpc::inbox::{LiveSettings, Part, StreamRequest};
use crate::grpc::live::{self, Answers, Live, Step};
use crate::grpc::proto;
use crate::grpc::proto::verification_service_server::VerificationService;
use crate::grpc::proto::verify_stream_response::Message as Answer;
use crate::usecase::UseCaseError;
use crate::usecase::command::Chunk;
use crate::usecase::port::{Application, LiveVerification, VerificationStep};

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
    /// Timers and limits of streams.
    pub live: LiveSettings,
}

impl StreamRequest for proto::VerifyStreamRequest {
    type Config = proto::VerifyStreamConfig;

    fn part(self) -> Part<Self::Config> {
        use proto::verify_stream_request::Message;
        match self.message {
            Some(Message::Config(config)) => Part::Config(config),
            Some(Message::Audio(chunk)) => Part::Audio(chunk),
            None => Part::Empty,
        }
    }
}

struct Running(Box<dyn LiveVerification>);

fn answer(message: Answer) -> proto::VerifyStreamResponse {
    proto::VerifyStreamResponse { message: Some(message) }
}

impl Live for Running {
    type Answer = proto::VerifyStreamResponse;

    async fn push(&mut self, chunks: Vec<Chunk>) -> Result<Step<Self::Answer>, UseCaseError> {
        Ok(match self.0.push(chunks).await? {
            VerificationStep::Quiet => Step::Quiet,
            VerificationStep::Update(update) => {
                let update = convert::verification_update(update);
                Step::Update(answer(Answer::Update(update)))
            }
            VerificationStep::Final(result) => {
                Step::Final(answer(Answer::Result(convert::verification(result))))
            }
        })
    }

    fn patience_ms(&self) -> u64 {
        self.0.patience_ms()
    }

    fn duration_ms(&self, bytes: usize) -> u64 {
        self.0.duration_ms(bytes)
    }

    async fn finish(self) -> Result<Self::Answer, UseCaseError> {
        let result = self.0.finish().await?;
        Ok(answer(Answer::Result(convert::verification(result))))
    }
}

#[tonic::async_trait]
impl VerificationService for Service {
    type VerifyStreamStream = Answers<proto::VerifyStreamResponse>;

    async fn verify(
        &self,
        request: Request<proto::VerifyRequest>,
    ) -> Result<Response<proto::VerifyResponse>, Status> {
        let call = call::of(&request)?;
        let (command, audio) = requests::verify(request.into_inner())?;
        let result = run(&self.app, call, |app, by| app.verify(by, command, audio)).await?;
        Ok(Response::new(proto::VerifyResponse { result: Some(convert::verification(result)) }))
    }

    async fn verify_stream(
        &self,
        request: Request<Streaming<proto::VerifyStreamRequest>>,
    ) -> Result<Response<Self::VerifyStreamStream>, Status> {
        let call = call::of(&request)?;
        let (app, opener) = (Arc::clone(&self.app), call.clone());
        let open = move |config: proto::VerifyStreamConfig| async move {
            let (command, format) = requests::verify_stream(config)?;
            run(&app, opener, move |app, by| app.verify_stream(by, command, format))
                .await
                .map(Running)
        };
        let stream = request.into_inner();
        let answers = live::start(stream, call, self.live.clone(), open);
        Ok(Response::new(answers))
    }
}
