//! Running a live stream. Two tasks: the worker owns the live object and is never interrupted inside a
//! use-case; the driver receives audio, hands it over in pieces, and answers. Short packets that cannot
//! bring news are handed over together, which costs one hop between threads instead of many. When the client
//! goes away or breaks a rule the driver leaves, and the worker drops the live object unfinished.

use std::future::Future;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::grpc::call::Call;
use crate::grpc::inbox::{Inbox, LiveSettings, PROBE_BYTES, StreamRequest};
use crate::grpc::status;
use crate::usecase::UseCaseError;
use crate::usecase::command::Chunk;

/// Answers waiting for a client that reads slowly. Updates that find only the last place free are
/// dropped: it is the final answer's.
const MAX_WAITING_ANSWERS: usize = 8;

/// What a pushed chunk led to.
pub enum Step<A> {
    /// Nothing new.
    Quiet,
    /// An update on the way.
    Update(A),
    /// The last answer.
    Final(A),
}

/// A live object of the application with its answers in proto.
pub trait Live: Sized + Send + 'static {
    /// Message of the answering stream.
    type Answer: Send + 'static;
    /// Takes chunks.
    fn push(
        &mut self,
        chunks: Vec<Chunk>,
    ) -> impl Future<Output = Result<Step<Self::Answer>, UseCaseError>> + Send;
    /// How much more audio must come before there can be news, in milliseconds.
    fn patience_ms(&self) -> u64;
    /// How long this many bytes last, in milliseconds; 0 while unknown.
    fn duration_ms(&self, bytes: usize) -> u64;
    /// The last answer.
    fn finish(self) -> impl Future<Output = Result<Self::Answer, UseCaseError>> + Send;
}

/// The answering side of a live stream.
pub type Answers<A> = ReceiverStream<Result<A, Status>>;

/// Starts a live stream; `open` makes the live object from the configuration.
pub fn start<R, L, O, F>(
    stream: Streaming<R>,
    call: Call,
    settings: LiveSettings,
    open: O,
) -> Answers<L::Answer>
where
    R: StreamRequest,
    L: Live,
    O: FnOnce(R::Config) -> F + Send + 'static,
    F: Future<Output = Result<L, Status>> + Send + 'static,
{
    let (answers, receiver) = mpsc::channel(MAX_WAITING_ANSWERS);
    let inbox = Inbox::new(stream, settings, call.client_deadline);
    tokio::spawn(async move {
        let last = tokio::select! {
            biased;
            () = answers.closed() => return,
            last = drive(inbox, call, open, &answers) => last,
        };
        // Updates leave one place free, so that this fails only when the client is gone.
        let _ = answers.try_send(last);
    });
    ReceiverStream::new(receiver)
}

enum Order {
    Push(Vec<Chunk>),
    Finish,
}

struct Report<A> {
    outcome: Result<Step<A>, UseCaseError>,
    probe_ms: u64,
    patience_ms: u64,
}

/// From the configuration to the last answer.
async fn drive<R, L, O, F>(
    mut inbox: Inbox<R>,
    call: Call,
    open: O,
    answers: &mpsc::Sender<Result<L::Answer, Status>>,
) -> Result<L::Answer, Status>
where
    R: StreamRequest,
    L: Live,
    O: FnOnce(R::Config) -> F,
    F: Future<Output = Result<L, Status>>,
{
    let config = inbox.config().await?;
    let live = open(config).await?;
    inbox.processed(live.duration_ms(PROBE_BYTES), live.patience_ms());
    // One order at a time: what waits, waits in the inbox, where it is counted.
    let (orders, order_receiver) = mpsc::channel(1);
    let (report_sender, mut reports) = mpsc::channel(1);
    tokio::spawn(work(live, call, order_receiver, report_sender));

    let mut busy = false;
    loop {
        if !busy {
            let order = match inbox.pop() {
                Some(chunks) => Some(Order::Push(chunks)),
                None => inbox.finished().then_some(Order::Finish),
            };
            if let Some(order) = order {
                busy = true;
                orders.send(order).await.map_err(|_| worker_lost())?;
            }
        }
        tokio::select! {
            biased;
            report = reports.recv(), if busy => {
                busy = false;
                let Report { outcome, probe_ms, patience_ms } = report.ok_or_else(worker_lost)?;
                inbox.processed(probe_ms, patience_ms);
                match outcome.map_err(|error| status::status(&error))? {
                    Step::Quiet => {}
                    Step::Update(update) => offer(answers, update),
                    Step::Final(last) => return Ok(last),
                }
            }
            received = inbox.receive(), if !inbox.ended() => received?,
        }
    }
}

fn worker_lost() -> Status {
    status::internal("the worker of a live stream ended unexpectedly")
}

/// Hands an update over unless only the last place is free.
fn offer<A>(answers: &mpsc::Sender<Result<A, Status>>, update: A) {
    if answers.capacity() > 1 {
        // The driver is the only sender: between the question and this nothing takes the place.
        let _ = answers.try_send(Ok(update));
    }
}

/// Owns the live object. Ends when told to finish, on a last answer or error, or when the driver is
/// gone; the call's places stay taken until then.
async fn work<L: Live>(
    mut live: L,
    call: Call,
    mut orders: mpsc::Receiver<Order>,
    reports: mpsc::Sender<Report<L::Answer>>,
) {
    while let Some(order) = orders.recv().await {
        let report = match order {
            Order::Finish => {
                let outcome = live.finish().await.map(Step::Final);
                // Nobody listens when the client is gone; the decision is recorded all the same.
                let _ = reports.send(Report { outcome, probe_ms: 0, patience_ms: 0 }).await;
                break;
            }
            Order::Push(chunks) => {
                let outcome = live.push(chunks).await;
                let probe_ms = live.duration_ms(PROBE_BYTES);
                Report { outcome, probe_ms, patience_ms: live.patience_ms() }
            }
        };
        if !matches!(report.outcome, Ok(Step::Quiet | Step::Update(_))) {
            // Its idempotency key is given back before the client can come with it again.
            drop(live);
            let _ = reports.send(report).await;
            break;
        }
        if reports.send(report).await.is_err() {
            break;
        }
    }
    drop(call);
}
