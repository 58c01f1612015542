-- Every table ends with `version` (counts the row's changes) and `mac` (HMAC-SHA256 over the table's
-- name and every other column). `sealed` and `wrapped_key` are AES-256-GCM.

-- The root key, wrapped by the master key. One row.
CREATE TABLE keyring (
    id INTEGER PRIMARY KEY NOT NULL,
    master TEXT NOT NULL,
    wrapped_key BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;

-- Sum over the MACs of all other rows, and the head of the audit chain. One row.
CREATE TABLE state (
    id INTEGER PRIMARY KEY NOT NULL,
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;

CREATE TABLE tenant (
    id TEXT PRIMARY KEY NOT NULL,
    wrapped_key BLOB NOT NULL,
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_key (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenant (id),
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- `handle` is a random pseudonym; `lookup` a keyed hash of the subject's id.
CREATE TABLE subject (
    n INTEGER PRIMARY KEY NOT NULL,
    handle BLOB NOT NULL UNIQUE,
    tenant TEXT NOT NULL REFERENCES tenant (id),
    lookup BLOB NOT NULL UNIQUE,
    wrapped_key BLOB NOT NULL,
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX subject_by_tenant ON subject (tenant, n);

CREATE TABLE utterance (
    id TEXT PRIMARY KEY NOT NULL,
    subject BLOB NOT NULL REFERENCES subject (handle),
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX utterance_by_subject ON utterance (subject);

-- `id` is a keyed hash of tenant, method and the client's key.
CREATE TABLE idempotency (
    id BLOB PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenant (id),
    subject BLOB,
    expires_at INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);
CREATE INDEX idempotency_by_subject ON idempotency (subject) WHERE subject IS NOT NULL;

-- `subject` and `sealed` become NULL when the subject is erased; nothing else ever changes.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY NOT NULL,
    decision_id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL REFERENCES tenant (id),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    decision TEXT,
    reasons TEXT NOT NULL,
    commitment BLOB NOT NULL,
    hash BLOB NOT NULL,
    subject BLOB,
    sealed BLOB,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX audit_by_tenant ON audit (tenant, seq);
CREATE INDEX audit_by_subject ON audit (subject, seq) WHERE subject IS NOT NULL;

CREATE TABLE erasure (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenant (id),
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
