//! A session as a client sees it: numbered messages out at their pace, whatever the server says back.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Client, ClientError, STREAM_DEPTH};
use crate::grpc::proto as pb;
use pb::run_request::Message as Sent;
use pb::run_response::Message as Received;
use pb::session_service_client::SessionServiceClient;

impl Client {
    /// Runs one session: opens it, sends `messages` in order, each after waiting its time, and shows `on_answer`
    /// everything that comes back. The last message should close the session: without it the server waits for
    /// the client to come back.
    ///
    /// # Errors
    ///
    /// What ended the stream before the session's end, or [`ClientError::NoResult`] if nothing said so.
    pub async fn run_session(
        &self,
        open: pb::OpenSession,
        messages: Vec<(Duration, Sent)>,
        mut on_answer: impl FnMut(&Received),
    ) -> Result<pb::SessionEnded, ClientError> {
        let (sender, receiver) = mpsc::channel(STREAM_DEPTH);
        let feeder = tokio::spawn(feed(sender, open, messages));
        let mut client = SessionServiceClient::new(self.transport.clone());
        let mut answers = client.run(ReceiverStream::new(receiver)).await?.into_inner();
        let mut ended = None;
        while let Some(answer) = answers.message().await? {
            let Some(received) = answer.message else { continue };
            on_answer(&received);
            if let Received::Ended(end) = received {
                ended = Some(end);
            }
        }
        feeder.abort();
        ended.ok_or(ClientError::NoResult)
    }
}

/// Sends the opening, then messages numbered from 1, until done or until the server listens no more.
async fn feed(
    sender: mpsc::Sender<pb::RunRequest>,
    open: pb::OpenSession,
    messages: Vec<(Duration, Sent)>,
) {
    let opening = std::iter::once((Duration::ZERO, Sent::Open(open)));
    let mut due = tokio::time::Instant::now();
    for (sequence, (wait, message)) in (0..).zip(opening.chain(messages)) {
        due += wait;
        tokio::time::sleep_until(due).await;
        if sender.send(pb::RunRequest { sequence, message: Some(message) }).await.is_err() {
            return;
        }
    }
}
