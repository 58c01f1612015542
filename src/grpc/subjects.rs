//! `SubjectService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::grpc::call::{self, run};
use crate::grpc::convert::{self, requests};
use crate::grpc::proto;
use crate::grpc::proto::subject_service_server::SubjectService;
use crate::usecase::port::Application;

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
}

#[tonic::async_trait]
impl SubjectService for Service {
    async fn create_subject(
        &self,
        request: Request<proto::CreateSubjectRequest>,
    ) -> Result<Response<proto::CreateSubjectResponse>, Status> {
        let call = call::of(&request)?;
        let command = requests::create_subject(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.create_subject(by, command)).await?;
        Ok(Response::new(proto::CreateSubjectResponse {
            subject: Some(convert::subject(done.value)),
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn get_subject(
        &self,
        request: Request<proto::GetSubjectRequest>,
    ) -> Result<Response<proto::GetSubjectResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let subject = requests::get_subject(request.into_inner())?;
        let found = run(&self.app, call, |app, by| app.get_subject(by, subject)).await?;
        Ok(Response::new(proto::GetSubjectResponse {
            subject: Some(convert::subject(found)),
            versions: Some(versions),
        }))
    }

    async fn list_subjects(
        &self,
        request: Request<proto::ListSubjectsRequest>,
    ) -> Result<Response<proto::ListSubjectsResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let (size, token) = requests::list_subjects(request.into_inner())?;
        let page = run(&self.app, call, move |app, by| app.list_subjects(by, size, token)).await?;
        Ok(Response::new(proto::ListSubjectsResponse {
            subjects: page.items.into_iter().map(convert::subject).collect(),
            next_page_token: page.next.unwrap_or_default(),
            versions: Some(versions),
        }))
    }

    async fn record_consent(
        &self,
        request: Request<proto::RecordConsentRequest>,
    ) -> Result<Response<proto::RecordConsentResponse>, Status> {
        let call = call::of(&request)?;
        let command = requests::record_consent(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.record_consent(by, command)).await?;
        let (record, current) = done.value;
        Ok(Response::new(proto::RecordConsentResponse {
            consent: Some(convert::consent(record, current)),
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn withdraw_consent(
        &self,
        request: Request<proto::WithdrawConsentRequest>,
    ) -> Result<Response<proto::WithdrawConsentResponse>, Status> {
        let call = call::of(&request)?;
        let command = requests::withdraw_consent(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.withdraw_consent(by, command)).await?;
        Ok(Response::new(proto::WithdrawConsentResponse {
            withdrawn: done.value,
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn set_opt_out(
        &self,
        request: Request<proto::SetOptOutRequest>,
    ) -> Result<Response<proto::SetOptOutResponse>, Status> {
        let call = call::of(&request)?;
        let command = requests::set_opt_out(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.set_opt_out(by, command)).await?;
        Ok(Response::new(proto::SetOptOutResponse {
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn add_phone_number(
        &self,
        request: Request<proto::AddPhoneNumberRequest>,
    ) -> Result<Response<proto::AddPhoneNumberResponse>, Status> {
        let call = call::of(&request)?;
        let command = requests::add_phone_number(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.add_phone_number(by, command)).await?;
        Ok(Response::new(proto::AddPhoneNumberResponse {
            phone_numbers: done.value,
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn remove_phone_number(
        &self,
        request: Request<proto::RemovePhoneNumberRequest>,
    ) -> Result<Response<proto::RemovePhoneNumberResponse>, Status> {
        let call = call::of(&request)?;
        let command = requests::remove_phone_number(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.remove_phone_number(by, command)).await?;
        Ok(Response::new(proto::RemovePhoneNumberResponse {
            phone_numbers: done.value,
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }

    async fn erase_subject(
        &self,
        request: Request<proto::EraseSubjectRequest>,
    ) -> Result<Response<proto::EraseSubjectResponse>, Status> {
        let call = call::of(&request)?;
        let command = requests::erase_subject(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.erase_subject(by, command)).await?;
        let (state, receipt) = convert::erasure(done.value);
        Ok(Response::new(proto::EraseSubjectResponse {
            state: state as i32,
            receipt,
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }
}
