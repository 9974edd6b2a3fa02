-- Programs of schema 7 and later may run on it.
-- Passkeys, TOTP and recovery codes of accounts. Programs of the version before do not know them, and ask for none.
CREATE TABLE passkey (
    id                 TEXT    NOT NULL UNIQUE,
    account_id         TEXT    NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    user_handle        BLOB    NOT NULL,
    credential_id      BLOB    NOT NULL PRIMARY KEY,
    public_key         BLOB    NOT NULL,
    sign_count         INTEGER NOT NULL,
    name               TEXT    NOT NULL,
    aaguid             BLOB    NOT NULL,
    transports         TEXT    NOT NULL,
    is_backup_eligible INTEGER NOT NULL,
    is_backed_up       INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    last_used_at       INTEGER
) STRICT;

CREATE INDEX passkey_by_account ON passkey (account_id);

CREATE TABLE totp (
    account_id   TEXT    PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    sealed       BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    confirmed_at INTEGER,
    last_step    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- By the secret that they are sealed under, which is the first byte.
CREATE INDEX totp_by_key ON totp (substr(sealed, 1, 1));

CREATE TABLE recovery_code (
    account_id TEXT    NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    digest     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER,
    PRIMARY KEY (account_id, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE factor_recovery (
    account_id   TEXT    PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    requested_at INTEGER NOT NULL,
    ready_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX factor_recovery_by_time ON factor_recovery (ready_at);

-- Until when an account may be without a second factor. May be null and has no default: nothing is rewritten.
ALTER TABLE account ADD COLUMN enrol_by INTEGER;

-- Challenges, tickets and mailed codes that were used, as long as they would be valid.
CREATE TABLE used_key (
    key   BLOB    PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX used_key_by_time ON used_key (until);
