"""The SQL of second factors on PostgreSQL (see `statements.py`)."""

from dataclasses import dataclass

from gatepass.core.account import NO_PASSWORD
from gatepass.stores import rows

_PASSKEY = ", ".join(rows.PASSKEY_COLUMNS)
_TOTP = ", ".join(rows.TOTP_COLUMNS)
_TABLES = ("passkey", "totp", "recovery_code", "factor_recovery")


@dataclass(frozen=True, slots=True)
class FactorStatements:
    """All statements on factors for one schema."""

    schema: str

    @property
    def lock(self) -> str:
        """Lock an account: of two changes of its factors, or of its ways in, the second waits."""
        return f"SELECT 1 FROM {self.schema}.account WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE"

    @property
    def lock_version(self) -> str:
        """As `lock`, if the account has a version."""
        return f"""
SELECT 1 FROM {self.schema}.account WHERE id = $1 AND deleted_at IS NULL AND credential_version = $2
FOR NO KEY UPDATE"""

    @property
    def lock_as_read(self) -> str:
        """As `lock_version`, if the account is enabled."""
        return f"""
SELECT 1 FROM {self.schema}.account
WHERE id = $1 AND disabled_at IS NULL AND deleted_at IS NULL AND credential_version = $2 FOR NO KEY UPDATE"""

    @property
    def end_change(self) -> tuple[str, str, str]:
        """What every change of factors does at its end."""
        return (
            f"UPDATE {self.schema}.account SET credential_version = credential_version + 1 WHERE id = $1",
            f"DELETE FROM {self.schema}.factor_recovery WHERE account_id = $1",
            self._drop_needless_codes,
        )

    @property
    def _drop_needless_codes(self) -> str:
        """Recovery codes go with the last second factor."""
        return f"""
DELETE FROM {self.schema}.recovery_code WHERE account_id = $1
AND NOT EXISTS (SELECT 1 FROM {self.schema}.passkey WHERE account_id = $1)
AND NOT EXISTS (SELECT 1 FROM {self.schema}.totp WHERE account_id = $1 AND confirmed_at IS NOT NULL)"""

    @property
    def drop_passkeys(self) -> tuple[str, ...]:
        return (f"DELETE FROM {self.schema}.passkey WHERE account_id = $1", self._drop_needless_codes)

    @property
    def drop_all(self) -> tuple[str, ...]:
        """Nothing is left that an account has beside its password and its identities."""
        deletions = (f"DELETE FROM {self.schema}.{table} WHERE account_id = $1" for table in _TABLES)
        return (*deletions, f"UPDATE {self.schema}.account SET enrol_by = NULL WHERE id = $1 AND enrol_by IS NOT NULL")

    @property
    def count_passkeys(self) -> str:
        return f"SELECT count(*) FROM {self.schema}.passkey WHERE account_id = $1"

    @property
    def add_passkey(self) -> str:
        places = ", ".join(f"${place}" for place in range(1, 1 + len(rows.PASSKEY_COLUMNS)))
        return f"INSERT INTO {self.schema}.passkey ({_PASSKEY}) VALUES ({places}) ON CONFLICT DO NOTHING RETURNING 1"

    @property
    def find_passkey(self) -> str:
        return f"SELECT {_PASSKEY} FROM {self.schema}.passkey WHERE credential_id = $1"

    @property
    def list_passkeys(self) -> str:
        """The passkeys of an account, oldest first."""
        return f"SELECT {_PASSKEY} FROM {self.schema}.passkey WHERE account_id = $1 ORDER BY created_at, id"

    @property
    def rename_passkey(self) -> str:
        return f"UPDATE {self.schema}.passkey SET name = $3 WHERE id = $1 AND account_id = $2 RETURNING 1"

    @property
    def use_passkey(self) -> str:
        """Record a use, unless the count says that it is a copy."""
        return f"""
UPDATE {self.schema}.passkey SET sign_count = $2, is_backed_up = $3, last_used_at = $4
WHERE credential_id = $1 AND ($2 > sign_count OR ($2 = 0 AND sign_count = 0)) RETURNING 1"""

    @property
    def find_own_passkey(self) -> str:
        return f"SELECT 1 FROM {self.schema}.passkey WHERE id = $1 AND account_id = $2"

    @property
    def other_ways_in(self) -> str:
        """What else begins a session of an account: other passkeys, identities, the password."""
        return f"""
SELECT 1 FROM {self.schema}.passkey WHERE account_id = $2 AND id <> $1
UNION ALL SELECT 1 FROM {self.schema}.identity WHERE account_id = $2
UNION ALL SELECT 1 FROM {self.schema}.account WHERE id = $2 AND password_hash NOT IN ('', '{NO_PASSWORD}')"""

    @property
    def remove_passkey(self) -> str:
        return f"DELETE FROM {self.schema}.passkey WHERE id = $1"

    @property
    def put_totp(self) -> str:
        """FOR SHARE, as for a session: a change of the account waits for it, or comes first and prevents it."""
        return f"""
INSERT INTO {self.schema}.totp ({_TOTP}) SELECT $1::text, $2::bytea, $3::bigint, $4::bigint, $5::bigint
FROM {self.schema}.account
WHERE id = $1 AND disabled_at IS NULL AND deleted_at IS NULL AND credential_version = $6 FOR SHARE
ON CONFLICT (account_id) DO UPDATE SET sealed = excluded.sealed, created_at = excluded.created_at
WHERE totp.confirmed_at IS NULL RETURNING 1"""

    @property
    def find_totp(self) -> str:
        return f"SELECT {_TOTP} FROM {self.schema}.totp WHERE account_id = $1"

    @property
    def confirm_totp(self) -> str:
        return f"""
UPDATE {self.schema}.totp SET confirmed_at = $3, last_step = $4
WHERE account_id = $1 AND sealed = $2 AND confirmed_at IS NULL RETURNING 1"""

    @property
    def use_totp(self) -> str:
        """Use a step, unless it or a later one was used."""
        return f"""
UPDATE {self.schema}.totp SET last_step = $2
WHERE account_id = $1 AND confirmed_at IS NOT NULL AND last_step < $2 RETURNING 1"""

    @property
    def remove_totp(self) -> str:
        return f"DELETE FROM {self.schema}.totp WHERE account_id = $1 RETURNING 1"

    @property
    def totps_under(self) -> str:
        """By the index on the first byte, which names the secret, or by the primary key where most are under it."""
        return f"""
SELECT {_TOTP} FROM {self.schema}.totp WHERE substr(sealed, 1, 1) = $1 AND account_id > $2
ORDER BY account_id LIMIT $3"""

    @property
    def reseal_totp(self) -> str:
        return f"UPDATE {self.schema}.totp SET sealed = $3 WHERE account_id = $1 AND sealed = $2 RETURNING 1"

    @property
    def drop_codes(self) -> str:
        return f"DELETE FROM {self.schema}.recovery_code WHERE account_id = $1"

    @property
    def add_codes(self) -> str:
        return f"""
INSERT INTO {self.schema}.recovery_code (account_id, digest, created_at)
SELECT $1::text, digest, $3::bigint FROM unnest($2::bytea[]) AS digest"""

    @property
    def use_code(self) -> str:
        return f"""
UPDATE {self.schema}.recovery_code SET used_at = $3 WHERE account_id = $1 AND digest = $2 AND used_at IS NULL
RETURNING 1"""

    @property
    def count_codes(self) -> str:
        return f"SELECT count(*) FROM {self.schema}.recovery_code WHERE account_id = $1 AND used_at IS NULL"

    @property
    def summary(self) -> str:
        """The fields of a FactorSummary."""
        return f"""
SELECT ({self.count_passkeys}),
       EXISTS (SELECT 1 FROM {self.schema}.totp WHERE account_id = $1 AND confirmed_at IS NOT NULL),
       ({self.count_codes}),
       (SELECT enrol_by FROM {self.schema}.account WHERE id = $1)"""

    @property
    def set_enrol_by(self) -> str:
        return f"""
UPDATE {self.schema}.account SET enrol_by = coalesce(enrol_by, $2) WHERE id = $1 AND deleted_at IS NULL
RETURNING enrol_by"""

    @property
    def start_recovery(self) -> str:
        return f"""
INSERT INTO {self.schema}.factor_recovery (account_id, requested_at, ready_at) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING"""

    @property
    def find_recovery(self) -> str:
        return f"SELECT account_id, requested_at, ready_at FROM {self.schema}.factor_recovery WHERE account_id = $1"

    @property
    def cancel_recovery(self) -> str:
        return f"DELETE FROM {self.schema}.factor_recovery WHERE account_id = $1 RETURNING 1"

    @property
    def prune_recoveries(self) -> str:
        """Delete one batch; locked ones are skipped."""
        table = f"{self.schema}.factor_recovery"
        return f"""
DELETE FROM {table} WHERE account_id IN (
    SELECT account_id FROM {table} WHERE ready_at < $1 ORDER BY ready_at LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING 1"""

    @property
    def use_once(self) -> str:
        """Returns a row for the first use."""
        return f"""
INSERT INTO {self.schema}.used_key AS used (key, until) VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE used.until < $3 RETURNING 1"""

    @property
    def prune_used(self) -> str:
        """Delete one batch; locked ones are skipped."""
        table = f"{self.schema}.used_key"
        return f"""
DELETE FROM {table} WHERE key IN (
    SELECT key FROM {table} WHERE until < $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING 1"""
