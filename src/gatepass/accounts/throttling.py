"""Counts failed sign-ins in the store, for all processes together, and makes further attempts wait.

    one network, one account   5 failures without a wait, then 1, 2, 4 … seconds, at most 15 minutes
    all networks, one account  20 failures likewise: a guesser who changes networks gains little
    one network                50 accounts at which it failed, then at most a minute; a school shares one address
    one account, for ever      80 failures in a row, however slowly: the password is refused (NIST SP 800-63B-4 §3.2.2:
                               at most 100) until its owner recovers the account by mail or through an administrator

A success clears the counts of its account and takes its network's failure back; a day without failures clears all but
the last. That one is kept in the row of the account, so a flood of other addresses cannot push it out of the table.

An attacker who fails on purpose under another person's name must not lock that person out. So three kinds of callers
are told apart:

    known device    has the refresh token of a live session of the account. Its failures count for it alone, 5 as above,
                    and it is refused after 100 failures in a row
    home network    a live session of the account was last used there: it waits for its own failures, at this account
                    and at others, and is refused after 90 in a row. Where the owner followed a mailed link within the
                    hour, it waits for those at this account only. No address that is typed finds the sessions of a
                    user of the application's own: it is where such a user signed in within a month
    stranger        everybody else

Codes of a second factor have counts of their own (`code_throttle`): a party that knows the password must not
clear them with it.

An unknown network is not counted. Addresses without an account are counted in the same way, by the same calls of the
store, so that the answers reveal nothing.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from gatepass.accounts.attempt import Attempt, Caller, Counts, Standing, keys_of
from gatepass.accounts.lookup import find_by_email
from gatepass.core import event as events
from gatepass.core.account import Account, PendingRegistration
from gatepass.core.event import Event
from gatepass.core.policy import DAY, HOUR
from gatepass.core.throttle import (
    LIFETIME,
    LIFETIME_OF_DEVICES,
    LIFETIME_OF_NETWORKS,
    PER_ACCOUNT,
    PER_GUESSER,
    PER_NETWORK,
    Throttle,
    age,
)
from gatepass.errors import InvalidCredentials, TooManyAttempts
from gatepass.ports import Attempts, Clock, Store

MAX_DEVICES = 2
"""Refresh tokens of a request that are looked at: one, or two while the name of the cookie changes."""
RECOVERY_TTL = HOUR
"""Seconds for which the network in which a mailed link was followed is a home network."""
HOME_TTL = 30 * DAY
"""Seconds for which a network in which a user of the application's own signed in is a home network."""
_NO_ACCOUNT = ""
"""Looked up where there is no account, so that the same calls are made."""

