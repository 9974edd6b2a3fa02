"""The throttle of sign-ins for codes: the same rules, under counts that a password does not clear.

Comparing a code takes no time, so of a burst of guesses all would be looked at before the first is counted. A code is
therefore counted as wrong first, then looked at, and forgiven if it is right.

A guesser who knows the password has 80 guesses at a code in all, then only recovery codes, passkeys, known devices and
home networks get in. A new password does not clear the counts, or a stolen mailbox would buy guesses without end; a
recovery code does, and an administrator who enables the account or resets its factors.

A mailed code has a count by the address, which may have no account, so that all addresses are alike. A right one clears
it. So does a new password by mail: that count guards no second factor, and a reader of the mailbox has the codes.
"""

from collections.abc import Awaitable, Callable, Iterator

from gatepass.accounts.attempt import Attempt, Caller, Counts, Standing, email_digest, keys_of
from gatepass.accounts.throttling import SignInThrottle
from gatepass.core.account import Account
from gatepass.core.throttle import (
    LIFETIME,
    LIFETIME_OF_DEVICES,
    LIFETIME_OF_NETWORKS,
    PER_ACCOUNT,
    PER_GUESSER,
    Throttle,
)
from gatepass.errors import InvalidCode
from gatepass.ports import Attempts

TOTP = "totp"
RECOVERY_CODE = "recovery"
MAIL_CODE = "mail-code"
KINDS = (TOTP, RECOVERY_CODE)


class CodeThrottle(SignInThrottle):
    """Lets a code be looked at, or makes it wait."""

    async def run_code(
        self,
        kind: str,
        account: Account,
        verify: Callable[[], Awaitable[bool]],
        *,
        ip_prefix: str,
        devices: tuple[bytes, ...] = (),
    ) -> None:
        """Return if `verify` finds the code right. `devices` as in `Attempt`.

        Raises TooManyAttempts, or InvalidCode.
        """
        await self._run(_attempt(kind, account, ip_prefix, devices), verify)

    async def run_mail_code(
        self,
        email_key: str,
        verify: Callable[[], Awaitable[bool]],
        *,
        ip_prefix: str,
        devices: tuple[bytes, ...] = (),
    ) -> None:
        """As `run_code`, for a code that was mailed to an address; `verify` does the same work without an account."""
        await self._run(_mailed(email_key, ip_prefix, devices), verify)

    async def clear_mail_codes(self, email_key: str) -> None:
        """Clear what is counted against the codes that are mailed to an address."""
        attempt = _mailed(email_key)
        await self._forgive(attempt, await self._read(attempt))

    async def _run(self, attempt: Attempt, verify: Callable[[], Awaitable[bool]]) -> None:
        ip_prefix = attempt.ip_prefix or ""
        before = await self._check(attempt)
        await self._count_failure(attempt, before)
        counts = await self._read(attempt, before.device)
        for rule, then, now in _counted(before, counts):
            if now.failures > max(rule.free, then.failures + 1):  # others were counted in the meantime
                wait = rule.wait(now.failures, last_at=now.last_at, now=self._clock.now())
                self._refuse_during(max(1, wait), ip_prefix)
        if not await verify():
            raise InvalidCode
        await self._forgive(attempt, counts, device=before.device)

    async def clear_codes(self, account: Account) -> None:
        """Clear what is counted against the codes of an account whose owner was verified in another way."""
        for kind in KINDS:
            attempt = _attempt(kind, account)
            await self._forgive(attempt, await self._read(attempt))
        for key in keys_of(account):
            await self.clear_mail_codes(key)


def _mailed(email_key: str, ip_prefix: str | None = None, devices: tuple[bytes, ...] = ()) -> Attempt:
    return Attempt(email_key, ip_prefix, devices, code_of=f"{MAIL_CODE}:{email_digest(email_key)}")


def _attempt(kind: str, account: Account, ip_prefix: str | None = None, devices: tuple[bytes, ...] = ()) -> Attempt:
    """By the id, which stays where the address changes."""
    return Attempt(account.email_key, ip_prefix, devices, code_of=f"{kind}:{account.id}")


def _counted(before: Standing, counts: Counts) -> Iterator[tuple[Throttle, Attempts, Attempts]]:
    """What the attempt was counted under: by which rule, what was counted before it, and what is now."""
    lasting = {Caller.DEVICE: LIFETIME_OF_DEVICES, Caller.HOME: LIFETIME_OF_NETWORKS, Caller.STRANGER: LIFETIME}
    yield lasting[before.caller], before.counts.lasting, counts.lasting
    if before.caller is Caller.DEVICE:
        yield PER_GUESSER, before.counts.device, counts.device
        return
    yield PER_GUESSER, before.counts.pair, counts.pair
    if before.caller is Caller.STRANGER:
        yield PER_ACCOUNT, before.counts.account, counts.account
