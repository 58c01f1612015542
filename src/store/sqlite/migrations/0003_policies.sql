-- Policies of sessions, by tenant. `policy_ledger` has one row a tenant (its id is the tenant's): versions, who
-- proposed and approved them, what is on its way. `policy_file` holds the files; the ledger names each by its
-- SHA-256, and so does its id: the tenant's id, a slash, the digest.
CREATE TABLE policy_ledger (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenant (id),
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE policy_file (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenant (id),
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 3;
