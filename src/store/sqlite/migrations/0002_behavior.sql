-- Profiles of behavior. What a profile is about stands in its sealed part and in the sealed document of
-- its subject; the name of a text only as a keyed digest, in both.
CREATE TABLE behavior_profile (
    id TEXT PRIMARY KEY NOT NULL,
    subject BLOB NOT NULL REFERENCES subject (handle),
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX behavior_profile_by_subject ON behavior_profile (subject);

PRAGMA user_version = 2;
