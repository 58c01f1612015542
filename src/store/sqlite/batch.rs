//! Row changes of one group commit: every change goes through here, so that MACs, row sum and
//! versions follow.

use sqlx::SqliteConnection;

use super::errors;
use super::feedback;
use super::ledger::Ledger;
use super::shared::{Change, Lookup, Shared, short};
use super::table::{Row, Table, Value};
use crate::store::StoreError;

/// A group commit under way.
pub(super) struct Batch<'w> {
    pub conn: &'w mut SqliteConnection,
    pub shared: &'w Shared,
    pub ledger: Ledger,
    /// Subjects, feedback and sources changed, oldest first.
    pub versions: Vec<(Lookup, Option<u64>)>,
    /// Directory changes, oldest first.
    pub changes: Vec<Change>,
}

/// What a batch was at a savepoint.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    ledger: Ledger,
    versions: usize,
    changes: usize,
}

impl Batch<'_> {
    pub fn mark(&self) -> Mark {
        Mark { ledger: self.ledger, versions: self.versions.len(), changes: self.changes.len() }
    }

    pub fn back_to(&mut self, mark: Mark) {
        self.ledger = mark.ledger;
        self.versions.truncate(mark.versions);
        self.changes.truncate(mark.changes);
    }

    /// The version a subject, the feedback on a decision or a source must be at, this group's changes included.
    pub fn version(&self, lookup: &Lookup) -> Option<u64> {
        let changed = self.versions.iter().rev().find(|(l, _)| l == lookup);
        changed.map_or_else(|| self.shared.version(lookup), |(_, version)| *version)
    }

    /// Makes and writes a row at version 1.
    pub async fn insert(&mut self, table: Table, values: Vec<Value>) -> Result<Row, StoreError> {
        let row = Row::make(&self.shared.root.integrity, table, values, 1);
        write_row(self.conn, table.spec().insert, &row, false).await?;
        self.ledger.sum.add(&self.shared.root, &row.mac);
        self.note(&row, Some(1))?;
        Ok(row)
    }

    /// Replaces the columns of a row; its version counts up.
    pub async fn update(&mut self, old: &Row, values: Vec<Value>) -> Result<Row, StoreError> {
        let version = old.version + 1;
        let row = Row::make(&self.shared.root.integrity, old.table, values, version);
        write_row(self.conn, old.table.spec().update, &row, true).await?;
        self.ledger.sum.remove(&self.shared.root, &old.mac);
        self.ledger.sum.add(&self.shared.root, &row.mac);
        self.note(&row, Some(version))?;
        Ok(row)
    }

    /// Deletes a row.
    pub async fn delete(&mut self, old: &Row) -> Result<(), StoreError> {
        let query = sqlx::query(old.table.spec().delete);
        let done = old.values[0]
            .clone()
            .bind(query)
            .execute(&mut *self.conn)
            .await
            .map_err(errors::sql)?;
        if done.rows_affected() != 1 {
            return Err(old.broken("the row is gone"));
        }
        self.ledger.sum.remove(&self.shared.root, &old.mac);
        self.note(old, None)
    }

    fn note(&mut self, row: &Row, version: Option<u64>) -> Result<(), StoreError> {
        let lookup = match row.table {
            Table::Subject => short(&row.array(3)?),
            Table::Feedback => feedback::lookup(row)?,
            Table::Source => short(&row.array(0)?),
            _ => return Ok(()),
        };
        self.versions.push((lookup, version));
        Ok(())
    }

    /// The number a statement gives.
    pub async fn next(&mut self, sql: &'static str) -> Result<i64, StoreError> {
        use sqlx::Row as _;
        let row = sqlx::query(sql).fetch_one(&mut *self.conn).await.map_err(errors::sql)?;
        row.try_get(0).map_err(errors::sql)
    }

    /// One row.
    pub async fn one(
        &mut self,
        table: Table,
        sql: &'static str,
        binds: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        one(self.conn, self.shared, table, sql, binds).await
    }

    /// Every row.
    pub async fn all(
        &mut self,
        table: Table,
        sql: &'static str,
        binds: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        all(self.conn, self.shared, table, sql, binds).await
    }
}

/// Reads at most one row and checks its MAC.
pub(super) async fn one(
    conn: &mut SqliteConnection,
    shared: &Shared,
    table: Table,
    sql: &'static str,
    binds: Vec<Value>,
) -> Result<Option<Row>, StoreError> {
    let query = binds.into_iter().fold(sqlx::query(sql), |query, value| value.bind(query));
    let row = query.fetch_optional(conn).await.map_err(errors::sql)?;
    row.map(|row| Row::read(&shared.root.integrity, table, &row)).transpose()
}

/// Reads rows and checks their MACs.
pub(super) async fn all(
    conn: &mut SqliteConnection,
    shared: &Shared,
    table: Table,
    sql: &'static str,
    binds: Vec<Value>,
) -> Result<Vec<Row>, StoreError> {
    let query = binds.into_iter().fold(sqlx::query(sql), |query, value| value.bind(query));
    let rows = query.fetch_all(conn).await.map_err(errors::sql)?;
    rows.iter().map(|row| Row::read(&shared.root.integrity, table, row)).collect()
}

/// Executes an insert, or an update (`key_last`), of exactly one row.
pub(super) async fn write_row(
    conn: &mut SqliteConnection,
    sql: &'static str,
    row: &Row,
    key_last: bool,
) -> Result<(), StoreError> {
    let version = i64::try_from(row.version)
        .map_err(|_| StoreError::Invalid("a row was changed more than 2^63 times"))?;
    let skip = usize::from(key_last);
    let query = row
        .values
        .iter()
        .skip(skip)
        .fold(sqlx::query(sql), |query, value| value.clone().bind(query))
        .bind(version)
        .bind(row.mac.to_vec());
    let query = if key_last { row.values[0].clone().bind(query) } else { query };
    let done = query.execute(conn).await.map_err(errors::sql)?;
    if done.rows_affected() != 1 {
        return Err(row.broken("the row is gone"));
    }
    Ok(())
}
