"""The SQL of accounts and pending registrations on PostgreSQL; each statement has the schema (see `statements.py`)."""

from dataclasses import dataclass

from gatepass.stores import rows

_ACCOUNT = ", ".join(rows.ACCOUNT_COLUMNS)
_REGISTRATION = ", ".join(rows.REGISTRATION_COLUMNS)


def _places(columns: tuple[str, ...]) -> str:
    return ", ".join(f"${place}" for place in range(1, len(columns) + 1))


@dataclass(frozen=True, slots=True)
class AccountStatements:
    """All statements on accounts and pending registrations for one schema. None of them finds a deleted account."""

    schema: str

    @property
    def add_account(self) -> str:
        """Insert an account, unless its address or its id is taken."""
        return (
            f"INSERT INTO {self.schema}.account ({_ACCOUNT}) VALUES ({_places(rows.ACCOUNT_COLUMNS)}) "
            "ON CONFLICT DO NOTHING RETURNING 1"
        )

    @property
    def find_account(self) -> str:
        return f"SELECT {_ACCOUNT} FROM {self.schema}.account WHERE id = $1 AND deleted_at IS NULL"

    @property
    def find_account_by_email(self) -> str:
        return f"SELECT {_ACCOUNT} FROM {self.schema}.account WHERE email_key = $1 AND deleted_at IS NULL"

    @property
    def add_audit(self) -> str:
        """Add an entry of the audit trail; its number is the next one."""
        columns = rows.AUDIT_COLUMNS[:-1]
        return f"INSERT INTO {self.schema}.audit ({', '.join(columns)}) VALUES ({_places(columns)})"

    @property
    def list_audit(self) -> str:
        """One page of the audit trail, newest first."""
        return (
            f"SELECT {', '.join(rows.AUDIT_COLUMNS)} FROM {self.schema}.audit "
            "WHERE $1::bigint IS NULL OR number < $1 ORDER BY number DESC LIMIT $2"
        )

    @property
    def list_accounts(self) -> str:
        """One page of accounts, ordered by id."""
        return f"SELECT {_ACCOUNT} FROM {self.schema}.account WHERE id > $1 AND deleted_at IS NULL ORDER BY id LIMIT $2"

    @property
    def sample_password_hashes(self) -> str:
        return rows.sample_hashes(f"{self.schema}.account")

    @property
    def lasting_failures(self) -> str:
        """The count in the row of an account; without an account that of a key."""
        account, attempt = f"{self.schema}.account", f"{self.schema}.attempt"
        return f"""
SELECT coalesce(failures, 0), coalesce(failed_at, 0) FROM {account} WHERE email_key = $1 AND deleted_at IS NULL
UNION ALL
SELECT failures, last_at FROM {attempt} WHERE key = $2
AND NOT EXISTS (SELECT 1 FROM {account} WHERE email_key = $1 AND deleted_at IS NULL)"""

    @property
    def count_lasting_failure(self) -> str:
        """Raise the count in the row of an account; without an account that of a key."""
        return f"""
WITH counted AS (
    UPDATE {self.schema}.account SET failed_at = $3,
        failures = CASE WHEN failed_at >= $4 THEN coalesce(failures, 0) + 1 ELSE 1 END
    WHERE email_key = $1 AND deleted_at IS NULL RETURNING 1
)
INSERT INTO {self.schema}.attempt AS attempt (key, failures, last_at)
SELECT $2::text, 1, $3::bigint WHERE NOT EXISTS (SELECT 1 FROM counted)
ON CONFLICT (key) DO UPDATE SET last_at = excluded.last_at,
    failures = CASE WHEN attempt.last_at < $4 THEN 1 ELSE attempt.failures + 1 END"""

    @property
    def clear_lasting_failures(self) -> str:
        return f"""
WITH cleared AS (DELETE FROM {self.schema}.attempt WHERE key = $2)
UPDATE {self.schema}.account SET failures = NULL, failed_at = NULL WHERE email_key = $1 AND deleted_at IS NULL"""

    @property
    def change_password(self) -> str:
        """Set a password and raise the version."""
        return self._update(
            "password_hash = $2, credential_version = credential_version + 1", "credential_version = $3"
        )

    @property
    def rehash_password(self) -> str:
        """Replace the hash; the version stays, since the password does."""
        return self._update("password_hash = $2", "credential_version = $3")

    @property
    def disable_account(self) -> str:
        """Disable an account and raise the version; the time of an earlier disabling stays."""
        facts = "disabled_at = coalesce(disabled_at, $2), credential_version = credential_version + 1"
        return self._update(facts)

    @property
    def enable_account(self) -> str:
        return self._update("disabled_at = NULL")

    @property
    def verify_account(self) -> str:
        """Mark the address as verified."""
        return self._update("verified_at = $2")

    @property
    def change_email(self) -> str:
        """Set the address and raise the version; the unique index refuses a taken address."""
        facts = "email = $2, email_key = $3, verified_at = $5, credential_version = credential_version + 1"
        return self._update(facts, "credential_version = $4")

    @property
    def anonymise_account(self) -> str:
        """Remove all personal data and keep the id. Sign-ins wait for it, as they do for a change of the password."""
        facts = "email = '', email_key = 'deleted ' || id, password_hash = '', disabled_at = $2, deleted_at = $2"
        return self._update(facts, "credential_version = coalesce($3, credential_version)")

    @property
    def blank_sessions(self) -> str:
        """Remove the personal data from the sessions of an account."""
        return f"UPDATE {self.schema}.session SET client = '', last_ip_prefix = '' WHERE account_id = $1"

    @property
    def drop_deleted(self) -> str:
        """Delete the rows of those of these accounts that are deleted and have no session left."""
        return f"""
DELETE FROM {self.schema}.account AS account WHERE id = ANY($1::text[]) AND deleted_at IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM {self.schema}.session WHERE account_id = account.id)"""

    @property
    def add_registration(self) -> str:
        return f"INSERT INTO {self.schema}.applicant ({_REGISTRATION}) VALUES ({_places(rows.REGISTRATION_COLUMNS)})"

    @property
    def find_registration(self) -> str:
        return f"SELECT {_REGISTRATION} FROM {self.schema}.applicant WHERE id = $1"

    @property
    def find_registrations(self) -> str:
        return f"SELECT {_REGISTRATION} FROM {self.schema}.applicant WHERE email_key = $1 ORDER BY created_at DESC, id"

    @property
    def lock_registrations(self) -> str:
        """Lock all of an address, in one order. Of two that are confirmed at once, the second is no longer found."""
        return f"SELECT id, extra FROM {self.schema}.applicant WHERE email_key = $1 ORDER BY id FOR UPDATE"

    @property
    def forget_registrations(self) -> str:
        return f"DELETE FROM {self.schema}.applicant WHERE email_key = $1"

    @property
    def prune_registrations(self) -> str:
        """Delete one batch of old pending registrations; locked ones are skipped."""
        return f"""
DELETE FROM {self.schema}.applicant WHERE id IN (
    SELECT id FROM {self.schema}.applicant WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING 1"""

    def _update(self, facts: str, condition: str = "TRUE") -> str:
        return (
            f"UPDATE {self.schema}.account SET {facts} WHERE id = $1 AND {condition} AND deleted_at IS NULL RETURNING 1"
        )
