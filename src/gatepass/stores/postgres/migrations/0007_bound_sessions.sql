-- Every session ends here: refresh tokens have another form, and no program reads both. People sign in once.
-- No earlier program can run on it. The epoch tells guards and stores of sessions elsewhere; it lies ten seconds ahead,
-- for clocks that differ.
SET LOCAL lock_timeout = '5s';

ALTER TABLE session RENAME TO session_before;
ALTER TABLE session_before DROP CONSTRAINT session_pkey, DROP CONSTRAINT session_account_id_fkey;
DROP INDEX session_by_account, session_by_end, session_by_revoked;

-- One row per sign-in, updated in place by every refresh. What a refresh changes stands in no index, and a page
-- keeps room for new versions: so an update stays on its page and touches no index (HOT). It also stands side by side,
-- from generation to last_ip_prefix: the log of an update holds the bytes from the first that changed to the last.
CREATE TABLE session (
    created_at       bigint  NOT NULL,
    expires_at       bigint  NOT NULL,
    authenticated_at bigint  NOT NULL,
    revoked_at       bigint,
    generation       bigint  NOT NULL,
    committed_at     bigint  NOT NULL,
    fingerprint      bytea   NOT NULL,
    previous         bytea   NOT NULL,
    binding          bytea   NOT NULL,
    last_ip_prefix   text    NOT NULL,
    remember         boolean NOT NULL,
    sid              bytea   PRIMARY KEY,
    account_id       text    NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    client           text    NOT NULL,
    methods          text    NOT NULL,
    revoke_reason    text
) WITH (fillfactor = 80);

CREATE INDEX session_by_account ON session (account_id);
CREATE INDEX session_by_end     ON session (expires_at);
CREATE INDEX session_by_revoked ON session (revoked_at) WHERE revoked_at IS NOT NULL;

-- It has the rights and the settings of the table before.
DO $$
DECLARE granted record;
BEGIN
    FOR granted IN
        SELECT privilege_type, is_grantable, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role
        FROM pg_class, aclexplode(relacl) WHERE oid = 'session_before'::regclass AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON session TO %s', granted.privilege_type, granted.role)
            || CASE WHEN granted.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END;
    END LOOP;
    EXECUTE (
        SELECT format('ALTER TABLE session SET (%s)', array_to_string(coalesce(reloptions, '{fillfactor=80}'), ', '))
        FROM pg_class WHERE oid = 'session_before'::regclass
    );
END $$;

DROP TABLE session_before;

INSERT INTO epoch AS epoch (id, at)
SELECT 1, extract(epoch FROM clock_timestamp())::bigint + 10 WHERE EXISTS (SELECT 1 FROM account)
ON CONFLICT (id) DO UPDATE SET at = greatest(epoch.at, excluded.at);

-- Kept for the sake of their sessions.
DELETE FROM account WHERE deleted_at IS NOT NULL;
