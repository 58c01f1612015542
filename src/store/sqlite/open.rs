//! Opening a store: lock, schema, keys, and a full scan that holds every row against the ledger.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};
use tokio_stream::StreamExt as _;

use super::batch::write_row;
use super::errors;
use super::feedback;
use super::keys::RootKeys;
use super::ledger::{Ledger, ONLY, RowSum};
use super::policies::{self, PolicyEntry};
use super::schema;
use super::shared::{ApiKey, DirectoryState, ErasureEntry, Lookup, Tenant, short};
use super::table::{Row, Table, Value, select};
use super::{audit_rows, doc};
use crate::crypto::{Entropy, Key256, MasterKey, VerifyKey};
use crate::domain::TenantId;
use crate::store::{AuditHead, StoreError};

/// Connections for readers.
const READERS: u32 = 4;
/// How long a statement waits for another process, in milliseconds.
const BUSY_TIMEOUT_MS: u64 = 2_000;

/// Everything the scan of a store finds.
pub(super) struct Scanned {
    pub root: RootKeys,
    pub ledger: Ledger,
    pub directory: DirectoryState,
    pub versions: Vec<(Lookup, u64)>,
}

/// Keeps other processes out until dropped.
pub(super) fn lock(database: &Path) -> Result<File, StoreError> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let file = private_file(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(database.display().to_string())),
        Err(TryLockError::Error(error)) => Err(errors::file(&path)(error)),
    }
}

/// Opens or creates a file only its owner may have access to.
pub(super) fn private_file(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path).map_err(errors::file(path))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))
        .pragma("secure_delete", "ON")
        .pragma("temp_store", "MEMORY")
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .disable_statement_logging()
}

/// The writer's connection; creates the file when it is missing.
pub(super) async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    private_file(path)?;
    options(path).connect().await.map_err(errors::sql)
}

/// The readers' connections.
pub(super) fn readers(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .connect_lazy_with(options(path).pragma("query_only", "ON"))
}

/// A connection that can only read, for use beside a running server.
pub(super) async fn read_only(path: &Path) -> Result<SqliteConnection, StoreError> {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))
        .disable_statement_logging()
        .connect()
        .await
        .map_err(errors::sql)
}

/// Brings the schema up to date and, in a new database, makes the root key.
pub(super) async fn prepare(
    conn: &mut SqliteConnection,
    master: &MasterKey,
    entropy: &dyn Entropy,
) -> Result<(), StoreError> {
    let fresh = schema::version(conn).await? == 0;
    schema::migrate(conn).await?;
    schema::check_pages(conn).await?;
    if !fresh && raw(conn, Table::Keyring).await?.is_some() {
        return Ok(());
    }
    let empty =
        raw(conn, Table::State).await?.is_none() && raw(conn, Table::Tenant).await?.is_none();
    if !empty {
        return Err(Table::Keyring.broken(ONLY.to_string(), "the row is missing"));
    }
    let root = RootKeys::new(Key256::generate(entropy));
    let values = vec![
        Value::Int(ONLY),
        Value::Text(master.key_id()),
        Value::Blob(root.wrapped(master, entropy)),
    ];
    let keyring = Row::make(&root.integrity, Table::Keyring, values, 1);
    let mut ledger = Ledger { commits: 1, ..Ledger::default() };
    ledger.sum.add(&root, &keyring.mac);
    let mut tx = conn.begin().await.map_err(errors::sql)?;
    write_row(&mut tx, Table::Keyring.spec().insert, &keyring, false).await?;
    let state = ledger.row(&root, entropy);
    write_row(&mut tx, Table::State.spec().insert, &state, false).await?;
    tx.commit().await.map_err(errors::sql)
}

async fn raw(
    conn: &mut SqliteConnection,
    table: Table,
) -> Result<Option<sqlx::sqlite::SqliteRow>, StoreError> {
    sqlx::query(table.spec().scan).fetch_optional(conn).await.map_err(errors::sql)
}

/// Opens the root key.
pub(super) async fn unlock(
    conn: &mut SqliteConnection,
    master: &MasterKey,
) -> Result<RootKeys, StoreError> {
    let missing = || Table::Keyring.broken(ONLY.to_string(), "the row is missing");
    let row = sqlx::query(
        "SELECT CAST(master AS BLOB), CAST(wrapped_key AS BLOB) FROM keyring WHERE id = 1",
    )
    .fetch_optional(&mut *conn)
    .await
    .map_err(errors::sql)?
    .ok_or_else(missing)?;
    use sqlx::Row as _;
    let id: Vec<u8> = row.try_get(0).map_err(errors::sql)?;
    let wrapped: Vec<u8> = row.try_get(1).map_err(errors::sql)?;
    RootKeys::unwrap(master, &wrapped).map_err(|_| {
        if id == master.key_id().as_bytes() {
            Table::Keyring.broken(ONLY.to_string(), "the wrapped key does not open")
        } else {
            StoreError::WrongMasterKey
        }
    })
}

