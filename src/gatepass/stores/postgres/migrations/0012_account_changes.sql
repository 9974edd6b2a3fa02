-- Programs of schema 7 and later may run on it.
-- The journal of accounts, for the hooks of the application. A trigger writes it: so no way of making or deleting an
-- account misses it, and servers of the version before, which do not know it, write it too, without a right to it.
SET LOCAL lock_timeout = '5s';

CREATE TABLE account_change (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id text   NOT NULL,
    kind       text   NOT NULL,
    tries      bigint NOT NULL DEFAULT 0,
    extra      text   NOT NULL DEFAULT '',
    due_at     bigint NOT NULL DEFAULT 0,
    noticed_at bigint NOT NULL DEFAULT 0
);

CREATE INDEX account_change_by_account ON account_change (account_id, number);

ALTER TABLE applicant ADD COLUMN extra text NOT NULL DEFAULT '';

CREATE FUNCTION note_account_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_ARGV[0] = 'delete' THEN
        UPDATE account_change SET extra = '' WHERE account_id = NEW.id AND extra <> '';
    END IF;
    INSERT INTO account_change (account_id, kind) VALUES (NEW.id, TG_ARGV[0]);
    RETURN NULL;
END $$;

CREATE TRIGGER account_registered AFTER INSERT ON account
FOR EACH ROW EXECUTE FUNCTION note_account_change('register');

CREATE TRIGGER account_email_changed AFTER UPDATE OF email ON account
FOR EACH ROW WHEN (OLD.email <> NEW.email AND NEW.deleted_at IS NULL)
EXECUTE FUNCTION note_account_change('change_email');

CREATE TRIGGER account_deleted AFTER UPDATE OF deleted_at ON account
FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
EXECUTE FUNCTION note_account_change('delete');
