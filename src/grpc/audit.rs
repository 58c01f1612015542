//! `AuditService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::domain::DecisionId;
use crate::grpc::call::{self, run};
use crate::grpc::convert;
use crate::grpc::proto;
use crate::grpc::proto::audit_service_server::AuditService;
use crate::usecase::command::{DecisionFilter, ExplainDecision};
use crate::usecase::port::Application;

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
}

fn filter(request: proto::ListDecisionsRequest) -> convert::Read<DecisionFilter> {
    Ok(DecisionFilter {
        subject: convert::optional_subject_id(&request.subject_id, "subject_id")?,
        from: convert::optional_timestamp(request.from, "from")?,
        until: convert::optional_timestamp(request.until, "until")?,
        decision: convert::decision_filter(request.decision, "decision")?,
        reason: convert::reason_filter(request.reason, "reason")?,
        kind: convert::kind_filter(request.kind, "kind")?,
        page_size: convert::page_size(request.page_size, "page_size")?,
        page_token: convert::page_token(request.page_token, "page_token")?,
    })
}

#[tonic::async_trait]
impl AuditService for Service {
    async fn list_decisions(
        &self,
        request: Request<proto::ListDecisionsRequest>,
    ) -> Result<Response<proto::ListDecisionsResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let filter = filter(request.into_inner())?;
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
        let id = &request.get_ref().decision_id;
        let command =
            ExplainDecision { decision: convert::id(id, "decision_id", DecisionId::parse)? };
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