/// Reads every row of every table, in one read transaction.
///
/// # Errors
/// [`StoreError::Integrity`] naming the first row whose MAC, seal or link is wrong;
/// [`StoreError::RowSet`] when all rows are genuine but are not the recorded ones.
pub(super) async fn scan(
    conn: &mut SqliteConnection,
    root: RootKeys,
) -> Result<Scanned, StoreError> {
    let state = state_row(conn, &root).await?;
    let ledger = Ledger::from_row(&root, &state)?;
    let mut found =
        Scanned { root, ledger, directory: DirectoryState::default(), versions: Vec::new() };
    let mut sum = RowSum::default();
    let mut head = AuditHead::default();
    // A database that is only looked at may be of an older version.
    let version = schema::version(conn).await?;
    for table in Table::SUMMED.iter().filter(|table| table.since() <= version) {
        let mut rows = sqlx::query(table.spec().scan).fetch(&mut *conn);
        while let Some(row) = rows.next().await {
            let row = row.map_err(errors::sql)?;
            let row = Row::read(&found.root.integrity, *table, &row)?;
            sum.add(&found.root, &row.mac);
            if *table == Table::Audit {
                head = audit_rows::follow(head, &row)?;
            }
            found.take(row)?;
        }
    }
    if sum != ledger.sum || head != ledger.head {
        return Err(StoreError::RowSet);
    }
    Ok(found)
}

async fn state_row(conn: &mut SqliteConnection, root: &RootKeys) -> Result<Row, StoreError> {
    let rows = sqlx::query(Table::State.spec().scan).fetch_all(conn).await.map_err(errors::sql)?;
    match rows.as_slice() {
        [row] => Row::read(&root.integrity, Table::State, row),
        [] => Err(Table::State.broken(ONLY.to_string(), "the row is missing")),
        _ => Err(Table::State.broken("2", "there is more than one row")),
    }
}

impl Scanned {
    fn take(&mut self, row: Row) -> Result<(), StoreError> {
        match row.table {
            Table::Tenant => {
                let tenant = Tenant::open(&self.root, row)?;
                self.directory.tenants.insert(tenant.id.clone(), tenant.into());
            }
            Table::ApiKey => {
                let key = ApiKey::open(self.owner(&row)?, row)?;
                self.directory.keys.insert(key.id.clone(), key.into());
            }
            Table::Erasure => {
                let entry = ErasureEntry::open(self.owner(&row)?, row)?;
                let id = entry.erasure.receipt.clone();
                self.directory.erasures.insert(id, entry.into());
            }
            Table::PolicyLedger => {
                let entry = PolicyEntry::open(self.owner(&row)?, row)?;
                self.directory.policies.insert(entry.tenant.clone(), entry.into());
            }
            Table::PolicyFile => policies::check(self.owner(&row)?, &row)?,
            Table::Subject => {
                let lookup = short(&row.array(3)?);
                self.versions.push((lookup, row.version));
            }
            Table::Feedback => self.versions.push((feedback::lookup(&row)?, row.version)),
            Table::Source => self.versions.push((short(&row.array(0)?), row.version)),
            _ => {}
        }
        Ok(())
    }

    /// The tenant named in column 1.
    fn owner(&self, row: &Row) -> Result<&Tenant, StoreError> {
        let tenant =
            TenantId::parse(row.text(1)?).ok().and_then(|id| self.directory.tenants.get(&id));
        tenant.map(|tenant| &**tenant).ok_or_else(|| row.broken("its tenant is missing"))
    }
}

/// Holds every commitment of the chain against its payload, as far as payloads were not erased.
/// Answers how many were checked.
pub(super) async fn check_payloads(
    conn: &mut SqliteConnection,
    scanned: &Scanned,
) -> Result<u64, StoreError> {
    let mut checked = 0;
    let mut keys = std::collections::HashMap::new();
    let integrity = &scanned.root.integrity;
    let mut subjects = sqlx::query(Table::Subject.spec().scan).fetch(&mut *conn);
    while let Some(row) = subjects.next().await {
        let row = Row::read(integrity, Table::Subject, &row.map_err(errors::sql)?)?;
        keys.insert(row.array::<16>(1)?, row.blob(4)?.to_vec());
    }
    drop(subjects);
    let sql = select!(audit "WHERE sealed IS NOT NULL ORDER BY seq");
    let mut rows = sqlx::query(sql).fetch(&mut *conn);
    while let Some(row) = rows.next().await {
        let row = Row::read(integrity, Table::Audit, &row.map_err(errors::sql)?)?;
        let tenant = TenantId::parse(row.text(2)?)
            .ok()
            .and_then(|id| scanned.directory.tenants.get(&id))
            .ok_or_else(|| row.broken("its tenant is missing"))?;
        let opened = if row.is_null(9) {
            doc::open_bytes(&row, 10, &tenant.keys.data, row.text(1)?.as_bytes())?
        } else {
            let handle = row.array::<16>(9)?;
            let key = keys
                .get(&handle)
                .and_then(|wrapped| tenant.keys.unwrap_subject(&handle, wrapped).ok())
                .ok_or_else(|| row.broken("its subject is missing"))?;
            doc::open_bytes(&row, 10, &key, row.text(1)?.as_bytes())?
        };
        audit_rows::check_payload(&row, &opened)?;
        checked += 1;
    }
    Ok(checked)
}

/// The public key that verifies this store's checkpoints.
pub(super) fn verify_key(root: &RootKeys) -> VerifyKey {
    root.checkpoint_signer().verify_key()
}
