-- Programs of schema 7 and later may run on it.
-- The live sessions of an account are found without its ended ones, which stay for a day: each sign-in asks for them.
CREATE INDEX session_by_account_and_end ON session (account_id, revoked_at);
DROP INDEX session_by_account;
