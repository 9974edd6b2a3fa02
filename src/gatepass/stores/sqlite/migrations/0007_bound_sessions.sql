-- Every session ends here: refresh tokens have another form, and no program reads both. People sign in once.
-- No earlier program can run on it. The epoch tells guards and stores of sessions elsewhere; it lies ten seconds ahead,
-- for clocks that differ.
DROP TABLE session;

INSERT INTO epoch (id, at)
SELECT 1, CAST(strftime('%s', 'now') AS INTEGER) + 10 WHERE EXISTS (SELECT 1 FROM account)
ON CONFLICT (id) DO UPDATE SET at = max(at, excluded.at);

-- Kept for the sake of their sessions.
DELETE FROM account WHERE deleted_at IS NOT NULL;

-- One row per sign-in, updated in place by every refresh: WITHOUT ROWID, so that the row lies in the one B-tree
-- that the sid is looked up in.
CREATE TABLE session (
    sid              BLOB    PRIMARY KEY,
    account_id       TEXT    NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    generation       INTEGER NOT NULL,
    fingerprint      BLOB    NOT NULL,
    binding          BLOB    NOT NULL,
    previous         BLOB    NOT NULL,
    committed_at     INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    authenticated_at INTEGER NOT NULL,
    methods          TEXT    NOT NULL,
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
