//! `PolicyService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::grpc::call::{self, run};
use crate::grpc::convert;
use crate::grpc::proto;
use crate::grpc::proto::policy_service_server::PolicyService;
use crate::usecase::port::Application;

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
}

#[tonic::async_trait]
impl PolicyService for Service {
    async fn validate_policy(
        &self,
        request: Request<proto::ValidatePolicyRequest>,
    ) -> Result<Response<proto::ValidatePolicyResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let file = request.into_inner().policy_toml;
        let check = run(&self.app, call, |app, by| app.check_policy(by, file)).await?;
        Ok(Response::new(convert::policy_check(check, versions)))
    }

    async fn propose_policy(
        &self,
        request: Request<proto::ProposePolicyRequest>,
    ) -> Result<Response<proto::ProposePolicyResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::propose_policy(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.propose_policy(by, command)).await?;
        Ok(Response::new(proto::ProposePolicyResponse {
            overview: Some(convert::policy_overview(done.value)),
            decision_id: done.decision_id.as_str().to_owned(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn approve_policy(
        &self,
        request: Request<proto::ApprovePolicyRequest>,
    ) -> Result<Response<proto::ApprovePolicyResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::approve_policy(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.approve_policy(by, command)).await?;
        Ok(Response::new(proto::ApprovePolicyResponse {
            overview: Some(convert::policy_overview(done.value)),
            decision_id: done.decision_id.as_str().to_owned(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn reject_policy(
        &self,
        request: Request<proto::RejectPolicyRequest>,
    ) -> Result<Response<proto::RejectPolicyResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::reject_policy(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.reject_policy(by, command)).await?;
        Ok(Response::new(proto::RejectPolicyResponse {
            overview: Some(convert::policy_overview(done.value)),
            decision_id: done.decision_id.as_str().to_owned(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn activate_shadow(
        &self,
        request: Request<proto::ActivateShadowRequest>,
    ) -> Result<Response<proto::ActivateShadowResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::activate_shadow(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.shadow_policy(by, command)).await?;
        Ok(Response::new(proto::ActivateShadowResponse {
            overview: Some(convert::policy_overview(done.value)),
            decision_id: done.decision_id.as_str().to_owned(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn clear_shadow(
        &self,
        request: Request<proto::ClearShadowRequest>,
    ) -> Result<Response<proto::ClearShadowResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::clear_shadow(&request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.shadow_policy(by, command)).await?;
        Ok(Response::new(proto::ClearShadowResponse {
            overview: Some(convert::policy_overview(done.value)),
            decision_id: done.decision_id.as_str().to_owned(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn roll_back(
        &self,
        request: Request<proto::RollBackRequest>,
    ) -> Result<Response<proto::RollBackResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::roll_back(&request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.roll_back_policy(by, command)).await?;
        Ok(Response::new(proto::RollBackResponse {
            overview: Some(convert::policy_overview(done.value)),
            decision_id: done.decision_id.as_str().to_owned(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn get_policy(
        &self,
        request: Request<proto::GetPolicyRequest>,
    ) -> Result<Response<proto::GetPolicyResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let version = convert::get_policy(&request.into_inner())?;
        let found = run(&self.app, call, |app, by| app.policy(by, version)).await?;
        Ok(Response::new(convert::policy_info(found, versions)))
    }

    async fn list_policies(
        &self,
        request: Request<proto::ListPoliciesRequest>,
    ) -> Result<Response<proto::ListPoliciesResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let (size, token) = convert::list_policies(request.into_inner())?;
        let found = run(&self.app, call, move |app, by| app.policies(by, size, token)).await?;
        Ok(Response::new(convert::policy_list(found, versions)))
    }

    async fn what_if(
        &self,
        request: Request<proto::WhatIfRequest>,
    ) -> Result<Response<proto::WhatIfResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let question = convert::what_if(request.into_inner())?;
        let report = run(&self.app, call, |app, by| app.what_if(by, question)).await?;
        Ok(Response::new(convert::what_if_report(report, versions)))
    }
}
