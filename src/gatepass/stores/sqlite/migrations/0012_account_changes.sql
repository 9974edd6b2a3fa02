-- Programs of schema 7 and later may run on it.
-- The journal of accounts, for the hooks of the application. Triggers write it: so no way of making or deleting an
-- account misses it, and programs of the version before, which do not know it, write it too.
CREATE TABLE account_change (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0,
    extra      TEXT    NOT NULL DEFAULT '',
    due_at     INTEGER NOT NULL DEFAULT 0,
    noticed_at INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX account_change_by_account ON account_change (account_id, number);

ALTER TABLE applicant ADD COLUMN extra TEXT NOT NULL DEFAULT '';

CREATE TRIGGER account_registered AFTER INSERT ON account
BEGIN
    INSERT INTO account_change (account_id, kind) VALUES (NEW.id, 'register');
END;

CREATE TRIGGER account_email_changed AFTER UPDATE OF email ON account
WHEN OLD.email <> NEW.email AND NEW.deleted_at IS NULL
BEGIN
    INSERT INTO account_change (account_id, kind) VALUES (NEW.id, 'change_email');
END;

CREATE TRIGGER account_deleted AFTER UPDATE OF deleted_at ON account
WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL
BEGIN
    UPDATE account_change SET extra = '' WHERE account_id = NEW.id;
    INSERT INTO account_change (account_id, kind) VALUES (NEW.id, 'delete');
END;
