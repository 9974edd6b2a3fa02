"""What the endpoints say of accounts, sessions and factors, as JSON. No answer of theirs is put together elsewhere."""

from collections.abc import Sequence
from uuid import UUID

from gatepass.core.account import Account
from gatepass.core.factor import FactorRecovery, Passkey
from gatepass.core.identity import LinkedIdentity
from gatepass.core.secret import Secret
from gatepass.core.session import NO_BINDING, Session


def account_json(account: Account) -> dict[str, str | int | bool]:
    """The account as its owner sees it."""
    return {
        "id": account.id,
        "email": account.email,
        "email_verified": account.verified_at is not None,
        "created_at": account.created_at,
    }


def me_json(account: Account, *, identities: int) -> dict[str, str | int | bool]:
    """The account, and which ways in there are: for the owner's own page."""
    return {**account_json(account), "password": account.has_password, "identities": identities}


def ticket_json(ticket: Secret, *, methods: Sequence[str], expires_in: int) -> dict[str, object]:
    """The ticket of a first step, and what may follow it within `expires_in` seconds."""
    return {"methods": list(methods), "ticket": ticket.reveal(), "expires_in": expires_in}


def totp_json(secret: Secret, *, uri: Secret, qr: Secret | None) -> dict[str, object]:
    """What an authenticator app reads: the secret to type, the otpauth URI, and its QR code as SVG."""
    return {"secret": secret.reveal(), "uri": uri.reveal(), "qr": None if qr is None else qr.reveal()}


def identity_json(identity: LinkedIdentity) -> dict[str, str | int]:
    """One row of the list of identities. The subject stays here: it says nothing to its owner."""
    return {
        "id": identity.id,
        "provider": identity.provider,
        "issuer": identity.issuer,
        "email": identity.email,
        "created_at": identity.created_at,
        "last_used_at": identity.last_used_at,
    }


Facts = dict[str, str | int | bool | list[str] | None]


def recovery_json(recovery: FactorRecovery) -> dict[str, int]:
    """What was asked for lost factors."""
    return {"requested_at": recovery.requested_at, "ready_at": recovery.ready_at, "ends_at": recovery.ends_at}


def passkey_json(passkey: Passkey) -> Facts:
    """One passkey as its owner sees it. The credential and its key say nothing to them."""
    return {
        "id": passkey.id,
        "name": passkey.name,
        "created_at": passkey.created_at,
        "last_used_at": passkey.last_used_at,
        "synced": passkey.is_backup_eligible or passkey.is_backed_up,
        "backed_up": passkey.is_backed_up,
        "transports": list(passkey.transports),
        "aaguid": str(UUID(bytes=passkey.aaguid)),
    }


def session_json(session: Session, *, current: str) -> Facts:
    """One row of the list of sessions of an account, which says which is that of the caller."""
    return {**session_facts(session), "current": session.sid.hex() == current}


def session_facts(session: Session) -> Facts:
    """What may be told of a session: no token material, a coarse address (ASVS 7.5.2)."""
    return {
        "id": session.sid.hex(),
        "client": session.client,
        "created_at": session.created_at,
        "last_used_at": session.committed_at,
        "expires_at": session.expires_at,
        "address": session.last_ip_prefix,
        "remember": session.remember,
        "bound": bound_of(session),
        "methods": list(session.methods),
        "acr": session.acr or None,
        "authenticated_at": session.authenticated_at,
    }


def bound_of(session: Session) -> str:
    """To what a session is bound: `no` if the cookie alone is enough, `key` for a client's, or `device`."""
    if session.device_since is not None:
        return "device"
    return "no" if session.binding == NO_BINDING else "key"
