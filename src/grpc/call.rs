//! What the guard knows of a call, handed to the services in the request's extensions, and running
//! use-cases so that neither a client that hangs up nor a deadline interrupts one half-way.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tonic::{Request, Status};

use crate::grpc::{convert, proto, status};
use crate::usecase::command::Caller;
use crate::usecase::port::{Application, Reply};
use crate::usecase::sessions::SessionGrant;

/// Name of a call in logs and in the answer's metadata `x-request-id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    process: u32,
    number: u64,
}

impl RequestId {
    /// The next one: a part that differs between processes and a counter.
    pub fn next() -> Self {
        static PROCESS: OnceLock<u64> = OnceLock::new();
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let process =
            *PROCESS.get_or_init(|| std::hash::RandomState::new().build_hasher().finish());
        Self { process: (process >> 32) as u32, number: NUMBER.fetch_add(1, Ordering::Relaxed) }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:x}", self.process, self.number)
    }
}

/// The places a call takes among the calls of the server and of its connection, given back when the
/// last clone is dropped.
#[derive(Debug)]
pub struct Places {
    /// Among all calls.
    pub server: OwnedSemaphorePermit,
    /// Among the calls of its connection.
    pub connection: Option<OwnedSemaphorePermit>,
}

/// An admitted, authenticated call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who calls.
    pub caller: Arc<Caller>,
    /// What the token of a session is good for, where one was presented in place of an API key.
    pub grant: Option<SessionGrant>,
    /// Its name.
    pub id: RequestId,
    /// When the client stops waiting, if it said so.
    pub client_deadline: Option<Instant>,
    /// Held as long as work is done for it.
    pub places: Arc<Places>,
}

/// The call of a request that came through the guard.
pub fn of<T>(request: &Request<T>) -> Result<Call, Status> {
    match request.extensions().get::<Call>() {
        Some(call) => Ok(call.clone()),
        None => Err(status::internal("a request came past the guard")),
    }
}

/// What is in force for the caller's tenant.
pub fn versions(app: &Arc<dyn Application>, call: &Call) -> proto::Versions {
    convert::versions(&app.versions(Some(&call.caller.tenant)))
}

/// Runs a use-case to its end, even if nobody waits any more; its places stay taken until then.
pub async fn run<T, F>(app: &Arc<dyn Application>, call: Call, act: F) -> Result<T, Status>
where
    T: Send + 'static,
    F: for<'a> FnOnce(&'a dyn Application, &'a Caller) -> Reply<'a, T> + Send + 'static,
{
    let app = Arc::clone(app);
    let task = tokio::spawn(async move {
        let outcome = act(app.as_ref(), &call.caller).await;
        drop(call.places);
        outcome
    });
    match task.await {
        Ok(outcome) => outcome.map_err(|error| status::status(&error)),
        Err(_) => Err(status::internal("a use-case panicked")),
    }
}
