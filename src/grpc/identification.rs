//! `IdentificationService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::grpc::call::{self, run};
use crate::grpc::convert::{self, Read};
use crate::grpc::proto;
use crate::grpc::proto::identification_service_server::IdentificationService;
use crate::grpc::status::BadField;
use crate::usecase::command::{Candidates, Identify};
use crate::usecase::port::Application;

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
}

fn candidates(value: Option<proto::identify_request::Candidates>) -> Read<Candidates> {
    use proto::identify_request::Candidates as P;
    let list = match convert::required(value, "candidates")? {
        P::WholeTenant(proto::WholeTenant {}) => return Ok(Candidates::WholeTenant),
        P::CandidateList(list) => list.subject_ids,
    };
    let field = "candidate_list.subject_ids";
    if list.is_empty() || list.len() > MAX_CANDIDATES {
        let problem = format!("needs 1 to {MAX_CANDIDATES}, got {}", list.len());
        return Err(BadField::new(field, problem));
    }
    let parse = |(i, id): (usize, &String)| convert::subject_id(id, &format!("{field}[{i}]"));
    let ids = list.iter().enumerate().map(parse).collect::<Read<_>>()?;
    Ok(Candidates::List(ids))
}

fn max_results(value: u32) -> Read<usize> {
    match value {
        0 => Ok(DEFAULT_RESULTS as usize),
        1..=MAX_RESULTS => Ok(value as usize),
        _ => {
            let problem = format!("at most {MAX_RESULTS}, got {value}");
            Err(BadField::new("max_results", problem))
        }
    }
}

#[tonic::async_trait]
impl IdentificationService for Service {
    async fn identify(
        &self,
        request: Request<proto::IdentifyRequest>,
    ) -> Result<Response<proto::IdentifyResponse>, Status> {
        let call = call::of(&request)?;
        let request = request.into_inner();
        let command = Identify {
            candidates: candidates(request.candidates)?,
            max_results: max_results(request.max_results)?,
            key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
        };
        let audio = convert::recording(request.audio, "audio")?;
        let found = run(&self.app, call, |app, by| app.identify(by, command, audio)).await?;
        Ok(Response::new(convert::identification(found)))
    }
}
