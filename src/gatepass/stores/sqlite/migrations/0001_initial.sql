CREATE TABLE account (
    id                 TEXT    PRIMARY KEY,
    email              TEXT    NOT NULL,
    email_key          TEXT    NOT NULL UNIQUE,
    password_hash      TEXT    NOT NULL,
    credential_version INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    disabled_at        INTEGER
) STRICT;

-- One row per sign-in, updated in place by every refresh: WITHOUT ROWID, so that the row lies in the one B-tree
-- that the sid is looked up in.
CREATE TABLE session (
    sid              BLOB    PRIMARY KEY,
    account_id       TEXT    NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    generation       INTEGER NOT NULL,
    fingerprint      BLOB    NOT NULL,
    key_hash         BLOB    NOT NULL,
    committed_at     INTEGER NOT NULL,
    ancestors        BLOB    NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    authenticated_at INTEGER NOT NULL,
    remember         INTEGER NOT NULL,
    client           TEXT    NOT NULL,
    last_ip_prefix   TEXT    NOT NULL,
    revoked_at       INTEGER,
    revoke_reason    TEXT
) STRICT, WITHOUT ROWID;

-- None of these columns is changed by a refresh.
CREATE INDEX session_by_account ON session (account_id);
CREATE INDEX session_by_end     ON session (expires_at);
CREATE INDEX session_by_revoked ON session (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE attempt (
    key      TEXT    PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX attempt_by_time ON attempt (last_at);
