-- Columns that may be null and have no default: nothing is rewritten.
ALTER TABLE account ADD COLUMN verified_at INTEGER;
-- Set in what is left of a deleted account while sessions of it are remembered: no personal data is in it.
ALTER TABLE account ADD COLUMN deleted_at INTEGER;

CREATE TABLE applicant (
    id            TEXT    PRIMARY KEY,
    email         TEXT    NOT NULL,
    email_key     TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX applicant_by_address ON applicant (email_key);
CREATE INDEX applicant_by_time    ON applicant (created_at);
