//! The tables as data: one list of columns and one statement of each kind a table.

use crate::crypto::{Encoder, MacKey};
use crate::store::StoreError;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row as _, Sqlite, TypeInfo as _, ValueRef as _};

/// A column's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Keyring,
    State,
    Tenant,
    ApiKey,
    Subject,
    Utterance,
    Idempotency,
    Audit,
    Erasure,
    BehaviorProfile,
    PolicyLedger,
    PolicyFile,
    Feedback,
    PhoneNumber,
    Source,
}

/// Statements of one table. Columns are those before `version` and `mac`, the key first.
pub(super) struct Spec {
    pub name: &'static str,
    pub columns: usize,
    /// Every row.
    pub scan: &'static str,
    /// One row: key.
    pub get: &'static str,
    /// Columns, version, mac.
    pub insert: &'static str,
    /// Columns after the key, version, mac, key.
    pub update: &'static str,
    /// Key.
    pub delete: &'static str,
}

macro_rules! mark {
    ($column:literal) => {
        "?, "
    };
}

/// `SELECT` of all columns of a table, with a tail.
macro_rules! select {
    (keyring $tail:literal) => {
        concat!("SELECT id, master, wrapped_key, version, mac FROM keyring ", $tail)
    };
    (state $tail:literal) => {
        concat!("SELECT id, sealed, version, mac FROM state ", $tail)
    };
    (tenant $tail:literal) => {
        concat!("SELECT id, wrapped_key, sealed, version, mac FROM tenant ", $tail)
    };
    (api_key $tail:literal) => {
        concat!("SELECT id, tenant, sealed, version, mac FROM api_key ", $tail)
    };
    (subject $tail:literal) => {
        concat!(
            "SELECT n, handle, tenant, lookup, wrapped_key, sealed, version, mac FROM subject ",
            $tail
        )
    };
    (utterance $tail:literal) => {
        concat!("SELECT id, subject, sealed, version, mac FROM utterance ", $tail)
    };
    (idempotency $tail:literal) => {
        concat!(
            "SELECT id, tenant, subject, expires_at, sealed, version, mac FROM idempotency ",
            $tail
        )
    };
    (audit $tail:literal) => {
        concat!(
            "SELECT seq, decision_id, tenant, at, kind, decision, reasons, commitment, hash, ",
            "subject, sealed, version, mac FROM audit ",
            $tail
        )
    };
    (erasure $tail:literal) => {
        concat!("SELECT id, tenant, sealed, version, mac FROM erasure ", $tail)
    };
    (behavior_profile $tail:literal) => {
        concat!("SELECT id, subject, sealed, version, mac FROM behavior_profile ", $tail)
    };
    (policy_ledger $tail:literal) => {
        concat!("SELECT id, tenant, sealed, version, mac FROM policy_ledger ", $tail)
    };
    (policy_file $tail:literal) => {
        concat!("SELECT id, tenant, sealed, version, mac FROM policy_file ", $tail)
    };
    (feedback $tail:literal) => {
        concat!(
            "SELECT n, decision_id, tenant, at, kind, subject, sealed, version, mac FROM feedback ",
            $tail
        )
    };
    (phone_number $tail:literal) => {
        concat!("SELECT id, number, subject, sealed, version, mac FROM phone_number ", $tail)
    };
    (source $tail:literal) => {
        concat!("SELECT id, tenant, expires_at, sealed, version, mac FROM source ", $tail)
    };
}
pub(super) use select;

macro_rules! spec {
    ($table:ident, $key:literal, $($column:literal),+) => {
        Spec {
            name: stringify!($table),
            columns: 1 + [$($column),+].len(),
            scan: concat!(select!($table "ORDER BY "), $key),
            get: concat!(select!($table "WHERE "), $key, " = ?"),
            insert: concat!(
                "INSERT INTO ", stringify!($table), " (", $key, ", ", $($column, ", ",)+
                "version, mac) VALUES (?, ", $(mark!($column),)+ "?, ?)"
            ),
            update: concat!(
                "UPDATE ", stringify!($table), " SET ", $($column, " = ?, ",)+
                "version = ?, mac = ? WHERE ", $key, " = ?"
            ),
            delete: concat!("DELETE FROM ", stringify!($table), " WHERE ", $key, " = ?"),
        }
    };
}

