"""Makes the sessions and accounts that tests of a store use, and puts them into it."""

import hashlib

from gatepass.core.account import Account, PendingRegistration
from gatepass.core.factor import Passkey, Totp
from gatepass.core.identity import LinkedIdentity, ProviderSession
from gatepass.core.policy import DAY
from gatepass.core.session import NO_BINDING, NO_FINGERPRINT, Session, Swap
from gatepass.ports import Store

NOW = 1_800_000_000
HEARD_TIMEOUT = 30.0
"""Seconds until a store must have told what another process did: so many that no machine is too slow."""


def digest(*words: object) -> bytes:
    """Return sixteen bytes that depend on the words alone."""
    return hashlib.sha256(repr(words).encode()).digest()[:16]


def account_of(name: str = "ann", **facts: object) -> Account:
    """Return an account; `facts` replace its fields."""
    fields: dict[str, object] = {
        "id": digest("account", name).hex(),
        "email": f"{name}@example.com",
        "email_key": f"{name}@example.com",
        "password_hash": "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
        "credential_version": 1,
        "created_at": NOW,
    }
    return Account(**{**fields, **facts})  # type: ignore[arg-type]


def registration_of(name: str, **facts: object) -> PendingRegistration:
    """Return a registration of ann@example.com that is not confirmed; `facts` replace its fields."""
    fields: dict[str, object] = {
        "id": digest("registration", name).hex(),
        "email": "ann@example.com",
        "email_key": "ann@example.com",
        "password_hash": "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
        "created_at": NOW,
    }
    return PendingRegistration(**{**fields, **facts})  # type: ignore[arg-type]


def identity_of(account: Account, name: str = "google", **facts: object) -> LinkedIdentity:
    """Return an identity of an account at the provider `name`; `facts` replace its fields."""
    fields: dict[str, object] = {
        "id": digest("identity", account.id, name).hex(),
        "account_id": account.id,
        "issuer": f"https://{name}.example",
        "subject": digest("subject", account.id).hex(),
        "provider": name,
        "email": account.email,
        "created_at": NOW,
        "last_used_at": NOW,
    }
    return LinkedIdentity(**{**fields, **facts})  # type: ignore[arg-type]


def provider_session_of(session: Session, **facts: object) -> ProviderSession:
    """Return where a session began; `facts` replace its fields."""
    fields: dict[str, object] = {
        "sid": session.sid,
        "account_id": session.account_id,
        "provider": "google",
        "issuer": "https://google.example",
        "subject": digest("subject", session.account_id).hex(),
        "provider_sid": f"there {session.sid.hex()}",
        "issued_at": NOW,
        "expires_at": session.expires_at,
    }
    return ProviderSession(**{**fields, **facts})  # type: ignore[arg-type]


def passkey_of(account: Account, name: str = "phone", **facts: object) -> Passkey:
    """Return a passkey of an account; `facts` replace its fields."""
    fields: dict[str, object] = {
        "id": digest("passkey", account.id, name).hex(),
        "account_id": account.id,
        "user_handle": 2 * digest("user handle", account.id),
        "credential_id": digest("credential", account.id, name),
        "public_key": b"a COSE key",
        "sign_count": 0,
        "name": name,
        "aaguid": bytes(16),
        "transports": ("internal", "hybrid"),
        "is_backup_eligible": True,
        "is_backed_up": False,
        "created_at": NOW,
    }
    return Passkey(**{**fields, **facts})  # type: ignore[arg-type]


def totp_of(account: Account, **facts: object) -> Totp:
    """Return a TOTP of an account that is not confirmed; `facts` replace its fields."""
    fields: dict[str, object] = {"account_id": account.id, "sealed": b"\1sealed", "created_at": NOW}
    return Totp(**{**fields, **facts})  # type: ignore[arg-type]


def session_of(account: Account, name: str = "laptop", **facts: object) -> Session:
    """Return a session as it is after sign-in; `facts` replace its fields."""
    fields: dict[str, object] = {
        "sid": digest("sid", account.id, name),
        "account_id": account.id,
        "generation": -1,
        "fingerprint": digest("root", account.id, name),
        "binding": NO_BINDING,
        "previous": NO_FINGERPRINT,
        "committed_at": NOW,
        "created_at": NOW,
        "expires_at": NOW + 30 * DAY,
        "authenticated_at": NOW,
        "methods": ("pwd",),
        "remember": True,
        "client": "Firefox on Linux",
        "last_ip_prefix": "192.0.2.0/24",
    }
    return Session(**{**fields, **facts})  # type: ignore[arg-type]


def swap_of(session: Session, *, branch: str = "", now: int = NOW + 60, **facts: object) -> Swap:
    """Return the swap that is next for a session; `facts` replace its fields. Another `branch` is another token."""
    fields: dict[str, object] = {
        "sid": session.sid,
        "expected_generation": session.generation,
        "expected_fingerprint": session.fingerprint,
        "expected_binding": session.binding,
        "generation": session.generation + 1,
        "fingerprint": digest("token", session.fingerprint, branch),
        "binding": session.binding,
        "previous": session.fingerprint,
        "now": now,
        "ip_prefix": "198.51.100.0/24",
    }
    return Swap(**{**fields, **facts})  # type: ignore[arg-type]


async def signed_in(store: Store, name: str = "ann", device: str = "laptop") -> Session:
    """Put an account with one session into the store. Returns the session."""
    account = account_of(name)
    await store.add_account(account)
    session = session_of(account, device)
    assert await store.add(session, credential_version=1)
    return session


async def swapped(store: Store, session: Session, **facts: object) -> Session:
    """Make the swap that is next for a session; `facts` replace its fields. Returns the new row."""
    row = await store.swap(swap_of(session, **facts))  # type: ignore[arg-type]
    assert row is not None
    return row
