-- Programs of schema 7 and later may run on it.
-- The public key of the device that a session is bound to, and since when no refresh goes without it (PROTOCOL 10).
ALTER TABLE session ADD COLUMN device_key   BLOB NOT NULL DEFAULT x'';
ALTER TABLE session ADD COLUMN device_since INTEGER;
