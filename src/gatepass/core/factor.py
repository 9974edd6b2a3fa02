"""What an account has beside its password: passkeys, an authenticator app (TOTP), and codes for the day both are lost.

A passkey is a way in of its own, and a second factor beside a password. TOTP and recovery codes are second factors
only: nothing begins with them.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from gatepass.core.policy import DAY

MAX_CREDENTIAL_ID = 1023
"""Bytes (WebAuthn L3 §4, "Credential ID")."""
USER_HANDLE_BYTES = 32
RECOVERY_CODES = 10
"""How many an account gets at once."""
RECOVERY_WINDOW = 7 * DAY
"""Seconds from when lost factors can be removed until the request for it is void."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """A WebAuthn credential that signs in to an account. Times are Unix seconds.

    `id` is how its owner names it. `user_handle` is the same for all passkeys of an account, and says nothing of it.
    `public_key` is a COSE key; `sign_count` the highest that was seen, 0 for authenticators that do not count.
    `is_backup_eligible`: it may be on several devices of its owner (a synced passkey); `is_backed_up`: it was, at its
    last use.
    """

    id: str
    account_id: str
    user_handle: bytes = field(repr=False)
    credential_id: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    sign_count: int
    name: str
    aaguid: bytes
    transports: tuple[str, ...]
    is_backup_eligible: bool
    is_backed_up: bool
    created_at: int
    last_used_at: int | None = None


@dataclass(frozen=True, slots=True)
class Totp:
    """The secret that an account shares with an authenticator app, sealed (`core.totp.seal`). Times are Unix seconds.

    It counts once a first code has confirmed it. `last_step` is the time step of the last code that was accepted: no
    code of that step or an earlier one is accepted again (RFC 6238 §5.2).
    """

    account_id: str
    sealed: bytes = field(repr=False)
    created_at: int
    confirmed_at: int | None = None
    last_step: int = -1


class FactorSummary(NamedTuple):
    """How many factors an account has. `enrol_by` is when it must have a second one (Unix seconds), None if unsaid."""

    passkeys: int = 0
    has_totp: bool = False
    recovery_codes: int = 0
    enrol_by: int | None = None

    @property
    def has_second(self) -> bool:
        """Whether a sign-in with the password can be asked for more. Recovery codes alone stand for no factor."""
        return self.has_totp or self.passkeys > 0


class FactorRecovery(NamedTuple):
    """A request to remove the factors of an account whose owner lost them: possible from `ready_at` until `ends_at`.

    Times are Unix seconds. The owner is told at once and can cancel it until it is done.
    """

    account_id: str
    requested_at: int
    ready_at: int

    @property
    def ends_at(self) -> int:
        """When it is void."""
        return self.ready_at + RECOVERY_WINDOW
