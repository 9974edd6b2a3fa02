-- Programs of schema 7 and later may run on it.
-- The live sessions of an account are found without its ended ones, which stay for a day: each sign-in asks for them.
-- To make the index holds up refreshes, on ten million sessions for seconds. On such a table make it before, by
-- CREATE INDEX CONCURRENTLY under this name.
SET LOCAL lock_timeout = '5s';

CREATE INDEX IF NOT EXISTS session_by_account_and_end ON session (account_id, revoked_at);
DROP INDEX session_by_account;
