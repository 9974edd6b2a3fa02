"""A sign-in between its two steps: what the first one proved, sealed for the client that goes on with the second.

    gp_st_<what the gate has sealed: core/sealed.py>

The server stores nothing of a first step, so none can be exhausted. A ticket lives for five minutes and is of one
account in one state: a password, an address or a factor that changes meanwhile makes it void. It counts once
(`FactorStore.use_once`), when the second step has succeeded; until then a mistyped code can be typed again.

The session that it leads to is bound to the key which the client offered at the first step: a copy of a ticket begins
no session that another client could go on with.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gatepass.core import base64url, sealed
from gatepass.core.authentication import Authentication
from gatepass.core.binding import BindingKey
from gatepass.core.identity import ProviderSignIn
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import MINUTE

TICKET_TTL = 5 * MINUTE
"""Against what: a person who looks for a phone, or types a recovery code from paper."""
PREFIX = "gp_st_"
MAX_TICKET = 26_000
"""Characters: a body of `POST /login` whose every member is one that the application added."""
_BOUND_TO = b"sign-in ticket"


@dataclass(frozen=True, slots=True, repr=False)
class SignInTicket:
    """What a first step proved. Times are Unix seconds.

    `how` is how the person was authenticated so far. `replaces` are the sessions (hex) that the new one ends besides
    those whose cookies come with the second step. `continues` is the session (hex) that asked to be stepped up, None
    for a sign-in. `extra` are the members, as JSON, that the application added to the first request. `key` is what
    makes it count once; a new ticket gets its own when it is sealed.
    """

    account_id: str
    credential_version: int
    expires_at: int
    how: Authentication
    remember: bool
    binding_key: BindingKey | None = None
    replaces: Sequence[str] = ()
    continues: str | None = None
    through: ProviderSignIn | None = None
    extra: str = field(default="", repr=False)
    key: bytes = b""


def seal_ticket(ticket: SignInTicket, keys: KeyRing, *, nonce: bytes) -> str:
    """The text of a ticket. `nonce` as for `sealed.seal`."""
    return PREFIX + sealed.seal(_members(ticket), keys, purpose="ticket", nonce=nonce, context=_BOUND_TO)


def open_ticket(text: str, keys: KeyRing) -> SignInTicket | None:
    """The ticket of a text; None for what this gate did not seal. The caller must check its time, state and use."""
    if not text.startswith(PREFIX) or len(text) > MAX_TICKET:
        return None
    opened = sealed.unseal(text.removeprefix(PREFIX), keys, purpose="ticket", context=_BOUND_TO)
    return None if opened is None else _ticket(*opened)


def _members(ticket: SignInTicket) -> dict[str, object]:
    key, through = ticket.binding_key, ticket.through
    return {
        "a": ticket.account_id,
        "v": ticket.credential_version,
        "e": ticket.expires_at,
        "h": [list(ticket.how.methods), ticket.how.acr, ticket.how.at],
        "m": ticket.remember,
        "k": None if key is None else base64url.encode(key.reveal()),
        "x": list(ticket.replaces),
        "c": ticket.continues,
        "p": through and [through.provider, through.issuer, through.subject, through.sid, through.issued_at],
        "j": ticket.extra,
    }


def _ticket(members: object, nonce: bytes) -> SignInTicket | None:
    """What was sealed. None for the form of another version."""
    match members:
        case {
            "a": str(account_id),
            "v": int(credential_version),
            "e": int(expires_at),
            "h": [list(methods), str() | None as acr, int() | None as at],
            "m": bool(remember),
            "k": str() | None as key,
            "x": list(replaces),
            "c": str() | None as continues,
            "p": list() | None as through,
            "j": str(extra),
        }:
            return SignInTicket(
                account_id,
                credential_version,
                expires_at,
                Authentication(tuple(map(str, methods)), acr, at),
                remember,
                None if key is None else BindingKey.parse(key),
                tuple(map(str, replaces)),
                continues,
                None if through is None else _through(through),
                extra,
                nonce,
            )
    return None


def _through(members: Sequence[object]) -> ProviderSignIn | None:
    match members:
        case [str(provider), str(issuer), str(subject), str() | None as sid, int(issued_at)]:
            return ProviderSignIn(provider, issuer, subject, sid, issued_at)
    return None
