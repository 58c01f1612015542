//! SQLite's errors as the store's.

use crate::store::StoreError;

/// Primary result code "database or disk is full".
const SQLITE_FULL: i32 = 13;
/// Primary result code "constraint violated".
const SQLITE_CONSTRAINT: i32 = 19;
/// The shared-memory file could not grow: the disk is full.
const SQLITE_IOERR_SHMSIZE: i32 = 4874;

/// Maps an error of a statement.
pub(super) fn sql(error: sqlx::Error) -> StoreError {
    let code =
        error.as_database_error().and_then(|e| e.code()).and_then(|code| code.parse::<i32>().ok());
    match code {
        Some(SQLITE_IOERR_SHMSIZE) => StoreError::Full,
        Some(code) if code & 0xff == SQLITE_FULL => StoreError::Full,
        Some(code) if code & 0xff == SQLITE_CONSTRAINT => {
            StoreError::Invalid("an id is in use already, or names nothing")
        }
        _ => StoreError::Database(error.to_string()),
    }
}

/// Maps an error of the file system.
pub(super) fn file(path: &std::path::Path) -> impl Fn(std::io::Error) -> StoreError + '_ {
    |error| match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::File { path: path.display().to_string(), problem: error.to_string() },
    }
}
