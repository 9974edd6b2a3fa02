"""Accounts: register, authenticate, change the password. Hashing is the hasher's, rules are the core's.

What an attacker may learn from a sign-in is one bit. Unknown, wrong and disabled are one answer after the
same work; failures are counted per account and per network, and looked at before and after hashing.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Literal, TypeVar

from gatepass.accounts.external import ExternalUsers
from gatepass.accounts.throttling import Attempt, SignInThrottle
from gatepass.core import event as events
from gatepass.core.account import Account, PendingRegistration
from gatepass.core.event import Event
from gatepass.core.password import find_violation, is_overlong, normalise
from gatepass.core.policy import Policy
from gatepass.errors import Conflict, Forbidden, InvalidCredentials, Unprocessable
from gatepass.ports import AccountStore, AttemptStore, Clock, Entropy, PasswordHasher
from gatepass.sessions.service import Sessions

Registration = Literal["open", "verify", "closed"]
Person = TypeVar("Person", Account, PendingRegistration)


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
        external_users: ExternalUsers | None = None,
    ) -> None:
        self._store = store
        self._throttle = SignInThrottle(attempts, clock=clock, report=report)
        self._sessions = sessions
        self._hasher = hasher
        self._policy = policy
        self._clock = clock
        self._entropy = entropy
        self._blocklist = blocklist
        self._service_words = tuple(service_words)
        self._report = report
        self._registration = registration
        self._own_users = external_users

    async def register(self, email: str, password: str, *, email_key: str, ip_prefix: str) -> Account:
        """Self-service registration. Raises Forbidden (`registration-closed`) where that is switched off."""
        if self._registration == "closed":
            raise Forbidden("registration-closed", "Accounts are made by an administrator here.")
        return await self.add(email, password, email_key=email_key, ip_prefix=ip_prefix)

    async def add(self, email: str, password: str, *, email_key: str, ip_prefix: str = "") -> Account:
        """Make an account. Raises Unprocessable (`password-…`) or Conflict (`email-taken`)."""
        now = self._clock.now()
        password_hash = await self.hash_new(password, email_key)
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

    async def admit(self, applicant: PendingRegistration, *, ip_prefix: str = "") -> Account | None:
        """Make an applicant an account; None if the address was taken meanwhile, or the applicant is gone."""
        now = self._clock.now()
        account = Account(
            id=self._entropy.token_bytes(16).hex(),
            email=applicant.email,
            email_key=applicant.email_key,
            password_hash=applicant.password_hash,
            credential_version=1,
            created_at=now,
            verified_at=now,
        )
        if not await self._store.admit_applicant(applicant.id, account):
            return None
        self._report(events.AccountRegistered(at=now, address=ip_prefix, account_id=account.id))
        self._report(events.AccountVerified(at=now, address=ip_prefix, account_id=account.id))
        return account

    async def vouch(self, email_key: str) -> Account | None:
        """Take an address as verified: an account's, or the newest applicant's, who gets the account by it."""
        now = self._clock.now()
        account = await self._store.find_account_by_email(email_key)
        if account is None:
            applicants = await self._store.find_applicants(email_key)
            return await self.admit(applicants[0]) if applicants else None
        await self._store.verify_account(account.id, now=now)
        self._report(events.AccountVerified(at=now, account_id=account.id))
        return account

    async def authenticate(
        self,
        email_key: str,
        password: str,
        *,
        ip_prefix: str,
        raw_email: str | None = None,
        devices: tuple[bytes, ...] = (),
    ) -> Account:
        """The account that these credentials open. `email_key` is normalised, `ip_prefix` the coarse address.

        `raw_email` is the address as it was received, for users of the application's own; `devices` are the sessions
        whose refresh tokens the caller still has. Raises InvalidCredentials, TooManyAttempts, Unprocessable
        (`password-too-long`) or Overloaded.
        """

        async def look() -> tuple[Account | None, bool]:
            if self._own_users is not None:
                found = await self._own_users.authenticate(raw_email or email_key, password)
                return found, found is not None and found.disabled_at is None
            account = await self._store.find_account_by_email(email_key)
            usable = account if account is not None and account.disabled_at is None else None
            return account, await self._hasher.verify(usable.password_hash if usable else None, normalise(password))

        account = await self._attempt(email_key, password, look, ip_prefix=ip_prefix, devices=devices)
        if self._own_users is None:
            await self._strengthen(account, password)
        return account

    async def prove(self, applicant: PendingRegistration, password: str, *, ip_prefix: str) -> None:
        """Ask for the password that an applicant chose. Raises as `authenticate`."""

        async def look() -> tuple[PendingRegistration | None, bool]:
            return applicant, await self._hasher.verify(applicant.password_hash, normalise(password))

        await self._attempt(applicant.email_key, password, look, ip_prefix=ip_prefix)

    async def _attempt(
        self,
        email_key: str,
        password: str,
        look: Callable[[], Awaitable[tuple[Person | None, bool]]],
        *,
        ip_prefix: str,
        devices: tuple[bytes, ...] = (),
    ) -> Person:
        """Whom `look` finds, if the password matches. Its work is the same whether there is anybody or not."""
        self._refuse_overlong(password)

        async def is_known(sid: bytes) -> bool:
            account = await self._store.find_account_by_email(email_key)
            return account is not None and await self._sessions.is_owned(account.id, sid)

        attempt = Attempt(email_key, ip_prefix, devices)
        await self._throttle.check(attempt, is_known)
        person, matches = await look()
        # Again, for guesses that came all at once: the hasher's whole queue would be told right from wrong.
        standing = await self._throttle.check(attempt, is_known)
        if not matches or person is None:
            await self._throttle.failed(attempt, standing)
            account_id = person.id if isinstance(person, Account) else None
            self._report(events.SignInFailed(at=self._clock.now(), address=ip_prefix, account_id=account_id))
            raise InvalidCredentials
        await self._throttle.succeeded(standing)
        return person

    async def find(self, account_id: str) -> Account | None:
        """The account of this id, or None."""
        return await self._store.find_account(account_id)

    async def change_password(self, account: Account, current: str, *, new: str, keep: bytes, ip_prefix: str) -> None:
        """Change the password and end every session but `keep`. The current one is asked for and throttled.

        Raises InvalidCredentials, TooManyAttempts, Unprocessable (`password-…`)
        or Conflict (`password-changed`).
        """
        self.require_local()
        await self.authenticate(account.email_key, current, ip_prefix=ip_prefix, devices=(keep,))
        password_hash = await self.hash_new(new, account.email_key)
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
        self._sessions.publish_revocations(account.id, ended, reason="revoked", now=now)

    async def reauthenticate(self, account: Account, password: str, *, ip_prefix: str) -> None:
        """Ask for the password of an account once more. Raises as `authenticate`."""
        proven = await self.authenticate(account.email_key, password, ip_prefix=ip_prefix)
        if proven.id != account.id:  # the address has changed hands since `account` was read
            raise InvalidCredentials

    async def disable(self, account_id: str) -> bool:
        """Close an account to sign-in and end its sessions, at once and together; False for no such account."""
        now = self._clock.now()
        ended = await self._store.disable_account(account_id, now=now)
        if ended is None:
            return False
        self._report(events.AccountDisabled(at=now, account_id=account_id))
        self._sessions.publish_revocations(account_id, ended, reason="revoked", now=now)
        return True

    async def enable(self, account_id: str) -> bool:
        """Open a disabled account again; False for no such account."""
        if not await self._store.enable_account(account_id):
            return False
        self._report(events.AccountEnabled(at=self._clock.now(), account_id=account_id))
        return True

    async def delete(self, account_id: str) -> bool:
        """Forget an account and end its sessions, at once and together; False for no such account."""
        now = self._clock.now()
        ended = await self._store.delete_account(account_id, now=now)
        if ended is None:
            return False
        self._report(events.AccountDeleted(at=now, account_id=account_id))
        self._sessions.publish_revocations(account_id, ended, reason="revoked", now=now)
        return True

    async def forgive(self, email_key: str) -> None:
        """Forget the failures of an account whose owner has shown themselves another way."""
        await self._throttle.forgive(email_key)

    async def hash_new(self, password: str, email_key: str) -> str:
        """The hash of a new password that the policy has no objection to. Raises Unprocessable (`password-…`)."""
        self.check_new(password, email_key)
        return await self._hasher.hash(normalise(password))

    def check_new(self, password: str, email_key: str) -> None:
        """Raise Unprocessable (`password-…`) for a new password that the policy objects to. No hashing."""
        local_part = email_key.partition("@")[0]
        objection = find_violation(
            normalise(password),
            self._policy,
            blocklist=self._blocklist(),
            context=(email_key, local_part, *self._service_words),
        )
        if objection is not None:
            raise Unprocessable(objection.code, objection.detail)

    def require_local(self) -> None:
        """Raise Forbidden (`not-offered`) where users are the application's own."""
        if self._own_users is not None:
            raise Forbidden("not-offered", "Accounts are kept elsewhere here; change yours there.")

    def _refuse_overlong(self, password: str) -> None:
        if is_overlong(normalise(password), self._policy):
            raise Unprocessable("password-too-long", f"A password has at most {self._policy.password_max} characters.")

    async def _strengthen(self, account: Account, password: str) -> None:
        """Re-hash under today's parameters while the password is at hand (standards PW-08)."""
        if self._hasher.is_outdated(account.password_hash):
            await self._store.rehash_password(
                account.id,
                password_hash=await self._hasher.hash(normalise(password)),
                credential_version=account.credential_version,
            )
