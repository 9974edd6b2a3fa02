-- Programs of schema 8 and later may run on it.
-- Accounts whose claims changed: guards refuse their older tokens as expired (PROTOCOL 7). '' stands for all accounts.
CREATE TABLE claims_mark (
    account_id TEXT    NOT NULL,
    within     INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    PRIMARY KEY (account_id, within)
) STRICT, WITHOUT ROWID;

CREATE INDEX claims_mark_by_number ON claims_mark (number, account_id, within);
