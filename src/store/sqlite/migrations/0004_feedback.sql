-- What became of decisions, a row a decision. `n` counts them in the order of their first entry, `at` and `kind`
-- are of the latest one. Sealed under the key of the subject the decision was about, else of the tenant.
CREATE TABLE feedback (
    n INTEGER PRIMARY KEY NOT NULL,
    decision_id TEXT NOT NULL UNIQUE REFERENCES audit (decision_id),
    tenant TEXT NOT NULL REFERENCES tenant (id),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject BLOB REFERENCES subject (handle),
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX feedback_by_tenant ON feedback (tenant, n);
CREATE INDEX feedback_by_subject ON feedback (subject, n) WHERE subject IS NOT NULL;

PRAGMA user_version = 4;
