CREATE TABLE signing_key (
    kid         TEXT    PRIMARY KEY,
    algorithm   TEXT    NOT NULL,
    sealed      BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    active_from INTEGER NOT NULL,
    retired_at  INTEGER,
    is_removed  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
