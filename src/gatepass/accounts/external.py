"""External users: people with accounts in another system sign in with these accounts, and nothing is migrated.

The application supplies one method that verifies credentials. For each user Gatepass keeps a mirror account without a
password hash and without a key by address: sessions belong to it, and it can be disabled. `version` is any text that
changes with the user's password, such as its hash: at the first sign-in after a change the older sessions are revoked.
To revoke them at once, the application calls `gate.sessions.revoke_all(user_id, reason="revoked")` when it changes a
password.
"""

import hashlib
import inspect
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Protocol

from gatepass.accounts.changes import Changes
from gatepass.accounts.passwords.queue import FairQueue
from gatepass.core.account import MIRROR_KEY, Account
from gatepass.core.hook_facts import RequestFacts
from gatepass.core.secret import Secret
from gatepass.errors import ConfigurationError
from gatepass.hooks import call_hook
from gatepass.ports import AccountStore, Clock
from gatepass.sessions.service import Sessions

MAX_ID = 128
MAX_EMAIL = 320


@dataclass(frozen=True, slots=True)
class AuthenticatedUser:
    """A user of the application. `id` never changes; `version` changes with the password, and is not stored.

    `email_verified`: the application knows that mail to the address arrives.

    `id` has 1 to 128 printable ASCII characters, `email` is one line of at most 320. Raises ValueError.
    """

    id: str
    email: str = field(repr=False)
    version: str = field(default="", repr=False)
    email_verified: bool = False

    def __post_init__(self) -> None:
        if not (0 < len(self.id) <= MAX_ID and self.id.isascii() and self.id.isprintable()):
            raise ValueError(f"a user's id has 1 to {MAX_ID} printable ASCII characters")
        if not (len(self.email) <= MAX_EMAIL and self.email.isprintable()):
            raise ValueError(f"a user's address is one line of at most {MAX_EMAIL} characters")


class Authenticator(Protocol):
    """Knows the users of the application. Both methods are plain or async; a plain one runs on a thread and may block.

    An exception of either is answered with 500: the sign-in fails, no session ends.
    """

    def authenticate(
        self, email: str, password: str, request: RequestFacts
    ) -> AuthenticatedUser | Awaitable[AuthenticatedUser | None] | None:
        """The user; None if unknown, closed, or the password is wrong, after the same work in every case.

        `email` is as the user typed it. Gatepass throttles before it calls this.
        """
        ...

    def find(self, user_id: str) -> AuthenticatedUser | Awaitable[AuthenticatedUser | None] | None:
        """The user of this id, who may sign in; None if unknown or closed. Asked before and after a start."""
        ...


class ExternalUsers:
    """Keeps a mirror account for each user that has signed in."""

    def __init__(
        self,
        authenticator: Authenticator,
        *,
        queue: FairQueue,
        store: AccountStore,
        sessions: Sessions,
        changes: Changes,
        clock: Clock,
    ) -> None:
        """At most as many sign-ins are with the `authenticator` at a time as `queue` lets run.

        Raises ConfigurationError for an `authenticator` without one of its methods.
        """
        _check(authenticator)
        self._authenticator = authenticator
        self._queue = queue
        self._store = store
        self._sessions = sessions
        self._changes = changes
        self._clock = clock

    async def find(self, user_id: str, *, network: str | None) -> Account | None:
        """The up-to-date mirror of the user of this id; None if the application knows none."""
        user = await call_hook(self._authenticator.find, user_id)
        if user is not None and user.id != user_id:
            raise ValueError(f"find({user_id!r}) of the Authenticator returned the user {user.id!r}")
        return None if user is None else await self.mirror(user, network=network)

    async def is_known(self, user_id: str) -> bool:
        """Whether the application knows a user of this id, who may sign in. No mirror is made."""
        return await call_hook(self._authenticator.find, user_id) is not None

    async def is_still(self, account: Account) -> bool:
        """Whether the user of a mirror is as it was when that was made: not closed, and with the same password."""
        if not account.is_mirror:
            return True
        user = await call_hook(self._authenticator.find, account.id)
        return user is not None and _marker(user.version) == account.password_hash

    async def verify(
        self, email: str, password: Secret, *, network: str | None, request: RequestFacts
    ) -> tuple[Account | None, bool]:
        """The up-to-date mirror of the user with these credentials, and whether it may sign in. Raises Overloaded."""
        async with self._queue.turn(network):
            user = await call_hook(self._authenticator.authenticate, email, password, request)
        account = None if user is None else await self.mirror(user, network=network)
        return account, account is not None and account.disabled_at is None

    async def mirror(self, user: AuthenticatedUser, *, network: str | None) -> Account | None:
        """The up-to-date mirror of a user; made at the first sign-in. None if it was deleted at this very moment."""
        now, marker = self._clock.now(), _marker(user.version)
        account = await self._store.find_account(user.id)
        if account is None:
            verified_at = now if user.email_verified else None
            made = Account(user.id, user.email, f"{MIRROR_KEY}{user.id}", marker, 1, now, verified_at=verified_at)
            if await self._store.add_account(made):
                await self._changes.deliver(made.id)
                return made
            account = await self._store.find_account(user.id)  # another sign-in made it meanwhile
        if account is not None and account.password_hash != marker:
            sids = await self._store.change_password(
                user.id, password_hash=marker, credential_version=account.credential_version, now=now, keep=None
            )
            self._sessions.publish_revocations(user.id, sids or (), reason="revoked", now=now, ip_prefix=network or "")
            account = await self._store.find_account(user.id)
        if account is not None and (account.email, account.verified_at is not None) != (
            user.email,
            user.email_verified,
        ):
            await self._store.change_email(
                user.id,
                email=user.email,
                email_key=account.email_key,
                credential_version=account.credential_version,
                verified_at=now if user.email_verified else None,
            )
            await self._changes.deliver(user.id)
            account = await self._store.find_account(user.id)
        return account


def _check(authenticator: Authenticator) -> None:
    """Raise ConfigurationError where a method is missing, or takes other arguments."""
    for name, *arguments in (("authenticate", "email", "password", "request"), ("find", "user_id")):
        try:
            inspect.signature(getattr(authenticator, name)).bind(*arguments)
        except (AttributeError, TypeError):
            raise ConfigurationError(
                f"`users` ({type(authenticator).__name__}) needs a method {name}({', '.join(arguments)}); see "
                "docs/guides/external-users.md."
            ) from None


def _marker(version: str) -> str:
    """Stands in place of a password hash, and is none: no password matches it."""
    return f"external {hashlib.sha256(version.encode()).hexdigest()}"
