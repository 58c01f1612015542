-- What sources of claims (API keys, calling numbers) failed at lately. `id` is a digest keyed by the tenant; the number
-- itself stands nowhere. A row goes when `expires_at` has passed.
CREATE TABLE source (
    id BLOB PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenant (id),
    expires_at INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX source_by_expiry ON source (expires_at);

PRAGMA user_version = 6;
