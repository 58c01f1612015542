//! `AgeService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::grpc::call::{self, run};
use crate::grpc::convert;
use crate::grpc::proto;
use crate::grpc::proto::age_service_server::AgeService;
use crate::usecase::port::Application;

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
}

#[tonic::async_trait]
impl AgeService for Service {
    async fn classify_age(
        &self,
        request: Request<proto::ClassifyAgeRequest>,
    ) -> Result<Response<proto::ClassifyAgeResponse>, Status> {
        let call = call::of(&request)?;
        let audio = convert::recording(request.into_inner().audio, "audio")?;
        let answer = run(&self.app, call, |app, by| app.classify_age(by, audio)).await?;
        Ok(Response::new(convert::age_classification(answer)))
    }

    async fn enable_age_class(
        &self,
        request: Request<proto::EnableAgeClassRequest>,
    ) -> Result<Response<proto::EnableAgeClassResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::enable_age_class(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.enable_age_class(by, command)).await?;
        Ok(Response::new(proto::EnableAgeClassResponse {
            status: Some(convert::age_class_status(done.value)),
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn disable_age_class(
        &self,
        request: Request<proto::DisableAgeClassRequest>,
    ) -> Result<Response<proto::DisableAgeClassResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::disable_age_class(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.disable_age_class(by, command)).await?;
        Ok(Response::new(proto::DisableAgeClassResponse {
            status: Some(convert::age_class_status(done.value)),
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn get_age_class_status(
        &self,
        request: Request<proto::GetAgeClassStatusRequest>,
    ) -> Result<Response<proto::GetAgeClassStatusResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let status = run(&self.app, call, |app, by| app.age_class_status(by)).await?;
        Ok(Response::new(proto::GetAgeClassStatusResponse {
            status: Some(convert::age_class_status(status)),
            versions: Some(versions),
        }))
    }
}
