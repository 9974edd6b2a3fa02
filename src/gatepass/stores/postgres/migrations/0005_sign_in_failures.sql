-- Programs of schema 3 and later may run on it.
-- A lock that cannot be had soon would hold up every sign-in that queues behind it: give up, and migrate again.
SET LOCAL lock_timeout = '5s';

-- How many sign-ins have failed since the last success, and when the last one did. In the row of the account, because
-- the table of attempts is bounded: a flood of other addresses must not push this count out.
-- Columns that may be null and have no default: no row is rewritten, and servers of the version before go on.
ALTER TABLE account ADD COLUMN failures bigint, ADD COLUMN failed_at bigint;

-- Which kinds of password hashes there are, for the servers, which make all comparisons cost the same work.
CREATE INDEX account_by_hash_kind ON account ((CASE WHEN substr(password_hash, 1, 7) = 'scrypt$' THEN rtrim(rtrim(rtrim(rtrim(rtrim(rtrim(rtrim(password_hash, replace(password_hash, '$', '')), '$'), replace(password_hash, '$', '')), '$'), replace(password_hash, '$', '')), '$'), replace(password_hash, '$', '')) WHEN substr(password_hash, 1, 2) = '$2' OR substr(password_hash, 1, 6) = 'bcrypt' THEN rtrim(password_hash, replace(password_hash, '$', '')) ELSE rtrim(rtrim(rtrim(password_hash, replace(password_hash, '$', '')), '$'), replace(password_hash, '$', '')) END));
