//! `ConversationService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::grpc::call::{self, run};
use crate::grpc::convert;
use crate::grpc::proto;
use crate::grpc::proto::conversation_service_server::ConversationService;
use crate::usecase::port::Application;

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
}

#[tonic::async_trait]
impl ConversationService for Service {
    async fn enroll_texts(
        &self,
        request: Request<proto::EnrollTextsRequest>,
    ) -> Result<Response<proto::EnrollTextsResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::enroll_texts(request.into_inner())?;
        let answer = run(&self.app, call, |app, by| app.enroll_texts(by, command)).await?;
        Ok(Response::new(convert::text_enrollment(answer)))
    }

    async fn verify_texts(
        &self,
        request: Request<proto::VerifyTextsRequest>,
    ) -> Result<Response<proto::VerifyTextsResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::verify_texts(request.into_inner())?;
        let answer = run(&self.app, call, |app, by| app.verify_texts(by, command)).await?;
        Ok(Response::new(convert::text_verification(answer)))
    }

    async fn get_style_profile(
        &self,
        request: Request<proto::GetStyleProfileRequest>,
    ) -> Result<Response<proto::GetStyleProfileResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let subject = convert::get_style_profile(request.into_inner())?;
        let found = run(&self.app, call, |app, by| app.style_profiles(by, subject)).await?;
        Ok(Response::new(proto::GetStyleProfileResponse {
            profiles: found.into_iter().map(convert::style_profile).collect(),
            versions: Some(versions),
        }))
    }

    async fn delete_style_profile(
        &self,
        request: Request<proto::DeleteStyleProfileRequest>,
    ) -> Result<Response<proto::DeleteStyleProfileResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::delete_style_profile(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.delete_style_profile(by, command)).await?;
        Ok(Response::new(proto::DeleteStyleProfileResponse {
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn redact_text(
        &self,
        request: Request<proto::RedactTextRequest>,
    ) -> Result<Response<proto::RedactTextResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let command = convert::redact_text(request.into_inner())?;
        let answer = run(&self.app, call, |app, by| app.redact_text(by, command)).await?;
        Ok(Response::new(proto::RedactTextResponse {
            text: answer.text,
            replaced: answer.found,
            mode: convert::redaction_mode(answer.mode),
            versions: Some(versions),
        }))
    }

    async fn set_redaction(
        &self,
        request: Request<proto::SetRedactionRequest>,
    ) -> Result<Response<proto::SetRedactionResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::set_redaction(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.set_redaction(by, command)).await?;
        Ok(Response::new(proto::SetRedactionResponse {
            mode: convert::redaction_mode(done.value),
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn get_redaction(
        &self,
        request: Request<proto::GetRedactionRequest>,
    ) -> Result<Response<proto::GetRedactionResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let mode = run(&self.app, call, |app, by| app.redaction(by)).await?;
        let mode = convert::redaction_mode(mode);
        Ok(Response::new(proto::GetRedactionResponse { mode, versions: Some(versions) }))
    }
}
