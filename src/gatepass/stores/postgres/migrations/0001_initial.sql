CREATE TABLE account (
    id                 text   PRIMARY KEY,
    email              text   NOT NULL,
    email_key          text   NOT NULL UNIQUE,
    password_hash      text   NOT NULL,
    credential_version bigint NOT NULL,
    created_at         bigint NOT NULL,
    disabled_at        bigint
);

-- One row per sign-in, updated in place by every refresh. What a refresh changes stands in no index, and a page
-- keeps room for new versions: so an update stays on its page and touches no index (HOT).
CREATE TABLE session (
    created_at       bigint  NOT NULL,
    expires_at       bigint  NOT NULL,
    authenticated_at bigint  NOT NULL,
    committed_at     bigint  NOT NULL,
    generation       bigint  NOT NULL,
    revoked_at       bigint,
    remember         boolean NOT NULL,
    sid              bytea   PRIMARY KEY,
    account_id       text    NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    client           text    NOT NULL,
    revoke_reason    text,
    last_ip_prefix   text    NOT NULL,
    fingerprint      bytea   NOT NULL,
    key_hash         bytea   NOT NULL,
    ancestors        bytea   NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX session_by_account ON session (account_id);
CREATE INDEX session_by_end     ON session (expires_at);
CREATE INDEX session_by_revoked ON session (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE attempt (
    key      text   PRIMARY KEY,
    failures bigint NOT NULL,
    last_at  bigint NOT NULL
);

CREATE INDEX attempt_by_time ON attempt (last_at);
