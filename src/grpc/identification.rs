//! `IdentificationService`.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use crate::grpc::call::{self, run};
use crate::grpc::convert::{self, requests};
use crate::grpc::inbox::{LiveSettings, Part, StreamRequest};
use crate::grpc::live::{self, Answers, Live, Step};
use crate::grpc::proto;
use crate::grpc::proto::identification_service_server::IdentificationService;
use crate::grpc::proto::identify_stream_response::Message as Answer;
use crate::usecase::UseCaseError;
use crate::usecase::command::Chunk;
use crate::usecase::port::{Application, IdentificationStep, LiveIdentification};

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
    /// Timers and limits of streams.
    pub live: LiveSettings,
}

impl StreamRequest for proto::IdentifyStreamRequest {
    type Config = proto::IdentifyStreamConfig;

    fn part(self) -> Part<Self::Config> {
        use proto::identify_stream_request::Message;
        match self.message {
            Some(Message::Config(config)) => Part::Config(config),
            Some(Message::Audio(chunk)) => Part::Audio(chunk),
            None => Part::Empty,
        }
    }
}

struct Running(Box<dyn LiveIdentification>);

fn answer(message: Answer) -> proto::IdentifyStreamResponse {
    proto::IdentifyStreamResponse { message: Some(message) }
}

impl Live for Running {
    type Answer = proto::IdentifyStreamResponse;

    async fn push(&mut self, chunks: Vec<Chunk>) -> Result<Step<Self::Answer>, UseCaseError> {
        Ok(match self.0.push(chunks).await? {
            IdentificationStep::Quiet => Step::Quiet,
            IdentificationStep::Update(update) => {
                let update = convert::identification_update(update);
                Step::Update(answer(Answer::Update(update)))
            }
            IdentificationStep::Final(result) => {
                Step::Final(answer(Answer::Result(convert::identification(result))))
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
        Ok(answer(Answer::Result(convert::identification(result))))
    }
}

#[tonic::async_trait]
impl IdentificationService for Service {
    type IdentifyStreamStream = Answers<proto::IdentifyStreamResponse>;

    async fn identify(
        &self,
        request: Request<proto::IdentifyRequest>,
    ) -> Result<Response<proto::IdentifyResponse>, Status> {
        let call = call::of(&request)?;
        let (command, audio) = requests::identify(request.into_inner())?;
        let found = run(&self.app, call, |app, by| app.identify(by, command, audio)).await?;
        Ok(Response::new(convert::identification(found)))
    }

    async fn identify_stream(
        &self,
        request: Request<Streaming<proto::IdentifyStreamRequest>>,
    ) -> Result<Response<Self::IdentifyStreamStream>, Status> {
        let call = call::of(&request)?;
        let (app, opener) = (Arc::clone(&self.app), call.clone());
        let open = move |config: proto::IdentifyStreamConfig| async move {
            let (command, format) = requests::identify_stream(config)?;
            run(&app, opener, move |app, by| app.identify_stream(by, command, format))
                .await
                .map(Running)
        };
        let stream = request.into_inner();
        let answers = live::start(stream, call, self.live.clone(), open);
        Ok(Response::new(answers))
    }
}
