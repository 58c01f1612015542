//! `IdentificationService`.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use crate::grpc::call::{self, run};
use crate::grpc::convert::{self, Read};
use crate::grpc::inbox::{LiveSettings, Part, StreamRequest};
use crate::grpc::live::{self, Answers, Live, Step};
use crate::grpc::proto;
use crate::grpc::proto::identification_service_server::IdentificationService;
use crate::grpc::proto::identify_stream_response::Message as Answer;
use crate::grpc::status::BadField;
use crate::usecase::UseCaseError;
use crate::usecase::command::{Candidates, Chunk, Identify};
use crate::usecase::port::{Application, IdentificationStep, LiveIdentification};

/// Most candidates of a list.
pub const MAX_CANDIDATES: usize = 1_000;
/// Most ranked candidates returned.
pub const MAX_RESULTS: u32 = 100;
/// Ranked candidates returned when the request does not say.
pub const DEFAULT_RESULTS: u32 = 10;

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

/// The candidates of a stream in the words of a request.
fn of_stream(
    value: proto::identify_stream_config::Candidates,
) -> proto::identify_request::Candidates {
    use proto::identify_request::Candidates as Unary;
    use proto::identify_stream_config::Candidates as Stream;
    match value {
        Stream::CandidateList(list) => Unary::CandidateList(list),
        Stream::WholeTenant(all) => Unary::WholeTenant(all),
    }
}

/// `before` is what precedes the field's name: nothing, or `config.`.
fn candidates(
    value: Option<proto::identify_request::Candidates>,
    before: &str,
) -> Read<Candidates> {
    use proto::identify_request::Candidates as P;
    let list = match convert::required(value, &format!("{before}candidates"))? {
        P::WholeTenant(proto::WholeTenant {}) => return Ok(Candidates::WholeTenant),
        P::CandidateList(list) => list.subject_ids,
    };
    let field = format!("{before}candidate_list.subject_ids");
    if list.is_empty() || list.len() > MAX_CANDIDATES {
        let problem = format!("needs 1 to {MAX_CANDIDATES}, got {}", list.len());
        return Err(BadField::new(field, problem));
    }
    let parse = |(i, id): (usize, &String)| convert::subject_id(id, &format!("{field}[{i}]"));
    let ids = list.iter().enumerate().map(parse).collect::<Read<_>>()?;
    Ok(Candidates::List(ids))
}

fn max_results(value: u32, field: &str) -> Read<usize> {
    match value {
        0 => Ok(DEFAULT_RESULTS as usize),
        1..=MAX_RESULTS => Ok(value as usize),
        _ => {
            let problem = format!("at most {MAX_RESULTS}, got {value}");
            Err(BadField::new(field, problem))
        }
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
        let request = request.into_inner();
        let command = Identify {
            candidates: candidates(request.candidates, "")?,
            max_results: max_results(request.max_results, "max_results")?,
            no_early_decision: true,
            key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
        };
        let audio = convert::recording(request.audio, "audio")?;
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
            let key = &config.idempotency_key;
            let command = Identify {
                candidates: candidates(config.candidates.map(of_stream), "config.")?,
                max_results: max_results(config.max_results, "config.max_results")?,
                no_early_decision: config.no_early_decision,
                key: convert::idempotency_key(key, "config.idempotency_key")?,
            };
            let format = convert::audio_format(config.audio, "config.audio")?;
            run(&app, opener, move |app, by| app.identify_stream(by, command, format))
                .await
                .map(Running)
        };
        let stream = request.into_inner();
        let answers = live::start(stream, call, self.live.clone(), open);
        Ok(Response::new(answers))
    }
}
