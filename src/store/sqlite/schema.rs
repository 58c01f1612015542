//! Add-only migrations and the check that the schema is the one they make.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _, SqliteConnection};

use super::errors::sql;
use crate::store::StoreError;

/// Migrations in order. Each ends with `PRAGMA user_version`; none is ever changed once released.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_start.sql"),
    include_str!("migrations/0002_behavior.sql"),
    include_str!("migrations/0003_policies.sql"),
    include_str!("migrations/0004_feedback.sql"),
    include_str!("migrations/0005_phone_number.sql"),
    include_str!("migrations/0006_sources.sql"),
];

/// The newest schema version.
pub(super) const NEWEST: i64 = MIGRATIONS.len() as i64;

/// Schema version of a database; 0 when it is empty.
pub(super) async fn version(conn: &mut SqliteConnection) -> Result<i64, StoreError> {
    let row = sqlx::query("PRAGMA user_version").fetch_one(conn).await.map_err(sql)?;
    row.try_get(0).map_err(sql)
}

/// Brings the schema to [`NEWEST`] and checks it.
///
/// # Errors
/// [`StoreError::NewerSchema`], [`StoreError::Schema`].
pub(super) async fn migrate(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let found = version(conn).await?;
    if found > NEWEST {
        return Err(StoreError::NewerSchema { found, known: NEWEST });
    }
    let done = usize::try_from(found).map_err(|_| StoreError::Schema("negative version".into()))?;
    for migration in &MIGRATIONS[done..] {
        run(conn, "BEGIN IMMEDIATE").await?;
        if let Err(error) = run(conn, migration).await {
            run(conn, "ROLLBACK").await.ok();
            return Err(error);
        }
        run(conn, "COMMIT").await?;
    }
    check(conn).await
}

/// Compares tables, indexes, triggers and views with what the migrations make in memory.
async fn check(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let mut model = SqliteConnectOptions::new().in_memory(true).connect().await.map_err(sql)?;
    for migration in MIGRATIONS {
        run(&mut model, migration).await?;
    }
    let (expected, found) = (objects(&mut model).await?, objects(conn).await?);
    let differs = expected
        .iter()
        .chain(&found)
        .find(|object| expected.contains(object) != found.contains(object));
    match differs {
        Some((kind, name, _)) => Err(StoreError::Schema(format!("{kind} {name}"))),
        None => Ok(()),
    }
}

/// Type, name and text of every object of the schema.
async fn objects(conn: &mut SqliteConnection) -> Result<Vec<(String, String, String)>, StoreError> {
    let rows = sqlx::query("SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY name")
        .fetch_all(conn)
        .await
        .map_err(sql)?;
    rows.iter()
        .map(|row| {
            Ok((
                row.try_get(0).map_err(sql)?,
                row.try_get(1).map_err(sql)?,
                row.try_get(2).map_err(sql)?,
            ))
        })
        .collect()
}

/// Executes text of several statements.
pub(super) async fn run(conn: &mut SqliteConnection, text: &'static str) -> Result<(), StoreError> {
    sqlx::raw_sql(text).execute(conn).await.map(|_| ()).map_err(sql)
}

/// SQLite's own check of pages and indexes.
///
/// # Errors
/// [`StoreError::Schema`] with its first complaint.
pub(super) async fn check_pages(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let row = sqlx::query("PRAGMA integrity_check(1)").fetch_one(conn).await.map_err(sql)?;
    let answer: String = row.try_get(0).map_err(sql)?;
    if answer == "ok" {
        return Ok(());
    }
    Err(StoreError::Schema(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_migration_ends_with_its_number() {
        for (at, migration) in MIGRATIONS.iter().enumerate() {
            let end = format!("PRAGMA user_version = {};", at + 1);
            assert!(migration.trim_end().ends_with(&end), "migration {}: not {end}", at + 1);
        }
    }
}
