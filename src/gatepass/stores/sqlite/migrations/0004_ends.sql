-- Programs of schema 3 and later may run on it.
-- Ends of sessions that have no row any more: guards are told of them as of any other.
CREATE TABLE tombstone (
    sid BLOB    PRIMARY KEY,
    at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tombstone_by_time ON tombstone (at);

-- One row: sessions that began before this time are over, whatever their rows say.
CREATE TABLE epoch (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;
