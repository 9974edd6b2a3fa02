"""The SQL of the PostgreSQL store, with the name of the schema in each statement.

The name is needed because a pooler in transaction mode keeps no `search_path`. A transaction that locks several rows
locks them in the order of their sids, so transactions never deadlock.
"""

from dataclasses import dataclass

from gatepass.stores import rows
from gatepass.stores.postgres.swap_batches import LOCK_TIMEOUT

_SESSION = ", ".join(rows.SESSION_COLUMNS)
_SIGNING_KEY = ", ".join(rows.SIGNING_KEY_COLUMNS)
_BOOLEANS = ("remember", "is_removed")


def _values(columns: tuple[str, ...]) -> str:
    """$1, $2 … for these columns. `rows` has booleans as numbers, as SQLite keeps them."""
    return ", ".join(
        f"${place}::int::boolean" if name in _BOOLEANS else f"${place}" for place, name in enumerate(columns, 1)
    )


@dataclass(frozen=True, slots=True)
class Statements:
    """All statements for one schema."""

    schema: str

    @property
    def channel(self) -> str:
        """The channel on which revocations are notified, one for each schema."""
        return f"{self.schema}_revoked"

    @property
    def server_state(self) -> str:
        """What the store checks before it uses a server."""
        return (
            f"SELECT to_regclass('{self.schema}.schema_version') IS NOT NULL AS is_migrated, "
            "current_setting('synchronous_commit') AS synchronous_commit, "
            "current_setting('transaction_read_only') = 'on' AS is_read_only"
        )

    @property
    def add(self) -> str:
        """FOR SHARE: a change of the password waits for this sign-in and revokes it, or comes first and prevents it."""
        account, version = len(rows.SESSION_COLUMNS) + 1, len(rows.SESSION_COLUMNS) + 2
        # The types must be given: in INSERT … SELECT they are not inferred from the columns.
        return f"""
INSERT INTO {self.schema}.session ({_SESSION})
SELECT {_typed_session_values()}
FROM {self.schema}.account WHERE id = ${account} AND disabled_at IS NULL AND credential_version = ${version} FOR SHARE
RETURNING 1"""

    @property
    def find(self) -> str:
        """One session by sid."""
        return f"SELECT {_SESSION} FROM {self.schema}.session WHERE sid = $1"

    @property
    def swap(self) -> str:
        """The one UPDATE of a refresh, with its condition in WHERE.

        The last condition is none. It sets how long this transaction waits for a lock, once the row is found and before
        it is locked: a statement of its own would cost a round trip, and a pooler keeps no settings.
        """
        return f"""
UPDATE {self.schema}.session SET generation = $1, fingerprint = $2, binding = $3, previous = $4,
       committed_at = $5, last_ip_prefix = $6
WHERE sid = $7 AND generation = $8 AND fingerprint = $9 AND binding = $10 AND revoked_at IS NULL AND expires_at > $5
      AND (device_since IS NULL OR $11)
      AND set_config('lock_timeout', '{LOCK_TIMEOUT * 1_000:.0f}ms', true) IS NOT NULL
RETURNING {_SESSION}"""

    @property
    def set_device(self) -> str:
        """Record the device of a live session that has none, or this one."""
        return f"""
UPDATE {self.schema}.session SET device_key = $2, device_since = coalesce(device_since, $3)
WHERE sid = $1 AND revoked_at IS NULL AND expires_at > $4 AND device_key IN ('', $2) RETURNING 1"""

    @property
    def revoke(self) -> str:
        """Revoke one session, and notify."""
        return f"""
WITH ended AS (
    UPDATE {self.schema}.session SET revoked_at = $1, revoke_reason = $2 WHERE sid = $3 AND revoked_at IS NULL
    RETURNING {_SESSION}
)
SELECT {_SESSION}, pg_notify('{self.channel}', encode(sid, 'hex') || ' ' || $1::bigint) FROM ended"""

    @property
    def revoke_all(self) -> str:
        """Revoke all sessions of an account except one, and notify. More than 100 are notified as an empty payload."""
        return f"""
WITH due AS (
    SELECT sid FROM {self.schema}.session
    WHERE account_id = $3 AND revoked_at IS NULL AND sid IS DISTINCT FROM $4::bytea ORDER BY sid FOR NO KEY UPDATE
), ended AS (
    UPDATE {self.schema}.session AS session SET revoked_at = $1, revoke_reason = $2
    FROM due WHERE session.sid = due.sid RETURNING session.sid
), notified AS (
    SELECT pg_notify('{self.channel}', CASE WHEN count(*) > 100 THEN '' ELSE
        string_agg(encode(sid, 'hex') || ' ' || $1::bigint, ',') END) FROM ended HAVING count(*) > 0
)
SELECT sid FROM ended, (SELECT count(*) FROM notified) AS one"""

    @property
    def list_for_account(self) -> str:
        """The live sessions of an account, newest sign-in first."""
        return f"""
SELECT {_SESSION} FROM {self.schema}.session WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > $2
ORDER BY created_at DESC, sid"""

    @property
    def bury(self) -> str:
        """Record the end of a session that has no row, and notify."""
        return f"""
WITH buried AS (
    INSERT INTO {self.schema}.tombstone (sid, at) SELECT $1::bytea, $2::bigint
    WHERE NOT EXISTS (SELECT 1 FROM {self.schema}.session WHERE sid = $1)
    ON CONFLICT (sid) DO UPDATE SET at = excluded.at RETURNING sid
)
SELECT pg_notify('{self.channel}', encode(sid, 'hex') || ' ' || $2::bigint) FROM buried"""

    @property
    def revoked_since(self) -> str:
        """The revocations since a time, oldest first."""
        return f"""
SELECT sid, revoked_at FROM {self.schema}.session WHERE revoked_at >= $1
UNION ALL SELECT sid, at FROM {self.schema}.tombstone WHERE at >= $1 ORDER BY 2, 1"""

    @property
    def revoked_among(self) -> str:
        """The revocations of some sessions."""
        return f"""
SELECT sid, revoked_at FROM {self.schema}.session WHERE sid = ANY($1::bytea[]) AND revoked_at IS NOT NULL
UNION ALL SELECT sid, at FROM {self.schema}.tombstone WHERE sid = ANY($1::bytea[])"""

    @property
    def time(self) -> str:
        """The time of the server."""
        return "SELECT extract(epoch FROM clock_timestamp())::bigint"

    @property
    def epoch(self) -> str:
        return f"SELECT at FROM {self.schema}.epoch"

    @property
    def raise_epoch(self) -> str:
        """Set the epoch unless it is later already, and notify with an empty payload. Writes in any case."""
        return f"""
WITH raised AS (
    INSERT INTO {self.schema}.epoch AS epoch (id, at) VALUES (1, $1)
    ON CONFLICT (id) DO UPDATE SET at = greatest(epoch.at, excluded.at) RETURNING at
)
SELECT at, pg_notify('{self.channel}', '') FROM raised"""

    @property
    def prune_tombstones(self) -> str:
        """Delete one batch of old records of `bury`."""
        table = f"{self.schema}.tombstone"
        return f"""
DELETE FROM {table} WHERE sid IN (SELECT sid FROM {table} WHERE at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1"""

    @property
    def lock_prune(self) -> str:
        """Wait until no other transaction prunes. Ends with the transaction."""
        return f"SELECT pg_advisory_xact_lock(hashtext('{self.schema} prune'))"

    @property
    def prune(self) -> str:
        """Delete one batch. Rows that another transaction has locked are skipped, and deleted next time."""
        table = f"{self.schema}.session"
        return f"""
WITH expired AS (
    SELECT sid FROM {table} WHERE expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
), revoked AS (
    SELECT sid FROM {table} WHERE revoked_at < $1 AND expires_at >= $1
    LIMIT $2 - (SELECT count(*) FROM expired) FOR UPDATE SKIP LOCKED
)
DELETE FROM {table} WHERE sid IN (SELECT sid FROM expired UNION ALL SELECT sid FROM revoked) RETURNING account_id"""

    @property
    def attempts(self) -> str:
        """The counts of some keys, in no particular order."""
        return f"SELECT key, failures, last_at FROM {self.schema}.attempt WHERE key = ANY($1::text[])"

    @property
    def count_failure(self) -> str:
        """Raise the counts of some keys; an old count starts again."""
        return f"""
INSERT INTO {self.schema}.attempt AS attempt (key, failures, last_at)
SELECT key, count(*), $2 FROM unnest($1::text[]) AS key GROUP BY key ORDER BY key
ON CONFLICT (key) DO UPDATE SET last_at = excluded.last_at,
    failures = excluded.failures + CASE WHEN attempt.last_at < $3 THEN 0 ELSE attempt.failures END"""

    @property
    def forget_attempts(self) -> str:
        """Delete all but the newest $1 counts."""
        table = f"{self.schema}.attempt"
        return f"""
DELETE FROM {table} WHERE key IN (
    SELECT key FROM {table} ORDER BY last_at LIMIT greatest(0, (SELECT count(*) FROM {table}) - $1)
    FOR UPDATE SKIP LOCKED
)"""

    @property
    def prune_attempts(self) -> str:
        """Delete at most $3 counts last raised before $1, without keys that begin with $2."""
        table = f"{self.schema}.attempt"
        return f"""
DELETE FROM {table} WHERE key IN (
    SELECT key FROM {table} WHERE last_at < $1 AND ($2 = '' OR NOT starts_with(key, $2)) ORDER BY last_at LIMIT $3
    FOR UPDATE SKIP LOCKED
) RETURNING key"""

    @property
    def take_back_failure(self) -> str:
        """Lower a count by one; a count of one is deleted."""
        return f"""
WITH ended AS (DELETE FROM {self.schema}.attempt WHERE key = $1 AND failures <= 1)
UPDATE {self.schema}.attempt SET failures = failures - 1 WHERE key = $1 AND failures > 1"""

    @property
    def clear_attempts(self) -> str:
        return f"DELETE FROM {self.schema}.attempt WHERE key = $1"

    @property
    def ping(self) -> str:
        """A real write, whose value changes each time."""
        return (
            f"INSERT INTO {self.schema}.attempt AS attempt (key, failures, last_at) VALUES ('gatepass ping', 0, 0) "
            "ON CONFLICT (key) DO UPDATE SET failures = 1 - attempt.failures"
        )

    @property
    def seal(self) -> str:
        """A write to the log and to no table: its commit waits as a revocation's does, and so covers all before it."""
        return "SELECT pg_logical_emit_message(true, 'gatepass', '')"

    @property
    def signing_keys(self) -> str:
        return f"SELECT {_SIGNING_KEY} FROM {self.schema}.signing_key"

    @property
    def put_signing_key(self) -> str:
        """Add or replace a signing key, and notify with an empty payload."""
        replaced = ", ".join(f"{name} = excluded.{name}" for name in rows.SIGNING_KEY_COLUMNS[1:])
        return f"""
WITH put AS (
    INSERT INTO {self.schema}.signing_key ({_SIGNING_KEY}) VALUES ({_values(rows.SIGNING_KEY_COLUMNS)})
    ON CONFLICT (kid) DO UPDATE SET {replaced} RETURNING kid
)
SELECT pg_notify('{self.channel}', '') FROM put"""


_BYTES = ("sid", "fingerprint", "binding", "previous", "device_key")
_TEXTS = ("account_id", "client", "last_ip_prefix", "methods", "revoke_reason", "acr")


def _typed_session_values() -> str:
    kinds = {**dict.fromkeys(_BYTES, "bytea"), **dict.fromkeys(_TEXTS, "text"), "remember": "int::boolean"}
    return ", ".join(f"${place}::{kinds.get(name, 'bigint')}" for place, name in enumerate(rows.SESSION_COLUMNS, 1))
