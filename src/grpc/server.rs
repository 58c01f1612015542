//! Listening, serving, stopping.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout_at};
use tonic::service::Routes;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::grpc::connection::{Incoming, Patience};
use crate::grpc::guard::{Guard, GuardLayer};
use crate::grpc::inbox::LiveSettings;
use crate::grpc::proto::age_service_server::AgeServiceServer;
use crate::grpc::proto::audit_service_server::AuditServiceServer;
use crate::grpc::proto::behavior_service_server::BehaviorServiceServer;
use crate::grpc::proto::conversation_service_server::ConversationServiceServer;
use crate::grpc::proto::enrollment_service_server::EnrollmentServiceServer;
use crate::grpc::proto::feedback_service_server::FeedbackServiceServer;
use crate::grpc::proto::identification_service_server::IdentificationServiceServer;
use crate::grpc::proto::model_service_server::ModelServiceServer;
use crate::grpc::proto::policy_service_server::PolicyServiceServer;
use crate::grpc::proto::session_service_server::SessionServiceServer;
use crate::grpc::proto::subject_service_server::SubjectServiceServer;
use crate::grpc::proto::verification_service_server::VerificationServiceServer;
use crate::grpc::settings::{OutOfRange, ServerSettings, TlsSettings};
use crate::grpc::{
    age, audit, behavior, conversation, enrollment, feedback, health, identification, models,
    policies, proto, sessions, subjects, verification,
};
use crate::usecase::port::Application;

/// HTTP/2 streams of a connection beyond its calls: health, reflection, and calls to be refused.
const SPARE_STREAMS: u32 = 32;
/// Longest TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time between a connection and its first request. Long enough for a client that connects ahead; one that
/// is cut off connects again.
const FIRST_REQUEST: Duration = Duration::from_secs(300);
/// Beyond the time in which a client that speaks HTTP/2 must answer a ping.
const SILENCE_MARGIN: Duration = Duration::from_secs(1);

/// Why the server cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A setting is out of its range.
    #[error(transparent)]
    Settings(#[from] OutOfRange),
    /// An address others can reach, without TLS.
    #[error(
        "refusing to listen on {0} without TLS: set server.tls.cert_file and server.tls.key_file, or listen on a loopback address"
    )]
    NeedsTls(SocketAddr),
    /// An address others can reach, without an API key.
    #[error(
        "refusing to listen on {0} without an API key: make one with `vouch key create`, or listen on a loopback address"
    )]
    NeedsKey(SocketAddr),
    /// The address cannot be taken.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A TLS file cannot be read.
    #[error("cannot read {path}")]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Certificate or key are wrong, or serving failed.
    #[error("the transport failed, or the TLS certificate or key is wrong")]
    Transport(#[from] tonic::transport::Error),
    /// The descriptors are wrong.
    #[error("the reflection service cannot be built")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// How stopping went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every call ended.
    All,
    /// This many calls were still running when the time was up.
    Cut(usize),
}

/// A server that listens and does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<ServerTlsConfig>,
    settings: ServerSettings,
    app: Arc<dyn Application>,
}

impl Server {
    /// Takes the address. `has_api_key`: at least one key exists.
    pub async fn bind(
        settings: ServerSettings,
        app: Arc<dyn Application>,
        has_api_key: bool,
    ) -> Result<Self, ServeError> {
        settings.check()?;
        let wanted = settings.listen;
        if !wanted.ip().is_loopback() {
            if settings.tls.is_none() {
                return Err(ServeError::NeedsTls(wanted));
            }
            if !has_api_key {
                return Err(ServeError::NeedsKey(wanted));
            }
        }
        let tls = settings.tls.as_ref().map(tls_config).transpose()?;
        if let Some(tls) = &tls {
            // Finds a wrong certificate or key now, not at the first connection.
            tonic::transport::Server::builder().tls_config(tls.clone())?;
        }
        let cannot = |source| ServeError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        Ok(Self { listener, address, tls, settings, app })
    }

    /// The address, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` ends. Then no call is accepted any more, live streams get their final
    /// answers, and running calls have the grace time to end.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<Drained, ServeError> {
        let settings = &self.settings;
        let (stop_sender, stopping) = watch::channel(false);
        let calls = Arc::new(Semaphore::new(settings.max_calls));
        let guard = Guard::new(
            Arc::clone(&self.app),
            Arc::clone(&calls),
            Duration::from_millis(settings.request_timeout_ms),
            settings.max_message_bytes,
            self.address.ip().is_loopback(),
        );
        let (reporter, health_service) = tonic_health::server::health_reporter();
        health::report(&reporter, &self.app).await;
        let follower = health::follow(reporter, Arc::clone(&self.app), stopping.clone());
        let follower = tokio::spawn(follower);

