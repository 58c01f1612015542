//! What every call passes before its message is read: request id, limits, API key, deadline; and the
//! one line the log holds of it. Health needs no key; reflection needs none on a loopback address.

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::Message as _;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::codegen::{Bytes, Service, http};
use tonic::{Code, Status};
use tower::Layer;

use crate::grpc::call::{Call, Places, RequestId};
use crate::grpc::connection::ConnectionInfo;
use crate::grpc::frames::Messages;
use crate::grpc::{proto, status};
use crate::usecase::UseCaseError;
use crate::usecase::command::Caller;
use crate::usecase::port::Application;
use crate::usecase::sessions::{SESSION_TOKEN_PREFIX, SessionGrant};

/// When to come back after a limit on calls.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// The transport enforces the client's `grpc-timeout` too; being a little earlier lets the answer
/// carry its details.
const DEADLINE_MARGIN: Duration = Duration::from_millis(2);
/// Where a token of a session is good for something.
const SESSION_PATH: &str = "/vouch.v1.SessionService/Run";
/// Longest API key looked at, in bytes.
const MAX_API_KEY_LEN: usize = 256;

/// Shared by all calls.
pub struct Guard {
    app: Arc<dyn Application>,
    calls: Arc<Semaphore>,
    request_timeout: Duration,
    max_message_bytes: usize,
    open_reflection: bool,
    methods: HashSet<String>,
}

impl Guard {
    /// At most as many calls as `calls` has permits, each message at most `max_message_bytes` long.
    pub fn new(
        app: Arc<dyn Application>,
        calls: Arc<Semaphore>,
        request_timeout: Duration,
        max_message_bytes: usize,
        open_reflection: bool,
    ) -> Self {
        let methods = methods();
        Self { app, calls, request_timeout, max_message_bytes, open_reflection, methods }
    }

    fn open(&self, path: &str) -> bool {
        path.starts_with("/grpc.health.v1.Health/")
            || (self.open_reflection && path.starts_with("/grpc.reflection."))
    }

    /// The method for the log; what a client invents is not written down.
    fn method<'a>(&'a self, path: &str) -> &'a str {
        if path.starts_with("/grpc.health.v1.Health/") {
            return "/grpc.health.v1.Health";
        }
        if path.starts_with("/grpc.reflection.") {
            return "/grpc.reflection";
        }
        self.methods.get(path).map_or("unknown", String::as_str)
    }

    fn places(&self, extensions: &http::Extensions) -> Result<Places, Status> {
        let take = |s: &Arc<Semaphore>, what| {
            Arc::clone(s).try_acquire_owned().map_err(|_| status::busy(what, RETRY_AFTER))
        };
        let connection = extensions
            .get::<ConnectionInfo>()
            .map(|info| take(&info.calls, "the number of calls on this connection"))
            .transpose()?;
        let server = take(&self.calls, "the number of calls on this server")?;
        Ok(Places { server, connection })
    }

    /// Who calls. A token of a session opens and resumes sessions and does nothing else; anywhere else it
    /// is an unknown API key.
    async fn authenticate(
        &self,
        path: &str,
        headers: &http::HeaderMap,
    ) -> Result<(Caller, Option<SessionGrant>), Status> {
        let refuse = || status::status(&UseCaseError::Unauthenticated);
        let key = api_key(headers).ok_or_else(refuse)?;
        let outcome = if path == SESSION_PATH && key.starts_with(SESSION_TOKEN_PREFIX) {
            let found = self.app.authenticate_session(key).await;
            found.map(|(caller, grant)| (caller, Some(grant)))
        } else {
            self.app.authenticate(key).await.map(|caller| (caller, None))
        };
        outcome.map_err(|error| status::status(&error))
    }
}

/// Paths of every method of `vouch.v1`.
fn methods() -> HashSet<String> {
    let files = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS)
        .expect("the descriptors were written by our build script");
    let mut paths = HashSet::new();
    for file in files.file {
        for service in &file.service {
            for method in &service.method {
                let (package, service) = (file.package(), service.name());
                paths.insert(format!("/{package}.{service}/{}", method.name()));
            }
        }
    }
    paths
}

