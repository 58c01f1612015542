//! Running the server from a configuration until a signal.

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use super::admin::{self, NewKey};
use super::{AppError, WallClock, make_folder_of, master_key, open_store, voice};
use crate::audio::AudioLimits;
use crate::audit::{AnchorPolicy, Anchors};
use crate::config::{Config, clock};
use crate::domain::{Role, TenantId};
use crate::engine::Engine;
use crate::grpc::{Drained, Server};
use crate::store::sqlite::SqliteStore;
use crate::store::{AuditHead, AuditLog as _, Directory as _};
use crate::usecase::port::Application;
use crate::usecase::{Parts, Vouch};

/// The tenant made on the first start.
pub const FIRST_TENANT: &str = "default";
/// Label of the API key made on the first start.
const FIRST_LABEL: &str = "bootstrap";

/// What a started server tells.
pub struct Started {
    /// Where it listens.
    pub address: SocketAddr,
    /// Made on the first start; shown once, stored nowhere.
    pub first_key: Option<NewKey>,
}

struct Checkpoints(watch::Receiver<AuditHead>);

impl crate::usecase::Anchors for Checkpoints {
    fn checkpoint_sequence(&self) -> u64 {
        self.0.borrow().sequence
    }
}

/// Runs until `stop` ends; `started` is called once, when the server listens.
pub async fn run(
    config: &Config,
    started: impl FnOnce(Started),
    stop: impl Future<Output = ()>,
) -> Result<Drained, AppError> {
    let master = master_key::find_or_make(config)?;
    let store = open_store(config, &master).await?;
    drop(master);
    let outcome = with_store(config, &store, started, stop).await;
    store.close().await;
    let (drained, anchors) = outcome?;
    // After the store was closed, so that the last record is signed too.
    anchors.shutdown().await;
    Ok(drained)
}

async fn with_store(
    config: &Config,
    store: &SqliteStore,
    started: impl FnOnce(Started),
    stop: impl Future<Output = ()>,
) -> Result<(Drained, Anchors), AppError> {
    make_folder_of(&config.audit.checkpoint_file)?;
    let policy = AnchorPolicy {
        every_records: config.audit.every_records,
        every_ms: config.audit.every_seconds.saturating_mul(1_000),
    };
    let anchors = Anchors::start(
        &config.store.path,
        store.watch_head(),
        store.checkpoint_signer(),
        &config.audit.checkpoint_file,
        policy,
        clock::now,
    )
    .await?;
    let served = serve(config, store, &anchors, started, stop).await;
    match served {
        Ok(drained) => Ok((drained, anchors)),
        Err(error) => {
            anchors.shutdown().await;
            Err(error)
        }
    }
}

async fn serve(
    config: &Config,
    store: &SqliteStore,
    anchors: &Anchors,
    started: impl FnOnce(Started),
    stop: impl Future<Output = ()>,
) -> Result<Drained, AppError> {
    let engine = Arc::new(Engine::start(threads(config), config.engine.queue)?);
    let pinned = store.tenants().into_iter().filter_map(|tenant| tenant.extractor);
    let installed = voice::find(config, &pinned.collect());
    let fusion = super::fusion::of_server(config)?;
    super::fusion::tell(&fusion);
    let parts = Parts {
        store: Arc::new(store.clone()),
        engine: Arc::clone(&engine),
        voice: installed.voice,
        behavior: super::behavior::find(config)?,
        conversation: super::behavior::conversation()?,
        fusion,
        session_policy: super::policies::of_server(config)?,
        pinned: installed.pinned,
        configured_model: config.models.default.clone(),
        models: installed.models,
        policy: config.policy.clone(),
        audio_limits: AudioLimits::default(),
        clock: Arc::new(WallClock),
        entropy: super::entropy(),
        anchors: Arc::new(Checkpoints(anchors.watch())),
    };
    let app: Arc<dyn Application> = Arc::new(Vouch::start(parts).await?);
    let server = Server::bind(config.server.clone(), app, has_api_key(store)).await?;
    let first_key = first_key(config, store).await?;
    let address = server.local_addr();
    tracing::info!(target: "vouch::app", %address, "listening");
    started(Started { address, first_key });
    let drained = server.serve(stop).await?;
    // Blocks until the accepted jobs are done.
    let ended = tokio::task::spawn_blocking(move || engine.shutdown()).await;
    if ended.is_err() {
        tracing::error!(target: "vouch::app", "the engine ended badly");
    }
    match drained {
        Drained::All => tracing::info!(target: "vouch::app", "stopped"),
        Drained::Cut(calls) => {
            tracing::warn!(target: "vouch::app", calls, "stopped, calls were cut off")
        }
    }
    Ok(drained)
}

fn threads(config: &Config) -> usize {
    match config.engine.threads {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
        n => n,
    }
}

fn has_api_key(store: &SqliteStore) -> bool {
    let now = clock::now();
    let tenants = store.tenants();
    tenants.iter().any(|t| store.api_keys(&t.id).iter().any(|key| key.in_force(now)))
}

/// On the first start on loopback: a tenant and a key for its administrator.
async fn first_key(config: &Config, store: &SqliteStore) -> Result<Option<NewKey>, AppError> {
    if !store.tenants().is_empty() || !config.server.listen.ip().is_loopback() {
        return Ok(None);
    }
    let tenant = TenantId::parse(FIRST_TENANT)?;
    admin::put_tenant(store, &tenant).await?;
    let key = admin::put_key(store, &tenant, Role::Admin, FIRST_LABEL, None).await?;
    Ok(Some(key))
}

/// Tells a person: the address on stdout, the first key on stderr, neither in the log.
pub fn announce(started: Started) {
    let address = format!("vouch: listening on {}\n", started.address);
    // Without stdout or stderr there is nobody to tell.
    let _ = std::io::stdout().write_all(address.as_bytes());
    if let Some(key) = started.first_key {
        let text = format!(
            "vouch: first start: made tenant '{FIRST_TENANT}' and this API key of its administrator.\n\
             vouch: it is shown this once: {}\n",
            *key.text
        );
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

/// Ends on SIGTERM or SIGINT.
pub async fn signal() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(target: "vouch::app", %error, "SIGINT cannot be watched");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::error!(target: "vouch::app", %error, "SIGTERM cannot be watched");
                std::future::pending::<()>().await;
            }
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
