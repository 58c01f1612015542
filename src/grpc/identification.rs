//! `IdentificationService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::grpc::call::{self, run};
use crate::grpc::convert::{self, requests};
use crate::grpc::proto;
use crate::grpc::proto::identification_service_server::IdentificationService;
use crate::usecase::port::Application;

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
}

#[tonic::async_trait]
impl IdentificationService for Service {
    async fn identify(
        &self,
        request: Request<proto::IdentifyRequest>,
    ) -> Result<Response<proto::IdentifyResponse>, Status> {
        let call = call::of(&request)?;
        let (command, audio) = requests::identify(request.into_inner())?;
        let found = run(&self.app, call, |app, by| app.identify(by, command, audio)).await?;
        Ok(Response::new(convert::identification(found)))
    }
}
