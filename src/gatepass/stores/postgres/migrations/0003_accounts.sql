-- A lock that cannot be had soon would hold up every sign-in that queues behind it: give up, and migrate again.
SET LOCAL lock_timeout = '5s';

-- Columns that may be null and have no default: no row is rewritten, and servers of the version before go on.
-- deleted_at is set in what is left of a deleted account while its sessions are remembered: no personal data is in it.
ALTER TABLE account ADD COLUMN verified_at bigint, ADD COLUMN deleted_at bigint;

CREATE TABLE applicant (
    id            text   PRIMARY KEY,
    email         text   NOT NULL,
    email_key     text   NOT NULL,
    password_hash text   NOT NULL,
    created_at    bigint NOT NULL
);

CREATE INDEX applicant_by_address ON applicant (email_key);
CREATE INDEX applicant_by_time    ON applicant (created_at);
