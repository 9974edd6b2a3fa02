"""The SQL of identities and of sessions that began at a provider, on PostgreSQL (see `statements.py`)."""

from dataclasses import dataclass

from gatepass.core.account import NO_PASSWORD
from gatepass.stores import rows

_IDENTITY = ", ".join(rows.IDENTITY_COLUMNS)
_SESSION = ", ".join(rows.PROVIDER_SESSION_COLUMNS)
_NUMBERS = ("created_at", "last_used_at", "issued_at", "expires_at", "ended_at")


def _typed(columns: tuple[str, ...]) -> str:
    """$1::text, $2::bigint … In INSERT … SELECT the types are not inferred from the columns."""
    kinds = {**dict.fromkeys(_NUMBERS, "bigint"), "sid": "bytea"}
    return ", ".join(f"${place}::{kinds.get(name, 'text')}" for place, name in enumerate(columns, 1))


@dataclass(frozen=True, slots=True)
class IdentityStatements:
    """All statements on identities for one schema."""

    schema: str

    @property
    def add(self) -> str:
        """FOR SHARE, as for a session: a change of the account waits for it, or comes first and prevents it."""
        account, version = 1 + rows.IDENTITY_COLUMNS.index("account_id"), 1 + len(rows.IDENTITY_COLUMNS)
        return f"""
INSERT INTO {self.schema}.identity ({_IDENTITY}) SELECT {_typed(rows.IDENTITY_COLUMNS)}
FROM {self.schema}.account
WHERE id = ${account} AND disabled_at IS NULL AND deleted_at IS NULL AND credential_version = ${version} FOR SHARE
ON CONFLICT DO NOTHING RETURNING 1"""

    @property
    def use(self) -> str:
        """Record a use."""
        return f"""
UPDATE {self.schema}.identity SET provider = $1, email = $2, last_used_at = $3 WHERE issuer = $4 AND subject = $5
RETURNING {_IDENTITY}"""

    @property
    def list_own(self) -> str:
        """The identities of an account, oldest first."""
        return f"SELECT {_IDENTITY} FROM {self.schema}.identity WHERE account_id = $1 ORDER BY created_at, id"

    @property
    def list_ids(self) -> str:
        return f"SELECT id FROM {self.schema}.identity WHERE account_id = $1"

    @property
    def lock_account(self) -> str:
        """Lock an account, and tell whether it has a password. Of two that remove an identity, the second waits."""
        return f"""
SELECT password_hash NOT IN ('', '{NO_PASSWORD}') FROM {self.schema}.account
WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE"""

    @property
    def remove(self) -> str:
        return f"DELETE FROM {self.schema}.identity WHERE id = $1"

    @property
    def remove_all(self) -> str:
        """Delete all identities of an account."""
        return f"DELETE FROM {self.schema}.identity WHERE account_id = $1"

    @property
    def raise_version(self) -> str:
        return f"UPDATE {self.schema}.account SET credential_version = credential_version + 1 WHERE id = $1"

    @property
    def add_session(self) -> str:
        """Record where a session begins, if there is its account."""
        account = 1 + rows.PROVIDER_SESSION_COLUMNS.index("account_id")
        return f"""
INSERT INTO {self.schema}.provider_session ({_SESSION}) SELECT {_typed(rows.PROVIDER_SESSION_COLUMNS)}
FROM {self.schema}.account WHERE id = ${account} AND deleted_at IS NULL FOR SHARE"""

    @property
    def find_session(self) -> str:
        return f"SELECT {_SESSION} FROM {self.schema}.provider_session WHERE sid = $1"

    def end_sessions(self, *, subject: str | None, provider_sid: str | None) -> tuple[str, list[object]]:
        """Mark what began in one session, or for one subject, of a provider. Locked in the order of the sids.

        The values after the first three ($1 issuer, $2 issued by, $3 now) come with it.
        """
        given = {name: value for name, value in (("subject", subject), ("sid", provider_sid)) if value is not None}
        places = {"subject": "$4", "sid": f"${3 + len(given)}"}
        condition = rows.provider_session_condition(subject=subject, provider_sid=provider_sid).format(**places)
        statement = f"""
WITH due AS (
    SELECT sid FROM {self.schema}.provider_session WHERE issuer = $1 AND issued_at <= $2 AND {condition}
    ORDER BY sid FOR NO KEY UPDATE
)
UPDATE {self.schema}.provider_session AS began SET ended_at = coalesce(began.ended_at, $3)
FROM due WHERE began.sid = due.sid RETURNING began.sid"""
        return statement, list(given.values())

    @property
    def remove_sessions(self) -> str:
        """Delete the records of all sessions of an account."""
        return f"DELETE FROM {self.schema}.provider_session WHERE account_id = $1"

    @property
    def prune_sessions(self) -> str:
        """Delete one batch; locked records are skipped, and deleted next time."""
        table = f"{self.schema}.provider_session"
        return f"""
DELETE FROM {table} WHERE sid IN (
    SELECT sid FROM {table} WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING 1"""
