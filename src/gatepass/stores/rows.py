"""Converts records to flat rows and back, for every store that keeps rows."""

from collections.abc import Sequence
from dataclasses import astuple, fields
from typing import Any

from gatepass.core.account import Account, PendingRegistration
from gatepass.core.audit import AuditEntry
from gatepass.core.factor import Passkey, Totp
from gatepass.core.hook_facts import AccountChange
from gatepass.core.identity import LinkedIdentity, ProviderSession
from gatepass.core.session import Session
from gatepass.core.stored_key import StoredKey

SESSION_COLUMNS = tuple(field.name for field in fields(Session))
SIGNING_KEY_COLUMNS = tuple(field.name for field in fields(StoredKey))
ACCOUNT_COLUMNS = tuple(field.name for field in fields(Account))
IDENTITY_COLUMNS = tuple(field.name for field in fields(LinkedIdentity))
PROVIDER_SESSION_COLUMNS = tuple(field.name for field in fields(ProviderSession))
PASSKEY_COLUMNS = tuple(field.name for field in fields(Passkey))
TOTP_COLUMNS = tuple(field.name for field in fields(Totp))
CHANGE_COLUMNS = tuple(field.name for field in fields(AccountChange))
AUDIT_COLUMNS = tuple(field.name for field in fields(AuditEntry))
REGISTRATION_COLUMNS = tuple(field.name for field in fields(PendingRegistration))
_METHODS = SESSION_COLUMNS.index("methods")
_TRANSPORTS = PASSKEY_COLUMNS.index("transports")
_FLAGS = tuple(PASSKEY_COLUMNS.index(name) for name in ("is_backup_eligible", "is_backed_up"))
_REMEMBER = SESSION_COLUMNS.index("remember")


def pack_methods(methods: Sequence[str]) -> str:
    """Authentication methods in one text. Their names have no spaces (RFC 8176)."""
    return " ".join(methods)


def unpack_methods(text: str) -> tuple[str, ...]:
    """The authentication methods in a text made by `pack_methods`."""
    return tuple(text.split())


def from_session(session: Session) -> list[Any]:
    """The values of a session's columns."""
    values = [getattr(session, name) for name in SESSION_COLUMNS]
    values[_METHODS] = pack_methods(session.methods)
    values[_REMEMBER] = int(session.remember)
    return values


def to_session(row: Sequence[Any]) -> Session:
    """A session from the values of its columns."""
    values = list(row)
    values[_METHODS] = unpack_methods(values[_METHODS])
    values[_REMEMBER] = bool(values[_REMEMBER])
    return Session(*values)


def from_account(account: Account) -> tuple[Any, ...]:
    """The values of an account's columns."""
    return astuple(account)


def to_account(row: Sequence[Any]) -> Account:
    """An account from the values of its columns."""
    return Account(*row)


def from_identity(identity: LinkedIdentity) -> tuple[Any, ...]:
    """The values of an identity's columns."""
    return astuple(identity)


def from_provider_session(began: ProviderSession) -> tuple[Any, ...]:
    """The values of the columns of a session's beginning."""
    return astuple(began)


def from_passkey(passkey: Passkey) -> tuple[Any, ...]:
    """The values of a passkey's columns."""
    values = [getattr(passkey, name) for name in PASSKEY_COLUMNS]
    values[_TRANSPORTS] = " ".join(passkey.transports)
    return tuple(values)


def to_passkey(row: Sequence[Any]) -> Passkey:
    """A passkey from the values of its columns."""
    values = list(row)
    values[_TRANSPORTS] = tuple(values[_TRANSPORTS].split())
    for place in _FLAGS:
        values[place] = bool(values[place])
    return Passkey(*values)


def from_totp(totp: Totp) -> tuple[Any, ...]:
    """The values of a TOTP's columns."""
    return astuple(totp)


def provider_session_condition(*, subject: str | None, provider_sid: str | None) -> str:
    """The SQL that picks what a provider ends (`end_provider_sessions`), with columns that have an index.

    `{subject}` and `{sid}` are the places of the values.
    """
    if subject is None:
        return "provider_sid = {sid}"
    return "subject = {subject}" + (
        "" if provider_sid is None else " AND (provider_sid = {sid} OR provider_sid IS NULL)"
    )


def from_registration(pending: PendingRegistration) -> tuple[Any, ...]:
    """The values of the columns of a pending registration."""
    return astuple(pending)


def to_registration(row: Sequence[Any]) -> PendingRegistration:
    """A pending registration from the values of its columns."""
    return PendingRegistration(*row)


def hash_kind(stored: str) -> str:
    """What all hashes of one kind have in common: the text of algorithm and parameters; "" for what is no hash.

    The same as the expression KIND in the SQL of the stores, which both dialects understand and have an index on.
    """
    parts = stored.split("$")
    if stored.startswith("scrypt$"):  # Django: the salt stands before the last parameters, which never change
        kept = parts[:2]
    elif stored.startswith(("$2", "bcrypt")):
        kept = parts[:-1]
    else:
        kept = parts[:-2]
    return "".join(f"{part}$" for part in kept)


_REST = "replace(password_hash, '$', '')"
_ONE_OFF = f"rtrim(password_hash, {_REST})"
_TWO_OFF = f"rtrim(rtrim({_ONE_OFF}, '$'), {_REST})"
_FOUR_OFF = f"rtrim(rtrim(rtrim(rtrim({_TWO_OFF}, '$'), {_REST}), '$'), {_REST})"
KIND = (
    f"CASE WHEN substr(password_hash, 1, 7) = 'scrypt$' THEN {_FOUR_OFF} "
    f"WHEN substr(password_hash, 1, 2) = '$2' OR substr(password_hash, 1, 6) = 'bcrypt' THEN {_ONE_OFF} "
    f"ELSE {_TWO_OFF} END"
)
"""`hash_kind` in SQL: each rtrim takes the text behind a `$` away. Text of the migrations 0005, letter by letter."""
MAX_KINDS = 32


def sample_hashes(table: str) -> str:
    """The SQL that finds one password hash of each kind, by as many looks into the index as there are kinds."""
    return f"""
WITH RECURSIVE kinds (kind) AS (
    SELECT (SELECT {KIND} FROM {table} WHERE {KIND} > '' ORDER BY {KIND} LIMIT 1)
    UNION ALL
    SELECT (SELECT {KIND} FROM {table} WHERE {KIND} > kinds.kind ORDER BY {KIND} LIMIT 1)
    FROM kinds WHERE kinds.kind IS NOT NULL
)
SELECT (SELECT password_hash FROM {table} WHERE {KIND} = kinds.kind LIMIT 1)
FROM kinds WHERE kinds.kind IS NOT NULL LIMIT {MAX_KINDS}"""


def from_signing_key(key: StoredKey) -> tuple[Any, ...]:
    """The values of a signing key's columns."""
    return (*astuple(key)[:-1], int(key.is_removed))


def to_signing_key(row: Sequence[Any]) -> StoredKey:
    """A signing key from the values of its columns."""
    values = [*row[:-1], bool(row[-1])]
    return StoredKey(*values)


def from_audit(entry: AuditEntry) -> list[Any]:
    """The values of an entry's columns, without its number, which the store gives."""
    return [getattr(entry, name) for name in AUDIT_COLUMNS[:-1]]
