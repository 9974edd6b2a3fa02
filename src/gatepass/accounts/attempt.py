"""An attempt to sign in as the throttle sees it: whom it comes from, under which keys it counts, and the counts."""

import hashlib
from dataclasses import dataclass
from enum import Enum, auto

from gatepass.core.account import Account
from gatepass.ports import Attempts
from gatepass.wire.bodies import email_key as key_of_text

LASTING = "ever:"
"""How the keys begin of counts that last for LIFETIME; no other key holds one for longer than PER_GUESSER."""
_NEVER = Attempts(0, 0)


def email_digest(email_key: str) -> str:
    """An opaque key of bounded length: what was typed into an address field by mistake is not stored."""
    return hashlib.sha256(email_key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def keys_of(account: Account) -> tuple[str, ...]:
    """The keys under which failures at an account are counted: that of its row, and that of its address as it is typed.

    They differ for a mirror of an external user, and where an earlier version made another key of the address.
    """
    return tuple(dict.fromkeys((account.email_key, key_of_text(account.email))))


def network_key(ip_prefix: str) -> str:
    """The key under which the accounts are counted at which a network failed."""
    return f"address:{ip_prefix}"


class Caller(Enum):
    """Whom an attempt comes from, as far as it matters."""

    STRANGER = auto()
    HOME = auto()
    DEVICE = auto()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in attempt. `devices` are the sessions whose refresh tokens came with the request, MACs checked.

    `ip_prefix` is the network, or "" or None if it is not known. `code_of` is "" for a password; for a code it
    says which kind of code, and whose.
    """

    email_key: str
    ip_prefix: str | None
    devices: tuple[bytes, ...] = ()
    code_of: str = ""

    @property
    def account(self) -> str:
        """The key of what strangers failed at this account."""
        return self.code_of or f"account:{email_digest(self.email_key)}"

    @property
    def row(self) -> str:
        """The address whose row has the lasting count. For codes none: that row is for the password."""
        return self.code_of or self.email_key

    def device(self, sid: bytes) -> str:
        """The key of what a known device failed."""
        return f"device:{sid.hex()}{self.code_of}"

    @property
    def lasting(self) -> str:
        """The key of the lasting count of an address that has no account, and so no row for it."""
        return f"{LASTING}{self.account}"

    @property
    def pair(self) -> str:
        """The key of what this network failed at this account."""
        return f"{self.account}@{self.ip_prefix}"

    @property
    def home(self) -> str:
        """The key that says that a user of the application signed in in this network."""
        return f"{LASTING}home:{self.pair}"

    @property
    def recovery(self) -> str:
        """The key that says that a mailed link of this account was followed in this network."""
        return f"recovered:{self.pair}"

    @property
    def network(self) -> str:
        """The key of the network's count."""
        return network_key(self.ip_prefix or "")


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts that matter for an attempt; those of an unknown network, or of no known device, are zero."""

    lasting: Attempts
    account: Attempts
    device: Attempts = _NEVER
    pair: Attempts = _NEVER
    network: Attempts = _NEVER
    recovery: Attempts = _NEVER


@dataclass(frozen=True, slots=True)
class Standing:
    """An attempt that may be made: by whom, and the counts before it. `device` is the key of a known device's count."""

    caller: Caller
    counts: Counts
    device: str | None = None
