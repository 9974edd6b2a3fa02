-- Programs of schema 7 and later may run on it.
-- The assurance of the sign-in (acr, OpenID Connect Core 2), where whoever authenticated has said it.
SET LOCAL lock_timeout = '5s';

ALTER TABLE session ADD COLUMN acr text NOT NULL DEFAULT '';
