-- Programs of schema 7 and later may run on it.
-- Who somebody is at another provider of identities: one account for each pair of issuer and subject.
SET LOCAL lock_timeout = '5s';

CREATE TABLE identity (
    id           text   NOT NULL UNIQUE,
    account_id   text   NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    issuer       text   NOT NULL,
    subject      text   NOT NULL,
    provider     text   NOT NULL,
    email        text   NOT NULL,
    created_at   bigint NOT NULL,
    last_used_at bigint NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX identity_by_account ON identity (account_id);

-- Where a session began, for a provider that ends it. Beside the accounts, also where sessions are in another store.
CREATE TABLE provider_session (
    sid          bytea  PRIMARY KEY,
    account_id   text   NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    provider     text   NOT NULL,
    issuer       text   NOT NULL,
    subject      text   NOT NULL,
    provider_sid text,
    issued_at    bigint NOT NULL,
    expires_at   bigint NOT NULL,
    ended_at     bigint
);

CREATE INDEX provider_session_by_account ON provider_session (account_id);
CREATE INDEX provider_session_by_subject ON provider_session (issuer, subject);
CREATE INDEX provider_session_by_sid     ON provider_session (issuer, provider_sid);
CREATE INDEX provider_session_by_end     ON provider_session (expires_at);

-- They have the rights of the table of accounts.
DO $$
DECLARE granted record;
BEGIN
    FOR granted IN
        SELECT privilege_type, is_grantable, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role
        FROM pg_class, aclexplode(relacl) WHERE oid = 'account'::regclass AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON identity, provider_session TO %s', granted.privilege_type, granted.role)
            || CASE WHEN granted.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END;
    END LOOP;
END $$;
