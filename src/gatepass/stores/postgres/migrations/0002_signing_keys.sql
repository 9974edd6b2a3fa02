CREATE TABLE signing_key (
    kid         text    PRIMARY KEY,
    algorithm   text    NOT NULL,
    sealed      bytea   NOT NULL,
    created_at  bigint  NOT NULL,
    active_from bigint  NOT NULL,
    retired_at  bigint,
    is_removed  boolean NOT NULL
);
