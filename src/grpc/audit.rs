//! `AuditService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::grpc::call::{self, run};
use crate::grpc::convert::{self, requests};
use crate::grpc::proto;
use crate::grpc::proto::audit_service_server::AuditService;
use crate::usecase::port::Application;

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
}

#[tonic::async_trait]
impl AuditService for Service {
    async fn list_decisions(
        &self,
        request: Request<proto::ListDecisionsRequest>,
    ) -> Result<Response<proto::ListDecisionsResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let filter = requests::list_decisions(request.into_inner())?;
        let page = run(&self.app, call, |app, by| app.decisions(by, filter)).await?;
        Ok(Response::new(proto::ListDecisionsResponse {
            decisions: page.items.into_iter().map(convert::decision_record).collect(),
            next_page_token: page.next.unwrap_or_default(),
            versions: Some(versions),
        }))
    }

    async fn explain_decision(
        &self,
        request: Request<proto::ExplainDecisionRequest>,
    ) -> Result<Response<proto::ExplainDecisionResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let command = requests::explain_decision(request.into_inner())?;
        let (decision, explanation) =
            run(&self.app, call, |app, by| app.explain(by, command)).await?;
        Ok(Response::new(proto::ExplainDecisionResponse {
            decision: Some(convert::decision_record(decision)),
            explanation,
            versions: Some(versions),
        }))
    }

    async fn get_audit_head(
        &self,
        request: Request<proto::GetAuditHeadRequest>,
    ) -> Result<Response<proto::GetAuditHeadResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let head = run(&self.app, call, |app, by| app.audit_head(by)).await?;
        Ok(Response::new(proto::GetAuditHeadResponse {
            sequence: head.sequence,
            head_hash: head.head_hash.to_vec(),
            checkpoint_sequence: head.checkpoint_sequence,
            unanchored: head.sequence.saturating_sub(head.checkpoint_sequence),
            versions: Some(versions),
        }))
    }
}