static KEYRING: Spec = spec!(keyring, "id", "master", "wrapped_key");
static STATE: Spec = spec!(state, "id", "sealed");
static TENANT: Spec = spec!(tenant, "id", "wrapped_key", "sealed");
static API_KEY: Spec = spec!(api_key, "id", "tenant", "sealed");
static SUBJECT: Spec = spec!(subject, "n", "handle", "tenant", "lookup", "wrapped_key", "sealed");
static UTTERANCE: Spec = spec!(utterance, "id", "subject", "sealed");
static IDEMPOTENCY: Spec = spec!(idempotency, "id", "tenant", "subject", "expires_at", "sealed");
static AUDIT: Spec = spec!(
    audit,
    "seq",
    "decision_id",
    "tenant",
    "at",
    "kind",
    "decision",
    "reasons",
    "commitment",
    "hash",
    "subject",
    "sealed"
);
static ERASURE: Spec = spec!(erasure, "id", "tenant", "sealed");
static BEHAVIOR_PROFILE: Spec = spec!(behavior_profile, "id", "subject", "sealed");
static POLICY_LEDGER: Spec = spec!(policy_ledger, "id", "tenant", "sealed");
static POLICY_FILE: Spec = spec!(policy_file, "id", "tenant", "sealed");
static FEEDBACK: Spec =
    spec!(feedback, "n", "decision_id", "tenant", "at", "kind", "subject", "sealed");
static PHONE_NUMBER: Spec = spec!(phone_number, "id", "number", "subject", "sealed");
static SOURCE: Spec = spec!(source, "id", "tenant", "expires_at", "sealed");

impl Table {
    /// Every table whose rows are summed up in `state`.
    pub const SUMMED: &'static [Table] = &[
        Table::Keyring,
        Table::Tenant,
        Table::ApiKey,
        Table::Subject,
        Table::Utterance,
        Table::Idempotency,
        Table::Audit,
        Table::Erasure,
        Table::BehaviorProfile,
        Table::PolicyLedger,
        Table::PolicyFile,
        Table::Feedback,
        Table::PhoneNumber,
        Table::Source,
    ];

    /// Schema version that brought it.
    pub fn since(self) -> i64 {
        match self {
            Table::BehaviorProfile => 2,
            Table::PolicyLedger | Table::PolicyFile => 3,
            Table::Feedback => 4,
            Table::PhoneNumber => 5,
            Table::Source => 6,
            _ => 1,
        }
    }

    /// Its statements.
    pub fn spec(self) -> &'static Spec {
        match self {
            Table::Keyring => &KEYRING,
            Table::State => &STATE,
            Table::Tenant => &TENANT,
            Table::ApiKey => &API_KEY,
            Table::Subject => &SUBJECT,
            Table::Utterance => &UTTERANCE,
            Table::Idempotency => &IDEMPOTENCY,
            Table::Audit => &AUDIT,
            Table::Erasure => &ERASURE,
            Table::BehaviorProfile => &BEHAVIOR_PROFILE,
            Table::PolicyLedger => &POLICY_LEDGER,
            Table::PolicyFile => &POLICY_FILE,
            Table::Feedback => &FEEDBACK,
            Table::PhoneNumber => &PHONE_NUMBER,
            Table::Source => &SOURCE,
        }
    }

    /// Associated data of what is sealed in this table: table, row and version.
    pub fn place(self, row: &[u8], version: u64) -> Encoder {
        Encoder::new("vouch.sealed.v1").text(self.spec().name).bytes(row).uint(version)
    }

    /// An integrity error about a row of this table.
    pub fn broken(self, row: impl Into<String>, problem: &'static str) -> StoreError {
        StoreError::Integrity { table: self.spec().name, row: row.into(), problem }
    }
}

impl Value {
    fn encode(&self, to: Encoder) -> Encoder {
        match self {
            Value::Null => to.null(),
            Value::Int(value) => to.int(*value),
            Value::Text(value) => to.text(value),
            Value::Blob(value) => to.bytes(value),
        }
    }

    pub fn bind<'q>(
        self,
        query: sqlx::query::Query<'q, Sqlite, SqliteArguments>,
    ) -> sqlx::query::Query<'q, Sqlite, SqliteArguments> {
        match self {
            Value::Null => query.bind(None::<Vec<u8>>),
            Value::Int(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Blob(value) => query.bind(value),
        }
    }

    fn decode(row: &SqliteRow, column: usize) -> Option<Value> {
        let raw = row.try_get_raw(column).ok()?;
        if raw.is_null() {
            return Some(Value::Null);
        }
        let kind = raw.type_info().name().to_owned();
        match kind.as_str() {
            "INTEGER" => row.try_get(column).ok().map(Value::Int),
            "TEXT" => row.try_get(column).ok().map(Value::Text),
            "BLOB" => row.try_get(column).ok().map(Value::Blob),
            _ => None,
        }
    }

    /// For messages: numbers and text as they are, bytes as their first 16 hex digits.
    pub fn show(&self) -> String {
        match self {
            Value::Null => "NULL".into(),
            Value::Int(value) => value.to_string(),
            Value::Text(value) => value.clone(),
            Value::Blob(value) => hex::encode(&value[..value.len().min(8)]),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::Blob(bytes.to_vec())
    }
}

