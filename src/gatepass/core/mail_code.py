"""Codes by mail: a ticket for the client that asked, and eight characters for the mailbox. Neither counts alone.

    gp_mc_<what the gate has sealed: core/sealed.py>       answered at once, to any caller, for any address
    7K3M-Q2VX                                              mailed to the address, if it has an account

A ticket has the address and a random seed; the code is a MAC under the seed over the account as it is when the mail is
written. So nothing is stored of a request, the ticket of an address without an account looks like every other, and a
code is void when its account changes: its password, its address, its factors, or that it is disabled.

A code has 40 bits. A ticket takes MAX_TRIES guesses, counted in the store, so one of 2^37 tickets would be guessed.
"""

import hashlib
import hmac
from dataclasses import dataclass

from gatepass.core import base64url, crockford, sealed
from gatepass.core.account import Account
from gatepass.core.binding import BindingKey
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import MINUTE

MAIL_CODE_TTL = 10 * MINUTE
"""Against what: mail that is slow. At most this (ASVS 6.5.5, NIST SP 800-63B-4 §3.1.3.2)."""
MAX_TRIES = 5
"""Codes that a ticket takes: a person mistypes one once or twice."""
SEED_BYTES = 32
PREFIX = "gp_mc_"
MAX_MAIL_TICKET = 4096
"""Characters. Against what: the longest address, as JSON."""
CODE_CHARACTERS = 8
_CODE_BYTES = 5
_BOUND_TO = b"mail code"
_NO_ACCOUNT = ("", 0)


@dataclass(frozen=True, slots=True, repr=False)
class MailTicket:
    """A code that was asked for. `expires_at` is in Unix seconds.

    `binding_key` is what the client offered. `key` is what makes it count once; a new ticket gets its own when it is
    sealed.
    """

    email_key: str
    seed: bytes
    expires_at: int
    binding_key: BindingKey | None = None
    key: bytes = b""


def seal_mail_ticket(ticket: MailTicket, keys: KeyRing, *, nonce: bytes) -> str:
    """The text of a ticket. `nonce` as for `sealed.seal`."""
    key = ticket.binding_key
    members: dict[str, object] = {
        "a": ticket.email_key,
        "s": base64url.encode(ticket.seed),
        "e": ticket.expires_at,
        "k": None if key is None else base64url.encode(key.reveal()),
    }
    return PREFIX + sealed.seal(members, keys, purpose="ticket", nonce=nonce, context=_BOUND_TO)


def open_mail_ticket(text: str, keys: KeyRing) -> MailTicket | None:
    """The ticket of a text; None for what this gate did not seal. The caller must check its time and use."""
    if not text.startswith(PREFIX) or len(text) > MAX_MAIL_TICKET:
        return None
    match sealed.unseal(text.removeprefix(PREFIX), keys, purpose="ticket", context=_BOUND_TO):
        case ({"a": str(email_key), "s": str(seed), "e": int(expires_at), "k": str() | None as key}, nonce):
            binding_key = None if key is None else BindingKey.parse(key)
            return MailTicket(email_key, base64url.decode(seed.encode()), expires_at, binding_key, nonce)
    return None


def code_of(ticket: MailTicket, account: Account) -> str:
    """The code of a ticket for an account as it is now, as it is mailed."""
    raw = _mac(ticket, account.id, account.credential_version)
    return crockford.grouped(crockford.encode(raw))


def is_code_of(ticket: MailTicket, account: Account | None, typed: str) -> bool:
    """Whether a code, however it was typed, is that of a ticket for an account as it is now. The same work without one.

    False without an account, whatever was typed.
    """
    about = _NO_ACCOUNT if account is None else (account.id, account.credential_version)
    given = crockford.decode(typed, length=CODE_CHARACTERS)
    is_same = hmac.compare_digest(_mac(ticket, *about), given or b"")
    return is_same and account is not None


def _mac(ticket: MailTicket, account_id: str, credential_version: int) -> bytes:
    # The account's id is last, and nothing before it can have a line break: no two states have one message.
    message = f"mail code\n{credential_version}\n{ticket.email_key}\n{account_id}".encode("utf-8", "surrogatepass")
    return hmac.digest(ticket.seed, message, hashlib.sha256)[:_CODE_BYTES]
