-- Programs of schema 7 and later may run on it.
-- Passkeys, TOTP and recovery codes of accounts. Programs of the version before do not know them, and ask for none.
SET LOCAL lock_timeout = '5s';

CREATE TABLE passkey (
    id                 text    NOT NULL UNIQUE,
    account_id         text    NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    user_handle        bytea   NOT NULL,
    credential_id      bytea   PRIMARY KEY,
    public_key         bytea   NOT NULL,
    sign_count         bigint  NOT NULL,
    name               text    NOT NULL,
    aaguid             bytea   NOT NULL,
    transports         text    NOT NULL,
    is_backup_eligible boolean NOT NULL,
    is_backed_up       boolean NOT NULL,
    created_at         bigint  NOT NULL,
    last_used_at       bigint
);

CREATE INDEX passkey_by_account ON passkey (account_id);

CREATE TABLE totp (
    account_id   text   PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    sealed       bytea  NOT NULL,
    created_at   bigint NOT NULL,
    confirmed_at bigint,
    last_step    bigint NOT NULL
);

-- By the secret that they are sealed under, which is the first byte.
CREATE INDEX totp_by_key ON totp (substr(sealed, 1, 1));

CREATE TABLE recovery_code (
    account_id text   NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    digest     bytea  NOT NULL,
    created_at bigint NOT NULL,
    used_at    bigint,
    PRIMARY KEY (account_id, digest)
);

CREATE TABLE factor_recovery (
    account_id   text   PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    requested_at bigint NOT NULL,
    ready_at     bigint NOT NULL
);

CREATE INDEX factor_recovery_by_time ON factor_recovery (ready_at);

-- Until when an account may be without a second factor. May be null and has no default: nothing is rewritten.
ALTER TABLE account ADD COLUMN enrol_by bigint;

-- Challenges, tickets and mailed codes that were used, as long as they would be valid.
CREATE TABLE used_key (
    key   bytea  PRIMARY KEY,
    until bigint NOT NULL
);

CREATE INDEX used_key_by_time ON used_key (until);

-- They have the rights of the table of accounts.
DO $$
DECLARE granted record;
BEGIN
    FOR granted IN
        SELECT privilege_type, is_grantable, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role
        FROM pg_class, aclexplode(relacl) WHERE oid = 'account'::regclass AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON passkey, totp, recovery_code, factor_recovery, used_key TO %s',
                       granted.privilege_type, granted.role)
            || CASE WHEN granted.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END;
    END LOOP;
END $$;
