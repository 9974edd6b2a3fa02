-- Programs of schema 7 and later may run on it.
-- Who somebody is at another provider of identities: one account for each pair of issuer and subject.
CREATE TABLE identity (
    id           TEXT    NOT NULL UNIQUE,
    account_id   TEXT    NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    issuer       TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    provider     TEXT    NOT NULL,
    email        TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX identity_by_account ON identity (account_id);

-- Where a session began, for a provider that ends it. Beside the accounts, also where sessions are in another store.
CREATE TABLE provider_session (
    sid          BLOB    PRIMARY KEY,
    account_id   TEXT    NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    provider     TEXT    NOT NULL,
    issuer       TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    provider_sid TEXT,
    issued_at    INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    ended_at     INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX provider_session_by_account ON provider_session (account_id);
CREATE INDEX provider_session_by_subject ON provider_session (issuer, subject);
CREATE INDEX provider_session_by_sid     ON provider_session (issuer, provider_sid);
CREATE INDEX provider_session_by_end     ON provider_session (expires_at);
