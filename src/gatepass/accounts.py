"""Accounts: register, authenticate, change the password. Hashing is the hasher's, rules are the core's.

What an attacker may learn from a sign-in is one bit. Unknown, wrong and disabled are one answer after the
same work; failures are counted per account and per network, and looked at before and after hashing.
"""

import hashlib
from collections.abc import Callable, Collection
from typing import Literal

from gatepass.core import event as events
from gatepass.core.account import Account
from gatepass.core.event import Event
from gatepass.core.password import is_overlong, normalise, object_to
from gatepass.core.policy import Policy
from gatepass.core.throttle import PER_ACCOUNT, PER_ADDRESS
from gatepass.errors import Conflict, Forbidden, InvalidCredentials, TooManyAttempts, Unprocessable
from gatepass.ports import AccountStore, AttemptStore, Clock, Entropy, PasswordHasher
from gatepass.sessions import Sessions

Registration = Literal["open", "closed"]


class Accounts:
    """All verbs on accounts. `service_words` are context words that no password may be made from."""

    def __init__(
        self,
        *,
        store: AccountStore,
        attempts: AttemptStore,
        sessions: Sessions,
        hasher: PasswordHasher,
        policy: Policy,
        clock: Clock,
        entropy: Entropy,
        blocklist: Callable[[], Collection[str]],
        service_words: Collection[str],
        report: Callable[[Event], None],
        registration: Registration = "open",
    ) -> None:
        self._store = store
        self._attempts = attempts
        self._sessions = sessions
        self._hasher = hasher
        self._policy = policy
        self._clock = clock
        self._entropy = entropy
        self._blocklist = blocklist
        self._service_words = tuple(service_words)
        self._report = report
        self._registration = registration

    async def register(self, email: str, password: str, *, email_key: str, ip_prefix: str) -> Account:
        """Self-service registration. Raises Forbidden (`registration-closed`) where that is switched off."""
        if self._registration == "closed":
            raise Forbidden("registration-closed", "Accounts are made by an administrator here.")
        return await self.add(email, password, email_key=email_key, ip_prefix=ip_prefix)

    async def add(self, email: str, password: str, *, email_key: str, ip_prefix: str = "") -> Account:
        """Make an account. Raises Unprocessable (`password-…`) or Conflict (`email-taken`)."""
        now = self._clock.now()
        password_hash = await self._accept(password, email_key)
        account = Account(
            id=self._entropy.token_bytes(16).hex(),
            email=email,
            email_key=email_key,
            password_hash=password_hash,
            credential_version=1,
            created_at=now,
        )
        if not await self._store.add_account(account):
            raise Conflict("email-taken", "There is an account with this address.")
        self._report(events.AccountRegistered(at=now, address=ip_prefix, account_id=account.id))
        return account

    async def authenticate(self, email_key: str, password: str, *, ip_prefix: str) -> Account:
        """The account that these credentials open. `email_key` is normalised, `ip_prefix` the coarse address.

        Raises InvalidCredentials, TooManyAttempts, Unprocessable (`password-too-long`) or Overloaded.
        """
        self._refuse_overlong(password)
        account_key, address_key = _attempt_keys(email_key, ip_prefix)
        await self._throttle(account_key, address_key, ip_prefix=ip_prefix)
        account = await self._store.find_account_by_email(email_key)
        usable = account if account is not None and account.disabled_at is None else None
        stored = usable.password_hash if usable else None
        matches = await self._hasher.verify(stored, normalise(password))
        # Again, for guesses that came all at once: the hasher's whole queue would be told right from wrong.
        await self._throttle(account_key, address_key, ip_prefix=ip_prefix)
        if not matches or usable is None:
            await self._count_failure(account, (account_key, address_key), ip_prefix=ip_prefix)
            raise InvalidCredentials
        await self._attempts.clear_attempts(account_key)
        await self._strengthen(usable, password)
        return usable

    async def find(self, account_id: str) -> Account | None:
        """The account of this id, or None."""
        return await self._store.find_account(account_id)

    async def change_password(self, account: Account, current: str, *, new: str, keep: bytes, ip_prefix: str) -> None:
        """Change the password and end every session but `keep`. The current one is asked for and throttled.

        Raises InvalidCredentials, TooManyAttempts, Unprocessable (`password-…`)
        or Conflict (`password-changed`).
        """
        await self.authenticate(account.email_key, current, ip_prefix=ip_prefix)
        password_hash = await self._accept(new, account.email_key)
        now = self._clock.now()
        ended = await self._store.change_password(
            account.id,
            password_hash=password_hash,
            credential_version=account.credential_version,
            now=now,
            keep=keep,
        )
        if ended is None:
            raise Conflict("password-changed", "The password was changed by another request meanwhile.")
        self._report(events.PasswordChanged(at=now, address=ip_prefix, account_id=account.id))
        self._sessions.announce(account.id, ended, reason="revoked", now=now)

    async def disable(self, account_id: str) -> bool:
        """Close an account to sign-in and end its sessions, at once and together; False for no such account."""
        now = self._clock.now()
        ended = await self._store.disable_account(account_id, now=now)
        if ended is None:
            return False
        self._sessions.announce(account_id, ended, reason="revoked", now=now)
        return True

    async def _accept(self, password: str, email_key: str) -> str:
        """The hash of a new password that the policy has no objection to."""
        local_part = email_key.partition("@")[0]
        objection = object_to(
            normalise(password),
            self._policy,
            blocklist=self._blocklist(),
            context=(email_key, local_part, *self._service_words),
        )
        if objection is not None:
            raise Unprocessable(objection.code, objection.detail)
        return await self._hasher.hash(normalise(password))

    def _refuse_overlong(self, password: str) -> None:
        if is_overlong(normalise(password), self._policy):
            raise Unprocessable("password-too-long", f"A password has at most {self._policy.password_max} characters.")

    async def _throttle(self, account_key: str, address_key: str, *, ip_prefix: str) -> None:
        now = self._clock.now()
        by_account, by_address = await self._attempts.attempts((account_key, address_key))
        wait = max(
            PER_ACCOUNT.wait(by_account.failures, last_at=by_account.last_at, now=now),
            PER_ADDRESS.wait(by_address.failures, last_at=by_address.last_at, now=now),
        )
        if wait:
            self._report(events.SignInThrottled(at=now, address=ip_prefix, retry_after=wait))
            raise TooManyAttempts(wait)

    async def _count_failure(self, account: Account | None, keys: tuple[str, str], *, ip_prefix: str) -> None:
        now = self._clock.now()
        await self._attempts.count_failure(keys, now=now, forget_before=now - PER_ACCOUNT.memory)
        account_id = account.id if account else None
        self._report(events.SignInFailed(at=now, address=ip_prefix, account_id=account_id))

    async def _strengthen(self, account: Account, password: str) -> None:
        """Re-hash under today's parameters while the password is at hand (standards PW-08)."""
        if self._hasher.is_outdated(account.password_hash):
            await self._store.rehash_password(
                account.id,
                password_hash=await self._hasher.hash(normalise(password)),
                credential_version=account.credential_version,
            )


def _attempt_keys(email_key: str, ip_prefix: str) -> tuple[str, str]:
    """Opaque, bounded keys: what people mistype into an address field is not stored."""
    digest = hashlib.sha256(email_key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"account:{digest}", f"address:{ip_prefix}"
