//! `BehaviorService`.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::domain::SubjectId;
use crate::grpc::call::{self, Call, run};
use crate::grpc::convert;
use crate::grpc::inbox::LiveSettings;
use crate::grpc::live::Answers;
use crate::grpc::proto;
use crate::grpc::proto::behavior_service_server::BehaviorService;
use crate::grpc::proto::observe_behavior_request::Message;
use crate::grpc::proto::observe_behavior_response::Message as Answer;
use crate::grpc::status;
use crate::usecase::port::Application;

/// Answers waiting for a client that reads slowly. Updates that find only the last place free are
/// dropped: it is the final answer's.
const MAX_WAITING_ANSWERS: usize = 8;

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
    /// Timers of streams.
    pub live: LiveSettings,
}

#[tonic::async_trait]
impl BehaviorService for Service {
    type ObserveBehaviorStream = Answers<proto::ObserveBehaviorResponse>;

    async fn enroll_behavior(
        &self,
        request: Request<proto::EnrollBehaviorRequest>,
    ) -> Result<Response<proto::EnrollBehaviorResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::enroll_behavior(request.into_inner())?;
        let answer = run(&self.app, call, |app, by| app.enroll_behavior(by, command)).await?;
        Ok(Response::new(convert::behavior_enrollment(answer)))
    }

    async fn verify_behavior(
        &self,
        request: Request<proto::VerifyBehaviorRequest>,
    ) -> Result<Response<proto::VerifyBehaviorResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::verify_behavior(request.into_inner())?;
        let answer = run(&self.app, call, |app, by| app.verify_behavior(by, command)).await?;
        let result = Some(convert::behavior_result(answer));
        Ok(Response::new(proto::VerifyBehaviorResponse { result }))
    }

    async fn observe_behavior(
        &self,
        request: Request<Streaming<proto::ObserveBehaviorRequest>>,
    ) -> Result<Response<Self::ObserveBehaviorStream>, Status> {
        let call = call::of(&request)?;
        let (answers, receiver) = mpsc::channel(MAX_WAITING_ANSWERS);
        let inbox = Inbox::new(request.into_inner(), self.live.clone(), call.client_deadline);
        let (app, updates) = (Arc::clone(&self.app), answers.clone());
        tokio::spawn(async move {
            // A task of its own, so that a panic in it is answered.
            let mut driver = tokio::spawn(drive(inbox, app, call, updates));
            let last = tokio::select! {
                biased;
                () = answers.closed() => {
                    driver.abort();
                    return;
                }
                last = &mut driver => last,
            };
            let last = last.unwrap_or_else(|_| Err(status::internal("a use-case panicked")));
            // Updates leave one place free, so that this fails only when the client is gone.
            let _ = answers.try_send(last);
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn get_behavior_profiles(
        &self,
        request: Request<proto::GetBehaviorProfilesRequest>,
    ) -> Result<Response<proto::GetBehaviorProfilesResponse>, Status> {
        let call = call::of(&request)?;
        // Each profile names its own background; a model of voice has no part in it.
        let policy_only = proto::Versions {
            model: String::new(),
            calibration: String::new(),
            ..call::versions(&self.app, &call)
        };
        let subject = convert::get_behavior_profiles(request.into_inner())?;
        let found = run(&self.app, call, |app, by| app.behavior_profiles(by, subject)).await?;
        Ok(Response::new(proto::GetBehaviorProfilesResponse {
            profiles: found.into_iter().map(convert::behavior_profile).collect(),
            versions: Some(policy_only),
        }))
    }

    async fn delete_behavior_profile(
        &self,
        request: Request<proto::DeleteBehaviorProfileRequest>,
    ) -> Result<Response<proto::DeleteBehaviorProfileResponse>, Status> {
        let call = call::of(&request)?;
        let command = convert::delete_behavior_profile(request.into_inner())?;
        let done = run(&self.app, call, |app, by| app.delete_behavior_profile(by, command)).await?;
        Ok(Response::new(proto::DeleteBehaviorProfileResponse {
            decision_id: done.decision_id.into(),
            versions: Some(convert::versions(&done.versions)),
        }))
    }
}

/// The receiving side of a stream of captures. Nothing waits here: the next message is read when the one
/// before it is done with, and until then the connection's flow control holds the client back.
struct Inbox {
    stream: Streaming<proto::ObserveBehaviorRequest>,
    settings: LiveSettings,
    started: Instant,
    client_deadline: Option<Instant>,
}

/// What came of waiting for a message.
enum Next {
    Message(Message),
    /// The client closed the sending side, or time is up for another message: what came is decided.
    End,
}

impl Inbox {
    fn new(
        stream: Streaming<proto::ObserveBehaviorRequest>,
        settings: LiveSettings,
        client_deadline: Option<Instant>,
    ) -> Self {
        Self { stream, settings, started: Instant::now(), client_deadline }
    }

    async fn next(&mut self) -> Result<Next, Status> {
        let mut stop = self.settings.stop.clone();
        let total_at = self.started + self.settings.total;
        let ends_at = total_at.min(Instant::now() + self.settings.idle);
        // Without a deadline of the client the other timers are earlier.
        let deadline = self.client_deadline.unwrap_or(ends_at + self.settings.idle);
        tokio::select! {
            biased;
            // An error means the sender is gone, which is a stop as well.
            _ = stop.wait_for(|&stop| stop) => Ok(Next::End),
            () = sleep_until(deadline) => {
                Err(status::deadline(deadline.duration_since(self.started)))
            }
            () = sleep_until(ends_at) => Ok(Next::End),
            message = self.stream.message() => match message? {
                None => Ok(Next::End),
                Some(message) => match message.message {
                    Some(message) => Ok(Next::Message(message)),
                    None => Err(status::stream_order("a message is empty")),
                },
            },
        }
    }

    async fn config(&mut self) -> Result<proto::ObserveBehaviorConfig, Status> {
        match self.next().await? {
            Next::Message(Message::Config(config)) => Ok(config),
            Next::Message(Message::Capture(_)) => Err(status::stream_order(
                "the first message must carry the configuration, this one carries a capture",
            )),
            Next::End if *self.settings.stop.borrow() => Err(status::stopping()),
            Next::End => {
                Err(status::stream_order("the stream ended before its configuration came"))
            }
        }
    }
}

/// From the configuration to the last answer. A client that hangs up ends it, except within the last
/// step, which runs on by itself.
async fn drive(
    mut inbox: Inbox,
    app: Arc<dyn Application>,
    call: Call,
    answers: mpsc::Sender<Result<proto::ObserveBehaviorResponse, Status>>,
) -> Result<proto::ObserveBehaviorResponse, Status> {
    let command = convert::observe_behavior(inbox.config().await?)?;
    let subject: SubjectId = command.subject.clone();
    let opened = run(&app, call.clone(), |app, by| app.observe_behavior(by, command));
    let mut live = opened.await?;
    let mut number = 0;
    let answer = |message| proto::ObserveBehaviorResponse { message: Some(message) };
    while let Next::Message(message) = inbox.next().await? {
        let Message::Capture(capture) = message else {
            return Err(status::stream_order("the configuration comes once, as the first message"));
        };
        number += 1;
        let capture = convert::behavior_capture(capture, &subject, number, "capture")?;
        let update = live.push(capture).await.map_err(|error| status::status(&error))?;
        if answers.capacity() > 1 {
            // Nobody else sends: between the question and this nothing takes the place.
            let _ = answers.try_send(Ok(answer(Answer::Update(convert::behavior_update(update)))));
        }
    }
    let result = live.finish().await.map_err(|error| status::status(&error))?;
    drop(call);
    Ok(answer(Answer::Result(convert::behavior_result(result))))
}
