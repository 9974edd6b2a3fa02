"""Sign-in attempts, counted in the store for all processes together: who must wait, and who need not.

    account        5 failures are free, then 1, 2, 4 … seconds up to 15 minutes; a success or a quiet day forgives
    account, ever  80 in a row, however slowly, and the password opens nothing until its owner recovers the account
                   (NIST SP 800-63B-4 §3.2.2: at most 100), by mail, by an administrator, or on a known device
    network        50 failures, then up to a minute; a school or an office sits behind one address
    device         a browser that still has a refresh token of the account, live or ended, counts for itself; it has 20

So whoever fails on purpose under a foreign name can neither guess for long nor keep the owner out: existing sessions do
not care, and the owner's own browser has a count that nobody else can raise. An address that has no account is
counted just so: the answers tell nothing.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gatepass.core import event as events
from gatepass.core.event import Event
from gatepass.core.throttle import LIFETIME, LIFETIME_PER_DEVICE, PER_ACCOUNT, PER_ADDRESS, Throttle
from gatepass.errors import TooManyAttempts
from gatepass.ports import AttemptStore, Clock

IsKnown = Callable[[bytes], Awaitable[bool]]
"""Whether the session of this id is, or was, one of the account's that is being signed in to."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in attempt. `devices` are the sessions whose refresh tokens came with the request, MACs checked."""

    email_key: str
    ip_prefix: str
    devices: tuple[bytes, ...] = ()

    @property
    def account(self) -> str:
        """An opaque, bounded key: what people mistype into an address field is not stored."""
        return "account:" + hashlib.sha256(self.email_key.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @property
    def ever(self) -> str:
        """The key of the count that only a success or recovery clears."""
        return "ever:" + self.account

    @property
    def address(self) -> str:
        """The key of the network."""
        return f"address:{self.ip_prefix}"


@dataclass(frozen=True, slots=True)
class ThrottleState:
    """What is known of an attempt that may be made. `device` is the key of the known device that goes on by itself."""

    counted: tuple[str, ...] = ()
    device: str | None = None


class SignInThrottle:
    """All counts of failed sign-ins."""

    def __init__(self, attempts: AttemptStore, *, clock: Clock, report: Callable[[Event], None]) -> None:
        self._attempts = attempts
        self._clock = clock
        self._report = report

    async def check(self, attempt: Attempt, is_known: IsKnown) -> ThrottleState:
        """Raise TooManyAttempts if this one must wait."""
        rules = ((attempt.account, PER_ACCOUNT), (attempt.ever, LIFETIME), (attempt.address, PER_ADDRESS))
        waits, counted = await self._look(rules)
        of_account, of_address = max(waits[:2]), waits[2]
        device = await self._device(attempt, is_known) if of_account and not of_address else None
        if device is not None:
            waits, more = await self._look(((device, PER_ACCOUNT), (device, LIFETIME_PER_DEVICE)))
            of_account, counted = max(waits), (*counted, *more)
        if wait := max(of_account, of_address):
            self._report(events.SignInThrottled(at=self._clock.now(), address=attempt.ip_prefix, retry_after=wait))
            raise TooManyAttempts(wait)
        return ThrottleState(tuple(set(counted) - {attempt.address}), device)

    async def failed(self, attempt: Attempt, standing: ThrottleState) -> None:
        """Count a failure: for the device that went on by itself, else for the account."""
        now = self._clock.now()
        lasting = standing.device or attempt.ever
        passing = [attempt.address] if standing.device else [attempt.account, attempt.address]
        await self._attempts.count_failure([lasting], now=now, forget_before=now - LIFETIME.memory)
        await self._attempts.count_failure(passing, now=now, forget_before=now - PER_ACCOUNT.memory)

    async def succeeded(self, standing: ThrottleState) -> None:
        """Forget the failures of an account: its owner has come."""
        for key in standing.counted:
            await self._attempts.clear_attempts(key)

    async def forgive(self, email_key: str) -> None:
        """Forget the failures of an account whose owner has shown themselves another way."""
        attempt = Attempt(email_key, "")
        for key in (attempt.account, attempt.ever):
            await self._attempts.clear_attempts(key)

    async def _device(self, attempt: Attempt, is_known: IsKnown) -> str | None:
        for sid in attempt.devices[:2]:  # a request has one, or a second one while cookie names change
            if await is_known(sid):
                return f"device:{sid.hex()}"
        return None

    async def _look(self, rules: Sequence[tuple[str, Throttle]]) -> tuple[list[int], tuple[str, ...]]:
        """The wait by each rule, and the keys that have a count at all."""
        now = self._clock.now()
        found = await self._attempts.attempts([key for key, _ in rules])
        pairs = list(zip(rules, found, strict=True))
        waits = [rule.wait(count.failures, last_at=count.last_at, now=now) for (_, rule), count in pairs]
        return waits, tuple(key for (key, _), count in pairs if count.failures)
