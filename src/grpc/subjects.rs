//! `SubjectService`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::grpc::call::{self, run};
use crate::grpc::convert::{self, requests};
use crate::grpc::proto;
use crate::grpc::proto::subject_service_server::SubjectService;
use crate::grpc::status;
use crate::usecase::export::Exported;
use crate::usecase::port::Application;

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
    /// Longest wait for a client to read a part of an export.
    pub patience: Duration,
}

type Part = Result<proto::ExportSubjectResponse, Status>;

/// Sends an export: its start, its lines, its end. `None` when nobody reads it.
async fn hand_out(
    exported: Exported,
    answers: &mpsc::Sender<Part>,
    patience: Duration,
) -> Option<()> {
    use proto::export_subject_response::Part as P;
    let part = |part| Ok(proto::ExportSubjectResponse { part: Some(part) });
    let started = proto::ExportStarted {
        decision_id: exported.decision_id.into(),
        versions: Some(convert::versions(&exported.versions)),
    };
    answers.send_timeout(part(P::Started(started)), patience).await.ok()?;
    let (mut pages, mut written) = (exported.pages, 0);
    while let Some(page) = pages.recv().await {
        let lines = match page {
            Ok(lines) => lines,
            Err(error) => {
                return answers.send_timeout(Err(status::status(&error)), patience).await.ok();
            }
        };
        written += lines.len() as u64;
        answers.send_timeout(part(P::Lines(proto::ExportLines { lines })), patience).await.ok()?;
    }
    let ended = proto::ExportEnded { lines: written };
    answers.send_timeout(part(P::Ended(ended)), patience).await.ok()
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

    type ExportSubjectStream = ReceiverStream<Result<proto::ExportSubjectResponse, Status>>;

    async fn export_subject(
        &self,
        request: Request<proto::ExportSubjectRequest>,
    ) -> Result<Response<Self::ExportSubjectStream>, Status> {
        let call = call::of(&request)?;
        let command = requests::export_subject(request.into_inner())?;
        let places = Arc::clone(&call.places);
        let exported = run(&self.app, call, |app, by| app.export_subject(by, command)).await?;
        let (answers, receiver) = mpsc::channel(1);
        let patience = self.patience;
        tokio::spawn(async move {
            // A client that is gone, or does not read for too long, ends it.
            hand_out(exported, &answers, patience).await;
            drop(places);
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
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
