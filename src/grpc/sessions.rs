//! `SessionService`. A stream is a connection of a session: it passes messages in and responses out, and
//! when it breaks off the session goes on without it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::grpc::call::{self, Call, run};
use crate::grpc::convert::{self, Start};
use crate::grpc::inbox::LiveSettings;
use crate::grpc::proto;
use crate::grpc::proto::session_service_server::SessionService;
use crate::grpc::status;
use crate::usecase::port::{Application, LiveSession};
use crate::usecase::sessions::SessionResponse;

/// Longest that the error which ends a stream waits for a client that does not read.
const LAST_WORD: Duration = Duration::from_secs(1);
/// Responses on their way to the transport; more wait in the session.
const MAX_IN_TRANSIT: usize = 8;

/// The service.
pub struct Service {
    /// The application.
    pub app: Arc<dyn Application>,
    /// Timers and limits of streams.
    pub live: LiveSettings,
}

type Answer = Result<proto::RunResponse, Status>;

/// From the first message to the end of the stream.
async fn drive(
    app: Arc<dyn Application>,
    mut stream: Streaming<proto::RunRequest>,
    call: Call,
    settings: LiveSettings,
    answers: mpsc::Sender<Answer>,
) {
    let outcome = tokio::select! {
        biased;
        // The client is gone; dropping its end of the session tells the session so.
        () = answers.closed() => return,
        outcome = pass(&app, &mut stream, call, settings, &answers) => outcome,
    };
    if let Err(error) = outcome {
        // Nobody listens when the client is gone.
        let _ = answers.send_timeout(Err(error), LAST_WORD).await;
    }
}

async fn pass(
    app: &Arc<dyn Application>,
    stream: &mut Streaming<proto::RunRequest>,
    call: Call,
    settings: LiveSettings,
    answers: &mpsc::Sender<Answer>,
) -> Result<(), Status> {
    let (deadline, started) = (call.client_deadline, Instant::now());
    let first = timeout(settings.idle, stream.message())
        .await
        .map_err(|_| status::deadline(settings.idle))??;
    let first = first.ok_or_else(|| {
        status::stream_order("the stream was closed before it opened or resumed a session")
    })?;
    let mut live: Box<dyn LiveSession> = match convert::start(first)?.with(call.grant.clone()) {
        Start::Open(open) => run(app, call.clone(), |app, by| app.open_session(by, *open)).await?,
        Start::Resume(resume) => {
            run(app, call.clone(), |app, by| app.resume_session(by, resume)).await?
        }
    };
    let responses = live.responses();
    let mut responses = responses.ok_or_else(|| status::internal("a session has no responses"))?;
    let mut stop = settings.stop.clone();
    let mut speaking = true;
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return Err(status::stopping()),
            () = at(deadline) => return Err(status::deadline(started.elapsed())),
            response = responses.recv() => {
                let Some(response) = response else {
                    return if speaking { Err(status::session_moved()) } else { Ok(()) };
                };
                let last = matches!(response.response, SessionResponse::Ended(_));
                let answer = Ok(convert::session_output(response));
                let sent = tokio::select! {
                    biased;
                    () = stopped(&mut stop) => return Err(status::stopping()),
                    () = at(deadline) => return Err(status::deadline(started.elapsed())),
                    // A client that does not read must not hold its place for ever; it may resume.
                    sent = answers.send_timeout(answer, settings.idle) => sent,
                };
                match sent {
                    Err(SendTimeoutError::Timeout(_)) => return Err(status::deadline(settings.idle)),
                    Err(SendTimeoutError::Closed(_)) => return Ok(()),
                    Ok(()) if last => return Ok(()),
                    Ok(()) => {}
                }
            }
            message = stream.message(), if speaking => {
                // A stream that broke off is a lost connection; one that said what cannot be read is told so.
                let Some(message) = message? else {
                    // Lost, too, is one that was closed without `close`; after it, the rest is still heard. A session
                    // that is gone says nothing: its responses end.
                    speaking = false;
                    let _ = live.hang_up().await;
                    continue;
                };
                let (sequence, message) = convert::message(message).ok_or_else(|| {
                    status::stream_order("a session is opened or resumed once, by the first message; later ones say something else")
                })?;
                live.push(sequence, message).await.map_err(|error| status::status(&error))?;
            }
        }
    }
}

/// Waits until the server stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means the sender is gone, which is a stop as well.
    let _ = stop.wait_for(|&stop| stop).await;
}

/// Waits for a moment; without one for ever.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[tonic::async_trait]
impl SessionService for Service {
    type RunStream = ReceiverStream<Answer>;

    async fn run(
        &self,
        request: Request<Streaming<proto::RunRequest>>,
    ) -> Result<Response<Self::RunStream>, Status> {
        let call = call::of(&request)?;
        let (answers, receiver) = mpsc::channel(MAX_IN_TRANSIT);
        let stream = request.into_inner();
        tokio::spawn(drive(Arc::clone(&self.app), stream, call, self.live.clone(), answers));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn mint_session_token(
        &self,
        request: Request<proto::MintSessionTokenRequest>,
    ) -> Result<Response<proto::MintSessionTokenResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let command = convert::mint_session_token(request.into_inner())?;
        let minted = run(&self.app, call, |app, by| app.mint_session_token(by, command)).await?;
        Ok(Response::new(proto::MintSessionTokenResponse {
            token: minted.token,
            expires_at: Some(convert::timestamp_out(minted.expires_at)),
            versions: Some(versions),
        }))
    }

    async fn get_session(
        &self,
        request: Request<proto::GetSessionRequest>,
    ) -> Result<Response<proto::GetSessionResponse>, Status> {
        let call = call::of(&request)?;
        let session = convert::session_id(&request.into_inner().session_id)?;
        let found = run(&self.app, call, |app, by| app.session_status(by, session)).await?;
        Ok(Response::new(convert::session_status(found)))
    }

    async fn report_context(
        &self,
        request: Request<proto::ReportContextRequest>,
    ) -> Result<Response<proto::ReportContextResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let command = convert::report_context(request.into_inner())?;
        run(&self.app, call, |app, by| app.report_context(by, command)).await?;
        Ok(Response::new(proto::ReportContextResponse { versions: Some(versions) }))
    }

    async fn end_session(
        &self,
        request: Request<proto::EndSessionRequest>,
    ) -> Result<Response<proto::EndSessionResponse>, Status> {
        let call = call::of(&request)?;
        let versions = call::versions(&self.app, &call);
        let request = request.into_inner();
        // Ending twice ends once: the key has nothing to guard, but its form is the same everywhere.
        convert::idempotency_key(&request.idempotency_key, "idempotency_key")?;
        let session = convert::session_id(&request.session_id)?;
        let ended = run(&self.app, call, |app, by| app.end_session(by, session)).await?;
        Ok(Response::new(proto::EndSessionResponse {
            ended: Some(convert::session_ended(ended)),
            versions: Some(versions),
        }))
    }
}
