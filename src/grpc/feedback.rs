//! `FeedbackService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::grpc::call::{self, run};
use crate::grpc::convert;
use crate::grpc::proto;
use crate::grpc::proto::feedback_service_server::FeedbackService;
use crate::usecase::port::Application;

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
}

#[tonic::async_trait]
impl FeedbackService for Service {
    async fn record_outcome(
        &self,
        request: Request<proto::RecordOutcomeRequest>,
    ) -> Result<Response<proto::RecordOutcomeResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::record_outcome(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.record_outcome(by, command)).await?;
        Ok(Response::new(proto::RecordOutcomeResponse {
            entry: Some(convert::outcome_entry(done.value.entry)),
            replaced: done.value.replaced,
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn list_outcomes(
        &self,
        request: Request<proto::ListOutcomesRequest>,
    ) -> Result<Response<proto::ListOutcomesResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let filter = convert::list_outcomes(request.into_inner())?;
        let page = run(&self.app, call, |app, by| app.outcomes(by, filter)).await?;
        Ok(Response::new(proto::ListOutcomesResponse {
            outcomes: page.items.into_iter().map(convert::outcome).collect(),
            next_page_token: page.next.unwrap_or_default(),
            versions: Some(versions),
        }))
    }

    async fn get_outcome(
        &self,
        request: Request<proto::GetOutcomeRequest>,
    ) -> Result<Response<proto::GetOutcomeResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let decision = convert::get_outcome(request.into_inner())?;
        let found = run(&self.app, call, |app, by| app.outcome(by, decision)).await?;
        Ok(Response::new(proto::GetOutcomeResponse {
            outcome: Some(convert::outcome(found)),
            versions: Some(versions),
        }))
    }
}
