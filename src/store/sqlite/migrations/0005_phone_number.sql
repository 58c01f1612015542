-- Numbers that subjects call from: a row a number and subject. `id` and `number` are digests keyed by the tenant;
-- the number itself stands nowhere. The sealed document of the subject names its rows.
CREATE TABLE phone_number (
    id BLOB PRIMARY KEY NOT NULL,
    number BLOB NOT NULL,
    subject BLOB NOT NULL REFERENCES subject (handle),
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX phone_number_by_number ON phone_number (number);
CREATE INDEX phone_number_by_subject ON phone_number (subject);

PRAGMA user_version = 5;
