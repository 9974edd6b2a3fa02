"""The password of an account: verify it at a sign-in and before a decision, change it.

A sign-in tells an attacker one bit. Unknown account, wrong password and disabled account get the same answer after the
same work; failures are counted per account and per network, and looked at before and after hashing (`throttling`).
"""

from collections.abc import Callable

from gatepass.accounts.attempt import Attempt
from gatepass.accounts.external import ExternalUsers
from gatepass.accounts.lookup import find_by_email
from gatepass.accounts.passwords.rules import Passwords
from gatepass.accounts.throttling import SignInThrottle
from gatepass.core.account import Account, PendingRegistration
from gatepass.core.event import Event, PasswordChanged
from gatepass.core.hook_facts import NO_REQUEST, RequestFacts
from gatepass.core.secret import Secret
from gatepass.errors import Conflict, Forbidden, InvalidCredentials, Overloaded
from gatepass.ports import AccountStore, Clock
from gatepass.problem_codes import ProblemCode
from gatepass.sessions.service import Sessions


class Credentials:
    """With `external_users` passwords are verified by another system, and cannot be changed here."""

    def __init__(
        self,
        store: AccountStore,
        *,
        sessions: Sessions,
        passwords: Passwords,
        throttle: SignInThrottle,
        clock: Clock,
        report: Callable[[Event], None],
        external_users: ExternalUsers | None = None,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._passwords = passwords
        self._throttle = throttle
        self._clock = clock
        self._report = report
        self._external_users = external_users

    async def authenticate(
        self,
        email_key: str,
        password: Secret,
        *,
        ip_prefix: str,
        raw_email: str | None = None,
        devices: tuple[bytes, ...] = (),
        request: RequestFacts = NO_REQUEST,
    ) -> Account:
        """The account with these credentials. `email_key` is normalised, `ip_prefix` the coarse address.

        `raw_email` is the address as it was received, and `request` where it came from, for external users; `devices`
        are the sessions whose refresh tokens the caller still has. Raises InvalidCredentials, TooManyAttempts,
        Unprocessable (`password-too-long`) or Overloaded.
        """
        self._passwords.refuse_overlong(password)
        attempt = Attempt(email_key, ip_prefix, devices)
        external = self._external_users
        if external is not None:
            email = raw_email or email_key
            return await self._throttle.run(
                attempt, lambda: external.verify(email, password, network=ip_prefix, request=request)
            )
        account = await self._throttle.run(attempt, lambda: self._verify(email_key, password, network=ip_prefix))
        await self._rehash(account, password, network=ip_prefix)
        return account

    async def reauthenticate(self, account: Account, password: Secret, *, sid: bytes, ip_prefix: str) -> None:
        """Verify the password of an account's owner again, who is signed in as `sid`. Raises as `authenticate`."""
        verified = await self.authenticate(account.email_key, password, ip_prefix=ip_prefix, devices=(sid,))
        if verified.id != account.id:  # the address was moved to another account since `account` was read
            raise InvalidCredentials

    async def check_pending_password(self, pending: PendingRegistration, password: Secret, *, ip_prefix: str) -> None:
        """Verify the password that was chosen with a pending registration, for the caller who has its mailed link.

        What strangers failed at the address does not matter: the link shows the mailbox. Raises as `authenticate`.
        """
        self._passwords.refuse_overlong(password)

        async def verify() -> tuple[PendingRegistration | None, bool]:
            return pending, await self._passwords.verify(pending.password_hash, password, network=ip_prefix)

        await self._throttle.run_with_link(pending.id, verify, ip_prefix=ip_prefix)

    async def clear_failures(self, email_key: str, *, ip_prefix: str | None = None) -> None:
        """Clear the failed sign-ins of an account whose owner was verified in another way, in this network."""
        await self._throttle.clear(email_key, ip_prefix=ip_prefix, is_recovered=True)

    async def change_password(
        self, account: Account, current: Secret, *, new: Secret, sid: bytes, ip_prefix: str
    ) -> None:
        """Change the password and revoke every session. `current` is verified under the throttle.

        `sid` is the session of the caller.

        Raises InvalidCredentials, TooManyAttempts, Unprocessable (`password-…`), Overloaded, Conflict
        (`password-changed`), or Forbidden (`not-offered`) for external users.
        """
        self.require_local()
        await self.authenticate(account.email_key, current, ip_prefix=ip_prefix, devices=(sid,))
        password = self._passwords.check_policy(new, account.email_key)
        password_hash = await self._passwords.hash_password(password, network=ip_prefix)
        now = self._clock.now()
        ended = await self._store.change_password(
            account.id,
            password_hash=password_hash,
            credential_version=account.credential_version,
            now=now,
            keep=None,
        )
        if ended is None:
            raise Conflict(ProblemCode.PASSWORD_CHANGED, "The password was changed by another request meanwhile.")
        self._report(PasswordChanged(at=now, address=ip_prefix, account_id=account.id))
        self._sessions.publish_revocations(account.id, ended, reason="revoked", now=now, ip_prefix=ip_prefix)

    def require_local(self) -> None:
        """Raise Forbidden (`not-offered`) if users are external."""
        if self._external_users is not None:
            raise Forbidden(ProblemCode.NOT_OFFERED, "Accounts are managed by another system; change yours there.")

    async def _verify(self, email_key: str, password: Secret, *, network: str) -> tuple[Account | None, bool]:
        """The account of an address, and whether the password matches: the same work in every case."""
        account = await find_by_email(self._store, email_key)
        may_match = account is not None and account.disabled_at is None and account.has_password
        password_hash = account.password_hash if account is not None and may_match else None
        return account, await self._passwords.verify(password_hash, password, network=network)

    async def _rehash(self, account: Account, password: Secret, *, network: str) -> None:
        try:
            password_hash = await self._passwords.rehash(account.password_hash, password, network=network)
        except Overloaded:  # the next sign-in renews it
            return
        if password_hash is not None:
            await self._store.rehash_password(
                account.id, password_hash=password_hash, credential_version=account.credential_version
            )
