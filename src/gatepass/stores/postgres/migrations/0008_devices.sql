-- Programs of schema 7 and later may run on it.
-- The public key of the device that a session is bound to, and since when no refresh goes without it (PROTOCOL 10).
SET LOCAL lock_timeout = '5s';

ALTER TABLE session ADD COLUMN device_key bytea NOT NULL DEFAULT '', ADD COLUMN device_since bigint;
