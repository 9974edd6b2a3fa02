-- Programs of schema 3 and later may run on it.
-- A new table that no server of the version before knows: it goes on. The trail can be written to, and read; a role that
-- serves needs no right to change or delete what is in it.
CREATE TABLE audit (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     bigint NOT NULL,
    actor  text   NOT NULL,
    action text   NOT NULL,
    target text   NOT NULL,
    detail text   NOT NULL
);