/// The key of `authorization: Bearer vk_…` or `x-api-key: vk_…`.
fn api_key(headers: &http::HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let bearer = text("authorization").and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    bearer
        .or_else(|| text("x-api-key"))
        .filter(|key| !key.is_empty() && key.len() <= MAX_API_KEY_LEN)
}

/// The client's `grpc-timeout` (gRPC over HTTP/2: at most 8 digits and a unit).
fn client_timeout(headers: &http::HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(n * 3_600)),
        "M" => Some(Duration::from_secs(n * 60)),
        "S" => Some(Duration::from_secs(n)),
        "m" => Some(Duration::from_millis(n)),
        "u" => Some(Duration::from_micros(n)),
        "n" => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

/// Reads bytes as the value of each header above; whether any of them means something.
pub fn read_headers(value: &[u8]) -> bool {
    let Ok(value) = http::HeaderValue::from_bytes(value) else {
        return false;
    };
    let names = ["authorization", "x-api-key", "grpc-timeout"].map(http::HeaderName::from_static);
    let with =
        |name: &http::HeaderName| http::HeaderMap::from_iter([(name.clone(), value.clone())]);
    let key = names[..2].iter().any(|name| api_key(&with(name)).is_some());
    key || client_timeout(&with(&names[2])).is_some()
}

/// Puts a [`Guard`] around the services.
#[derive(Clone)]
pub struct GuardLayer(pub Arc<Guard>);

impl<S> Layer<S> for GuardLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, guard: Arc::clone(&self.0) }
    }
}

/// Services behind a [`Guard`].
#[derive(Clone)]
pub struct Guarded<S> {
    inner: S,
    guard: Arc<Guard>,
}

type Answer = http::Response<Body>;

impl<S> Service<http::Request<Body>> for Guarded<S>
where
    S: Service<http::Request<Body>, Response = Answer, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        // The instance that was polled ready is the one to call.
        let ready = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, ready);
        let guard = Arc::clone(&self.guard);
        Box::pin(async move { Ok(answer(guard, inner, request).await) })
    }
}

async fn answer<S>(guard: Arc<Guard>, inner: S, mut request: http::Request<Body>) -> Answer
where
    S: Service<http::Request<Body>, Response = Answer, Error = Infallible>,
{
    if let Some(connection) = request.extensions().get::<ConnectionInfo>() {
        connection.asks();
    }
    let mut line = LogLine::new(guard.method(request.uri().path()));
    let id = line.id;
    let response = match admit(&guard, &mut request, &mut line).await {
        Err(refusal) => refusal.into_http(),
        Ok(limit) => {
            let max = guard.max_message_bytes;
            let request = request.map(|body| Body::new(Messages::new(body, max)));
            within(limit, inner, request).await
        }
    };
    line.watch(response, id)
}

/// Limits and key; the time the call may take.
async fn admit(
    guard: &Guard,
    request: &mut http::Request<Body>,
    line: &mut LogLine,
) -> Result<Duration, Status> {
    let client_timeout = client_timeout(request.headers());
    let limit = client_timeout.map_or(guard.request_timeout, |t| t.min(guard.request_timeout));
    let limit = limit.saturating_sub(DEADLINE_MARGIN);
    if guard.open(request.uri().path()) {
        return Ok(limit);
    }
    let places = guard.places(request.extensions())?;
    let started = line.started;
    let known = guard.authenticate(request.uri().path(), request.headers());
    let (caller, grant) =
        tokio::time::timeout(limit, known).await.map_err(|_| status::deadline(limit))??;
    let caller = Arc::new(caller);
    line.caller = Some(Arc::clone(&caller));
    // No service and no log needs the key from here on.
    request.headers_mut().remove("authorization");
    request.headers_mut().remove("x-api-key");
    request.extensions_mut().insert(Call {
        caller,
        grant,
        id: line.id,
        client_deadline: client_timeout.map(|t| started + t.saturating_sub(DEADLINE_MARGIN)),
        places: Arc::new(places),
    });
    Ok(limit.saturating_sub(started.elapsed()))
}

