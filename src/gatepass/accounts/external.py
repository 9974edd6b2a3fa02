"""Bring your own users: people who have accounts elsewhere already sign in with them, and nothing is moved.

One method decides who somebody is. What Gatepass keeps of such a user is a mirror row without a password or a key by
address: sessions belong to it, and it can be disabled. `version` is what ends sessions when the password changes over
there: any text that then changes too, such as the password's hash. It is seen at the next sign-in; where it has to be
at once, the application calls `gate.sessions.revoke_all(user_id, reason="revoked")` when it changes a password.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gatepass.core.account import Account
from gatepass.core.session import EndReason
from gatepass.ports import AccountStore, Clock

MAX_ID = 128
MAX_EMAIL = 320


@dataclass(frozen=True, slots=True)
class AuthenticatedUser:
    """Somebody whose password was right. `id` never changes; `version` changes with the password, and is not kept."""

    id: str
    email: str = field(repr=False)
    version: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not (0 < len(self.id) <= MAX_ID and self.id.isascii() and self.id.isprintable()):
            raise ValueError(f"a user's id has 1 to {MAX_ID} printable ASCII characters")
        if not (len(self.email) <= MAX_EMAIL and self.email.isprintable()):
            raise ValueError(f"a user's address is one line of at most {MAX_EMAIL} characters")


class Authenticator(Protocol):
    """The application's own users."""

    async def authenticate(self, email: str, password: str) -> AuthenticatedUser | None:
        """Who this is, or None: unknown, wrong and closed alike, after the same work.

        Gatepass throttles before it asks. Blocking work belongs in a thread (`asyncio.to_thread`). An exception is
        a 5xx: nothing is decided, nobody is signed out.
        """
        ...


class Announce(Protocol):
    """Tells guards and listeners of sessions that a store has ended."""

    def __call__(self, account_id: str, sids: Sequence[bytes], *, reason: EndReason, now: int) -> None:
        """Tell them."""
        ...


class ExternalUsers:
    """Mirrors the application's users as they sign in."""

    def __init__(
        self,
        authenticator: Authenticator,
        *,
        store: AccountStore,
        clock: Clock,
        announce: Announce,
    ) -> None:
        """`announce` is told of sessions that a new version ended."""
        self._authenticator = authenticator
        self._store = store
        self._clock = clock
        self._announce = announce

    async def authenticate(self, email: str, password: str) -> Account | None:
        """The mirror of the user that these credentials are of, brought up to date; None for nobody."""
        user = await self._authenticator.authenticate(email, password)
        return None if user is None else await self._mirror(user)

    async def _mirror(self, user: AuthenticatedUser) -> Account | None:
        now, marker = self._clock.now(), _marker(user.version)
        account = await self._store.find_account(user.id)
        if account is None:
            made = Account(user.id, user.email, f"external {user.id}", marker, 1, now)
            if await self._store.add_account(made):
                return made
            account = await self._store.find_account(user.id)  # by a sign-in at the same time
        if account is not None and account.password_hash != marker:
            sids = await self._store.change_password(
                user.id, password_hash=marker, credential_version=account.credential_version, now=now, keep=None
            )
            self._announce(user.id, sids or (), reason="revoked", now=now)
            account = await self._store.find_account(user.id)
        if account is not None and account.email != user.email:
            await self._store.change_email(
                user.id,
                email=user.email,
                email_key=account.email_key,
                credential_version=account.credential_version,
                now=now,
            )
            account = await self._store.find_account(user.id)
        return account


def _marker(version: str) -> str:
    """What stands where a hash would, and is none: nobody signs in by it."""
    return f"external {hashlib.sha256(version.encode()).hexdigest()}"
