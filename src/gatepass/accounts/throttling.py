"""Counts failed sign-ins in the store, for all processes together, and makes further attempts wait.

    account        5 failures without a wait, then 1, 2, 4 … seconds, at most 15 minutes; a success or a day without
                   failures clears the count
    account, ever  80 failures in a row, however slowly: the password is refused until the owner recovers the account by
                   mail, through an administrator, or on a known device (NIST SP 800-63B-4 §3.2.2: at most 100)
    network        50 failures without a wait, then at most a minute; a school or an office shares one address
    device         a browser that still has a refresh token of the account, live or ended, has a count of its own, of 20

An attacker who fails on purpose under another person's name can neither guess for long nor lock that person out:
existing sessions are not affected, and only the owner's browser can raise the count of the owner's browser. Addresses
without an account are counted in the same way, so the answers reveal nothing.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gatepass.core import event as events
from gatepass.core.account import Account, PendingRegistration
from gatepass.core.event import Event
from gatepass.core.throttle import LIFETIME, LIFETIME_PER_DEVICE, PER_ACCOUNT, PER_ADDRESS, Throttle
from gatepass.errors import InvalidCredentials, TooManyAttempts
from gatepass.ports import Clock, Store

MAX_DEVICES = 2
"""Refresh tokens of a request that are looked at: one, or two while the name of the cookie changes."""

Subject = TypeVar("Subject", Account, PendingRegistration)
Verify = Callable[[], Awaitable[tuple[Subject | None, bool]]]
"""Finds the account and compares its password. Must do the same work whether there is an account or not."""


def email_digest(email_key: str) -> str:
    """An opaque key of bounded length: what was typed into an address field by mistake is not stored."""
    return hashlib.sha256(email_key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def network_key(ip_prefix: str) -> str:
    """The key under which the failures of a network are counted."""
    return f"address:{ip_prefix}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in attempt. `devices` are the sessions whose refresh tokens came with the request, MACs checked."""

    email_key: str
    ip_prefix: str
    devices: tuple[bytes, ...] = ()

    @property
    def account(self) -> str:
        """The key of the account's count."""
        return f"account:{email_digest(self.email_key)}"

    @property
    def ever(self) -> str:
        """The key of the count that only a success or recovery clears."""
        return f"ever:{self.account}"

    @property
    def network(self) -> str:
        """The key of the network's count."""
        return network_key(self.ip_prefix)


@dataclass(frozen=True, slots=True)
class ThrottleState:
    """The counts of an attempt that may be made. `device` is the key of the known device that is counted by itself."""

    counted: tuple[str, ...] = ()
    device: str | None = None


class SignInThrottle:
    """Lets an attempt be made, or makes it wait, and counts how it ends."""

    def __init__(self, store: Store, *, clock: Clock, report: Callable[[Event], None]) -> None:
        self._store = store
        self._clock = clock
        self._report = report

    async def run(self, attempt: Attempt, verify: Verify[Subject]) -> Subject:
        """The account that `verify` finds, if its password matches.

        Raises TooManyAttempts, or InvalidCredentials for an unknown account and a wrong password alike.
        """
        await self._check(attempt)
        found, matches = await verify()
        # Once more after hashing: guesses that were sent all at once would otherwise all get an answer.
        state = await self._check(attempt)
        if not matches or found is None:
            await self._count_failure(attempt, state)
            account_id = found.id if isinstance(found, Account) else None
            self._report(events.SignInFailed(at=self._clock.now(), address=attempt.ip_prefix, account_id=account_id))
            raise InvalidCredentials
        for key in state.counted:
            await self._store.clear_attempts(key)
        return found

    async def clear(self, email_key: str) -> None:
        """Clear the counts of an account whose owner was verified in another way."""
        attempt = Attempt(email_key, "")
        for key in (attempt.account, attempt.ever):
            await self._store.clear_attempts(key)

    async def _check(self, attempt: Attempt) -> ThrottleState:
        """Raise TooManyAttempts if the attempt must wait."""
        rules = ((attempt.account, PER_ACCOUNT), (attempt.ever, LIFETIME), (attempt.network, PER_ADDRESS))
        waits, counted = await self._read(rules)
        of_account, of_network = max(waits[:2]), waits[2]
        device = await self._find_device(attempt) if of_account and not of_network else None
        if device is not None:
            waits, more = await self._read(((device, PER_ACCOUNT), (device, LIFETIME_PER_DEVICE)))
            of_account, counted = max(waits), (*counted, *more)
        if wait := max(of_account, of_network):
            self._report(events.SignInThrottled(at=self._clock.now(), address=attempt.ip_prefix, retry_after=wait))
            raise TooManyAttempts(wait)
        return ThrottleState(tuple(set(counted) - {attempt.network}), device)

    async def _count_failure(self, attempt: Attempt, state: ThrottleState) -> None:
        """Count a failure for the known device that was let through, else for the account."""
        now = self._clock.now()
        lasting = state.device or attempt.ever
        passing = [attempt.network] if state.device else [attempt.account, attempt.network]
        await self._store.count_failure([lasting], now=now, forget_before=now - LIFETIME.memory)
        await self._store.count_failure(passing, now=now, forget_before=now - PER_ACCOUNT.memory)

    async def _find_device(self, attempt: Attempt) -> str | None:
        """The key of the first session that is, or was, one of the account's."""
        for sid in attempt.devices[:MAX_DEVICES]:
            account = await self._store.find_account_by_email(attempt.email_key)
            session = await self._store.find(sid)
            if account is not None and session is not None and session.account_id == account.id:
                return f"device:{sid.hex()}"
        return None

    async def _read(self, rules: Sequence[tuple[str, Throttle]]) -> tuple[list[int], tuple[str, ...]]:
        """The wait by each rule (seconds), and the keys that have a count."""
        now = self._clock.now()
        found = await self._store.attempts([key for key, _ in rules])
        pairs = list(zip(rules, found, strict=True))
        waits = [rule.wait(count.failures, last_at=count.last_at, now=now) for (_, rule), count in pairs]
        return waits, tuple(key for (key, _), count in pairs if count.failures)
