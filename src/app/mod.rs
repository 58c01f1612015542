//! The composition root: store, keys, engine, models, policy and application put together, and the
//! server and the administration run on them.

pub mod admin;
mod behavior;
pub mod fusion;
mod master_key;
pub mod calibration;
pub mod policies;
pub mod redact;
pub mod serve;
pub mod subjects;
pub mod voice;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::fusion::FusionFileError;
use crate::audit::AuditError;
use crate::config::{Config, clock};
use crate::crypto::SystemEntropy;
use crate::crypto::{Entropy, KeyError, MasterKey};
use crate::domain::{IdError, Timestamp};
use crate::grpc::ServeError;
use crate::store::StoreError;
use crate::store::sqlite::SqliteStore;
use crate::usecase::back_end::BackEndError;
use crate::usecase::backgrounds::BackgroundsError;
use crate::usecase::recalibrate::RecalibrateError;
use crate::usecase::{Clock, UseCaseError};

/// Why the program cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// No master key.
    #[error(
        "there is no master key at {path}: put one there (64 hex digits, mode 0600) or set {variable}"
    )]
    NoMasterKey {
        /// Where it was looked for.
        path: PathBuf,
        /// The other way.
        variable: &'static str,
    },
    /// There is a database but no key that could open it.
    #[error(
        "there is a database at {database} but no master key at {path}: put back the key it was made with"
    )]
    LostMasterKey {
        /// The database.
        database: PathBuf,
        /// Where the key was looked for.
        path: PathBuf,
    },
    /// A master key that cannot be read.
    #[error("the master key cannot be used")]
    MasterKey(#[from] KeyError),
    /// The store cannot be opened or read.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// The audit chain cannot be anchored or read.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The server cannot be had.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The application cannot start.
    #[error("the application cannot start")]
    Start(#[from] UseCaseError),
    /// A calibration from feedback cannot be had or activated.
    #[error(transparent)]
    Calibration(#[from] RecalibrateError),
    /// The fusion of sessions cannot be used.
    #[error("models.fusion")]
    Fusion(#[from] FusionFileError),
    /// There is no back-end.
    #[error(transparent)]
    BackEnd(#[from] BackEndError),
    /// Background models of behavior cannot be had.
    #[error(transparent)]
    Backgrounds(#[from] BackgroundsError),
    /// A use-case could not run.
    #[error(transparent)]
    UseCase(UseCaseError),
    /// A file or folder cannot be made.
    #[error("{path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A name that is no id.
    #[error("{0}")]
    Id(#[from] IdError),
    /// What the machine cannot give: threads, signals.
    #[error("the operating system refused")]
    System(#[from] std::io::Error),
    /// A wrong command.
    #[error("{0}")]
    Refused(String),
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        clock::now()
    }
}

/// Runs a future to its end on a runtime of its own.
pub fn block_on<T>(work: impl Future<Output = Result<T, AppError>>) -> Result<T, AppError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work)
}

fn entropy() -> Arc<dyn Entropy> {
    Arc::new(SystemEntropy)
}

/// Opens the database, in a folder only its owner may enter.
async fn open_store(config: &Config, master: &MasterKey) -> Result<SqliteStore, AppError> {
    make_folder_of(&config.store.path)?;
    Ok(SqliteStore::open(&config.store.path, master, entropy()).await?)
}

/// Makes the folder a file is to lie in, mode 0700, if it is missing.
fn make_folder_of(path: &Path) -> Result<(), AppError> {
    let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) else {
        return Ok(());
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder).map_err(|source| AppError::File { path: folder.to_owned(), source })
}