/// A row whose MAC was right, or that was just made.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub table: Table,
    pub values: Vec<Value>,
    pub version: u64,
    pub mac: [u8; 32],
}

impl Row {
    /// A row with its MAC.
    pub fn make(key: &MacKey, table: Table, values: Vec<Value>, version: u64) -> Self {
        let mac = key.mac(message(table, &values, version).as_slice());
        Self { table, values, version, mac }
    }

    /// Reads a row and checks its MAC.
    ///
    /// # Errors
    /// [`StoreError::Integrity`].
    pub fn read(key: &MacKey, table: Table, row: &SqliteRow) -> Result<Self, StoreError> {
        let columns = table.spec().columns;
        let name = Value::decode(row, 0).map_or_else(|| "unreadable".into(), |v| v.show());
        let read = || {
            let values = (0..columns).map(|i| Value::decode(row, i)).collect::<Option<Vec<_>>>()?;
            let version: i64 = row.try_get(columns).ok()?;
            let mac: Vec<u8> = row.try_get(columns + 1).ok()?;
            Some((values, u64::try_from(version).ok()?, mac))
        };
        let Some((values, version, mac)) = read() else {
            return Err(table.broken(name, "a column cannot be read"));
        };
        if !key.verify(message(table, &values, version).as_slice(), &mac) {
            return Err(table.broken(name, "the row's MAC is wrong"));
        }
        let mut fixed = [0; 32];
        fixed.copy_from_slice(&mac);
        Ok(Self { table, values, version, mac: fixed })
    }

    /// Text column; the schema is strict and the MAC was right, so the type is too.
    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        match &self.values[column] {
            Value::Text(text) => Ok(text),
            _ => Err(self.broken("a column has another type")),
        }
    }

    /// Bytes column.
    pub fn blob(&self, column: usize) -> Result<&[u8], StoreError> {
        match &self.values[column] {
            Value::Blob(bytes) => Ok(bytes),
            _ => Err(self.broken("a column has another type")),
        }
    }

    /// Bytes column of fixed length.
    pub fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], StoreError> {
        self.blob(column)?.try_into().map_err(|_| self.broken("a column has another length"))
    }

    /// Number column.
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        match &self.values[column] {
            Value::Int(value) => Ok(*value),
            _ => Err(self.broken("a column has another type")),
        }
    }

    /// Whether a column is NULL.
    pub fn is_null(&self, column: usize) -> bool {
        self.values[column] == Value::Null
    }

    /// An integrity error about this row.
    pub fn broken(&self, problem: &'static str) -> StoreError {
        self.table.broken(self.values[0].show(), problem)
    }
}

fn message(table: Table, values: &[Value], version: u64) -> Encoder {
    let start = Encoder::new("vouch.row.v1").text(table.spec().name);
    values.iter().fold(start, |to, value| value.encode(to)).uint(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Key256;

    #[test]
    fn statements_name_every_column() {
        for table in Table::SUMMED.iter().chain([&Table::State]) {
            let spec = table.spec();
            let listed = spec.scan.split(" FROM ").next().unwrap_or("").split(',').count();
            assert_eq!(listed, spec.columns + 2, "{}", spec.name);
            assert_eq!(spec.insert.matches('?').count(), spec.columns + 2);
            assert_eq!(spec.update.matches('?').count(), spec.columns + 2);
        }
    }

    #[test]
    fn a_mac_covers_table_columns_and_version() {
        let key = MacKey::new(&Key256::from_bytes([1; 32]));
        let row = |table, text: &str, version| {
            Row::make(&key, table, vec![Value::from(text), Value::Null], version).mac
        };
        let mac = row(Table::Tenant, "a", 1);
        assert_ne!(mac, row(Table::ApiKey, "a", 1));
        assert_ne!(mac, row(Table::Tenant, "b", 1));
        assert_ne!(mac, row(Table::Tenant, "a", 2));
    }
}