        let mut routes = routes(&self.app, settings, &stopping)?;
        routes = routes.add_service(health_service);
        let mut builder = transport(settings);
        if let Some(tls) = self.tls {
            builder = builder.tls_config(tls)?;
        }
        let connections = settings.max_connections;
        let pinged = settings.keepalive_interval_ms + settings.keepalive_timeout_ms;
        let patience = Patience {
            silent: Duration::from_millis(pinged) + SILENCE_MARGIN,
            first_request: FIRST_REQUEST,
        };
        let each = settings.max_calls_per_connection;
        let incoming = Incoming::new(self.listener, connections, each, patience);
        let (accept_stop, accept_stopped) = tokio::sync::oneshot::channel::<()>();
        let mut serving = std::pin::pin!(
            builder
                .layer(GuardLayer(Arc::new(guard)))
                .add_routes(routes)
                .serve_with_incoming_shutdown(incoming, async {
                    // An error means the sender is gone, which is a stop as well.
                    let _ = accept_stopped.await;
                })
        );
        tokio::select! {
            ended = &mut serving => ended?,
            () = stop => {
                tracing::info!(target: "vouch::grpc", "stopping");
                stop_sender.send_replace(true);
                let _ = accept_stop.send(());
                let deadline = Instant::now() + Duration::from_millis(settings.shutdown_grace_ms);
                // Connections that stay open beyond the grace time are left.
                if let Ok(ended) = timeout_at(deadline, &mut serving).await {
                    ended?;
                }
                let drained = drain(&calls, settings.max_calls, deadline).await;
                follower.abort();
                return Ok(drained);
            }
        }
        Ok(Drained::All)
    }
}

/// Waits until every place is free again, that is, until no use-case runs.
async fn drain(calls: &Semaphore, max_calls: usize, deadline: Instant) -> Drained {
    let all = u32::try_from(max_calls).expect("max_calls is checked to be at most 100,000");
    match timeout_at(deadline, calls.acquire_many(all)).await {
        Ok(_) => Drained::All,
        Err(_) => Drained::Cut(max_calls - calls.available_permits()),
    }
}

fn transport(settings: &ServerSettings) -> tonic::transport::Server {
    let per_connection = u32::try_from(settings.max_calls_per_connection)
        .expect("max_calls_per_connection is checked to be at most 10,000");
    tonic::transport::Server::builder()
        .initial_stream_window_size(settings.stream_window_bytes)
        .initial_connection_window_size(settings.connection_window_bytes)
        .http2_adaptive_window(Some(false))
        .max_concurrent_streams(per_connection + SPARE_STREAMS)
        .http2_max_header_list_size(settings.max_header_bytes)
        .http2_keepalive_interval(Some(Duration::from_millis(settings.keepalive_interval_ms)))
        .http2_keepalive_timeout(Some(Duration::from_millis(settings.keepalive_timeout_ms)))
}

/// Every service but health.
fn routes(
    app: &Arc<dyn Application>,
    settings: &ServerSettings,
    stopping: &watch::Receiver<bool>,
) -> Result<Routes, ServeError> {
    let max = settings.max_message_bytes;
    let app = || Arc::clone(app);
    let live = LiveSettings {
        idle: Duration::from_millis(settings.stream_idle_ms),
        total: Duration::from_millis(settings.stream_total_ms),
        max_backlog_ms: settings.max_backlog_ms,
        stop: stopping.clone(),
    };
    let enrollment = enrollment::Service { app: app(), live: live.clone() };
    let verification = verification::Service { app: app(), live: live.clone() };
    let identification = identification::Service { app: app(), live: live.clone() };
    let behavior = behavior::Service { app: app(), live: live.clone() };
    let sessions = sessions::Service { app: app(), live };
    let patience = Duration::from_millis(settings.stream_idle_ms);
    let subjects = subjects::Service { app: app(), patience };
    let audit = audit::Service { app: app() };
    let models = models::Service { app: app() };
    let age = age::Service { app: app() };
    let conversation = conversation::Service { app: app() };
    let policies = policies::Service { app: app() };
    let feedback = feedback::Service { app: app() };
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    Ok(Routes::new(EnrollmentServiceServer::new(enrollment).max_decoding_message_size(max))
        .add_service(VerificationServiceServer::new(verification).max_decoding_message_size(max))
        .add_service(
            IdentificationServiceServer::new(identification).max_decoding_message_size(max),
        )
        .add_service(SubjectServiceServer::new(subjects).max_decoding_message_size(max))
        .add_service(AuditServiceServer::new(audit).max_decoding_message_size(max))
        .add_service(ModelServiceServer::new(models).max_decoding_message_size(max))
        .add_service(AgeServiceServer::new(age).max_decoding_message_size(max))
        .add_service(BehaviorServiceServer::new(behavior).max_decoding_message_size(max))
        .add_service(ConversationServiceServer::new(conversation).max_decoding_message_size(max))
        .add_service(SessionServiceServer::new(sessions).max_decoding_message_size(max))
        .add_service(PolicyServiceServer::new(policies).max_decoding_message_size(max))
        .add_service(FeedbackServiceServer::new(feedback).max_decoding_message_size(max))
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?))
}

fn tls_config(settings: &TlsSettings) -> Result<ServerTlsConfig, ServeError> {
    let identity = Identity::from_pem(read(&settings.cert_file)?, read(&settings.key_file)?);
    let mut config = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE_TIMEOUT);
    if let Some(path) = &settings.client_ca_file {
        config = config.client_ca_root(Certificate::from_pem(read(path)?));
    }
    Ok(config)
}

fn read(path: &Path) -> Result<Vec<u8>, ServeError> {
    std::fs::read(path).map_err(|source| ServeError::TlsFile { path: path.to_owned(), source })
}