Subject = TypeVar("Subject", Account, PendingRegistration)
Verify = Callable[[], Awaitable[tuple[Subject | None, bool]]]
"""Finds the account and compares its password. Must do the same work whether there is an account or not."""


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
        standing = await self._check(attempt)
        if not matches or found is None:
            await self._count_failure(attempt, standing)
            raise self._failed(attempt.ip_prefix, account_id=found.id if isinstance(found, Account) else None)
        await self._forgive(attempt, standing.counts, device=standing.device)
        if isinstance(found, Account) and found.is_mirror and attempt.ip_prefix:
            now = self._clock.now()
            await self._store.count_failure([attempt.home], now=now, forget_before=now)
        return found

    async def run_with_link(self, link_id: str, verify: Verify[Subject], *, ip_prefix: str | None) -> Subject:
        """As `run`, for the caller who has a mailed link: that is counted alone, since no stranger has it."""
        key = f"link:{link_id}"
        self._refuse_during(await self._wait_of(key), ip_prefix)
        found, matches = await verify()
        self._refuse_during(await self._wait_of(key), ip_prefix)
        if not matches or found is None:
            now = self._clock.now()
            await self._store.count_failure([key], now=now, forget_before=now - PER_GUESSER.memory)
            raise self._failed(ip_prefix, account_id=None)
        return found

    async def clear(self, email_key: str, *, ip_prefix: str | None = None, is_recovered: bool = False) -> None:
        """Clear the counts of an account whose owner was verified in another way, or that was made just now.

        With `is_recovered` the network is a home network for RECOVERY_TTL: strangers who go on failing cannot keep the
        owner from signing in with the new password.
        """
        attempt = Attempt(email_key, ip_prefix)
        await self._forgive(attempt, await self._read(attempt))
        if is_recovered and ip_prefix:
            now = self._clock.now()
            await self._store.count_failure([attempt.recovery], now=now, forget_before=now)

    async def is_stopped(self, account: Account) -> bool:
        """Whether strangers are refused for good, after LIFETIME failures in a row."""
        now = self._clock.now()
        for attempt in (Attempt(key, None) for key in keys_of(account)):
            lasting = await self._store.lasting_failures(attempt.row, key=attempt.lasting)
            if _wait(LIFETIME, lasting, now) > 0:
                return True
        return False

    async def _check(self, attempt: Attempt) -> Standing:
        """Raise TooManyAttempts if the attempt must wait."""
        now = self._clock.now()
        device = await self._find_device(attempt)
        counts = await self._read(attempt, device)
        if device is not None:
            caller = Caller.DEVICE
            wait = max(_wait(PER_GUESSER, counts.device, now), _wait(LIFETIME_OF_DEVICES, counts.lasting, now))
        else:
            caller = Caller.STRANGER
            own, of_network = _wait(PER_GUESSER, counts.pair, now), _wait(PER_NETWORK, counts.network, now)
            others = max(_wait(PER_ACCOUNT, counts.account, now), _wait(LIFETIME, counts.lasting, now))
            wait = max(own, of_network, others)
            is_recovering = _is_recent(counts.recovery, now, RECOVERY_TTL)
            if wait and not own and (is_recovering or (not of_network and await self._is_home(attempt, now=now))):
                caller = Caller.HOME
                wait = _wait(LIFETIME_OF_NETWORKS, counts.lasting, now)
        self._refuse_during(wait, attempt.ip_prefix)
        return Standing(caller, counts, device)

    async def _read(self, attempt: Attempt, device: str | None = None) -> Counts:
        keys = {"account": attempt.account}
        if device is not None:
            keys["device"] = device
        if attempt.ip_prefix:
            keys |= {"pair": attempt.pair, "network": attempt.network, "recovery": attempt.recovery}
        lasting = await self._store.lasting_failures(attempt.row, key=attempt.lasting)
        found = await self._store.attempts(list(keys.values()))
        return Counts(lasting=lasting, **dict(zip(keys, found, strict=True)))

    async def _count_failure(self, attempt: Attempt, standing: Standing) -> None:
        """Count a failure for its caller alone, and for the account in its row."""
        if standing.device is not None:
            keys = [standing.device]
        else:
            keys = [attempt.account] if standing.caller is Caller.STRANGER else []
            keys += [attempt.pair] if attempt.ip_prefix else []
            if attempt.ip_prefix and not standing.counts.pair.failures:
                keys.append(attempt.network)  # another account: typing errors at one are none of the network's
        now = self._clock.now()
        await self._store.count_lasting_failure(
            attempt.row, key=attempt.lasting, now=now, forget_before=now - LIFETIME.memory
        )
        await self._store.count_failure(keys, now=now, forget_before=now - PER_GUESSER.memory)

    async def _forgive(self, attempt: Attempt, counts: Counts, *, device: str | None = None) -> None:
        """Clear what is counted against an account, and take its failure back from the network."""
        if counts.lasting.failures:
            await self._store.clear_lasting_failures(attempt.row, key=attempt.lasting)
        if counts.pair.failures and counts.network.failures:
            await self._store.take_back_failure(attempt.network)
        counted = {attempt.account: counts.account, attempt.pair: counts.pair, attempt.recovery: counts.recovery}
        if device is not None:
            counted[device] = counts.device
        for key in [key for key, count in counted.items() if count.failures]:
            await self._store.clear_attempts(key)

    async def _find_device(self, attempt: Attempt) -> str | None:
        """The key of the first device whose session is live, and one of the account's."""
        for sid in attempt.devices[:MAX_DEVICES]:
            session = await self._store.find(sid)
            if session is None or session.revoked_at is not None or session.expires_at <= self._clock.now():
                continue
            account = await self._store.find_account(session.account_id)
            if account is not None and attempt.email_key in keys_of(account):
                return attempt.device(sid)
        return None

    async def _is_home(self, attempt: Attempt, *, now: int) -> bool:
        """Whether the attempt comes from the network of a live session of the account, or of its user's sign-ins."""
        if not attempt.ip_prefix:
            return False
        account = await find_by_email(self._store, attempt.email_key)
        sessions = await self._store.list_for_account(account.id if account else _NO_ACCOUNT, now=now)
        (signed_in,) = await self._store.attempts([attempt.home])
        is_used = any(session.last_ip_prefix == attempt.ip_prefix for session in sessions)
        return is_used or _is_recent(signed_in, now, HOME_TTL)

    async def _wait_of(self, key: str) -> int:
        (count,) = await self._store.attempts([key])
        return _wait(PER_GUESSER, count, self._clock.now())

    def _refuse_during(self, wait: int, ip_prefix: str | None) -> None:
        """Raise TooManyAttempts if there is a wait."""
        if wait:
            self._report(events.SignInThrottled(at=self._clock.now(), address=ip_prefix or "", retry_after=wait))
            raise TooManyAttempts(wait)

    def _failed(self, ip_prefix: str | None, *, account_id: str | None) -> InvalidCredentials:
        """Report a failed sign-in. Returns what to raise."""
        self._report(events.SignInFailed(at=self._clock.now(), address=ip_prefix or "", account_id=account_id))
        return InvalidCredentials()


def _is_recent(mark: Attempts, now: int, ttl: int) -> bool:
    """Whether what the mark says was less than `ttl` seconds ago."""
    passed = age(mark.last_at, now)
    return bool(mark.failures) and passed is not None and passed < ttl


def _wait(rule: Throttle, count: Attempts, now: int) -> int:
    """Seconds until an attempt may be made by this rule."""
    return rule.wait(count.failures, last_at=count.last_at, now=now)