/// The answer of the service, or DEADLINE_EXCEEDED. For live streams this bounds only the start.
async fn within<S>(limit: Duration, mut inner: S, request: http::Request<Body>) -> Answer
where
    S: Service<http::Request<Body>, Response = Answer, Error = Infallible>,
{
    match tokio::time::timeout(limit, inner.call(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => status::deadline(limit).into_http(),
    }
}

/// What the log says of a call, written once, when its answer ends.
struct LogLine {
    id: RequestId,
    method: String,
    caller: Option<Arc<Caller>>,
    started: Instant,
}

impl LogLine {
    fn new(method: &str) -> Self {
        Self {
            id: RequestId::next(),
            method: method.to_owned(),
            caller: None,
            started: Instant::now(),
        }
    }

    /// Lets the line be written when the answer ends, and names the call in it.
    fn watch(self, mut response: Answer, id: RequestId) -> Answer {
        if let Ok(value) = http::HeaderValue::from_str(&id.to_string()) {
            response.headers_mut().insert("x-request-id", value);
        }
        let code = grpc_code(response.headers());
        response.map(|inner| Body::new(Watched { inner, code, line: Some(self) }))
    }

    fn write(self, code: Option<i32>) {
        let code = status::code(code.unwrap_or(Code::Cancelled as i32));
        let duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (tenant, key) = match &self.caller {
            Some(caller) => (caller.tenant.as_str(), caller.key.as_str()),
            None => ("", ""),
        };
        tracing::info!(
            target: "vouch::grpc",
            request_id = %self.id,
            method = self.method,
            code,
            duration_ms,
            tenant,
            key,
            "call"
        );
    }
}

fn grpc_code(headers: &http::HeaderMap) -> Option<i32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// The body of an answer, watched for its status; dropped without one, the call was cancelled.
struct Watched {
    inner: Body,
    code: Option<i32>,
    line: Option<LogLine>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.code = grpc_code(trailers).or(self.code);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            line.write(self.code);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> http::HeaderMap {
        let pair = |&(k, v): &(&'static str, &'static str)| {
            (http::HeaderName::from_static(k), http::HeaderValue::from_static(v))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn the_key_stands_in_either_header() {
        assert_eq!(api_key(&headers(&[("authorization", "Bearer vk_1")])), Some("vk_1"));
        assert_eq!(api_key(&headers(&[("authorization", "bearer vk_1")])), Some("vk_1"));
        assert_eq!(api_key(&headers(&[("x-api-key", "vk_2")])), Some("vk_2"));
        assert_eq!(api_key(&headers(&[("authorization", "Basic vk_1")])), None);
        assert_eq!(api_key(&headers(&[("authorization", "Bearer ")])), None);
        assert_eq!(api_key(&headers(&[])), None);
    }

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        let read = |text| client_timeout(&headers(&[("grpc-timeout", text)]));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("2S"), Some(Duration::from_secs(2)));
        assert_eq!(read("1H"), Some(Duration::from_secs(3_600)));
        for bad in ["", "S", "123456789S", "1x", "-1S", "+1S", "é"] {
            let value = http::HeaderValue::from_bytes(bad.as_bytes()).expect("a header value");
            let map = http::HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-timeout"),
                value,
            )]);
            assert_eq!(client_timeout(&map), None, "{bad}");
        }
    }

    #[test]
    fn every_method_of_the_package_is_known() {
        let methods = methods();
        assert!(methods.contains("/vouch.v1.VerificationService/VerifyStream"));
        assert!(methods.contains("/vouch.v1.SubjectService/EraseSubject"));
        assert_eq!(methods.iter().filter(|m| m.starts_with("/vouch.v1.")).count(), methods.len());
    }
}
