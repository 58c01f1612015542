//! `ModelService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::grpc::call::{self, run};
use crate::grpc::convert;
use crate::grpc::proto;
use crate::grpc::proto::model_service_server::ModelService;
use crate::usecase::port::Application;

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
}

#[tonic::async_trait]
impl ModelService for Service {
    async fn list_models(
        &self,
        request: Request<proto::ListModelsRequest>,
    ) -> Result<Response<proto::ListModelsResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let models = run(&self.app, call, |app, by| app.models(by)).await?;
        Ok(Response::new(proto::ListModelsResponse {
            models: models.into_iter().map(convert::model).collect(),
            versions: Some(versions),
        }))
    }
}
