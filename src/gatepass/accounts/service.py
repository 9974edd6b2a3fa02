"""Accounts: find one, make one, disable, delete. Their passwords are in `credentials`."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from gatepass.accounts.attempt import keys_of
from gatepass.accounts.changes import Changes
from gatepass.accounts.code_throttle import CodeThrottle
from gatepass.accounts.credentials import Credentials
from gatepass.accounts.external import AuthenticatedUser, ExternalUsers
from gatepass.accounts.lookup import find_by_email, has_earlier
from gatepass.accounts.passwords.rules import Passwords
from gatepass.core import event as events
from gatepass.core.account import NO_PASSWORD, Account, PendingRegistration
from gatepass.core.event import Event
from gatepass.core.secret import Secret
from gatepass.errors import Conflict
from gatepass.ports import AccountStore, Clock, Entropy
from gatepass.problem_codes import ProblemCode
from gatepass.sessions.service import Sessions
from gatepass.wire.email_address import EmailAddress, read_email


class Accounts(Credentials):
    """The accounts of a gate. With `external_users` another system keeps the people, and an account mirrors each."""

    def __init__(
        self,
        store: AccountStore,
        *,
        sessions: Sessions,
        passwords: Passwords,
        throttle: CodeThrottle,
        clock: Clock,
        entropy: Entropy,
        report: Callable[[Event], None],
        changes: Changes,
        external_users: ExternalUsers | None = None,
    ) -> None:
        super().__init__(
            store,
            sessions=sessions,
            passwords=passwords,
            throttle=throttle,
            clock=clock,
            report=report,
            external_users=external_users,
        )
        self._codes = throttle
        self._entropy = entropy
        self._changes = changes

    async def find(self, account_id: str) -> Account | None:
        """The account of this id, or None."""
        return await self._store.find_account(account_id)

    async def page(self, *, after: str = "", limit: int = 1000) -> Sequence[Account]:
        """At most `limit` accounts with ids greater than `after` ("" starts at the first), ordered by id."""
        return await self._store.list_accounts(after=after, limit=limit)

    async def find_by_email(self, email_key: str) -> Account | None:
        """The account of a normalised address, or None."""
        return await find_by_email(self._store, email_key)

    async def find_by_address(self, address: str) -> Account | None:
        """The account of an address as people write it, or None. Tell no caller whether there is one."""
        read = read_email(address)
        return None if read is None else await find_by_email(self._store, read.key)

    async def is_known(self, account_id: str) -> bool:
        """Whether there is an account with this id. With `users`: also of who never signed in, if `find` knows them."""
        if await self._store.find_account(account_id) is not None:
            return True
        return self._external_users is not None and await self._external_users.is_known(account_id)

    async def is_still(self, account: Account) -> bool:
        """Whether a person is as before, after the session has begun. For accounts of our own the store saw to it.

        An application that closes a user, or changes a password, and then ends the sessions of that user, has done
        the first before this is asked, or finds the session that began meanwhile.
        """
        external = self._external_users
        return external is None or await external.is_still(account)

    async def authenticated(self, who: str | AuthenticatedUser, *, ip_prefix: str) -> Account | None:
        """The account that the application has authenticated: by its id, or as an external user. None without one.

        With `users` their `find` is asked for an id: who never signed in is known there too.

        Raises ValueError for a user where the gate has no `users`.
        """
        external = self._external_users
        if isinstance(who, str):
            return await (external.find(who, network=ip_prefix) if external else self._store.find_account(who))
        if external is None:
            raise ValueError("an AuthenticatedUser is for a gate with `users`; else name the id of the account")
        return await external.mirror(who, network=ip_prefix)

    async def add(
        self,
        email: str,
        password: Secret,
        *,
        email_key: str,
        ip_prefix: str = "",
        account_id: str | None = None,
        extra: str = "",
    ) -> Account:
        """Make an account, with a random id by default. `extra` is the JSON that hooks after the registration get.

        Raises Unprocessable (`password-…`), Conflict (`email-taken`) or Overloaded.
        """
        new = self._passwords.check_policy(password, email_key)
        now = self._clock.now()
        account = Account(
            id=account_id or self._entropy.token_bytes(16).hex(),
            email=email,
            email_key=email_key,
            password_hash=await self._passwords.hash_password(new, network=ip_prefix),
            credential_version=1,
            created_at=now,
        )
        if await has_earlier(self._store, email_key) or not await self._store.add_account(account, extra=extra):
            raise Conflict(ProblemCode.EMAIL_TAKEN, "There is an account with this address.")
        await self._throttle.clear(email_key, ip_prefix=ip_prefix)
        self._report(events.AccountRegistered(at=now, address=ip_prefix, account_id=account.id))
        await self._changes.deliver(account.id)
        return account

    async def add_without_password(self, address: EmailAddress, *, ip_prefix: str = "") -> Account | None:
        """The account of an address, which is made if there is none, as verified: for tests. None with `users`."""
        if self._external_users is not None:
            return None
        found = await find_by_email(self._store, address.key)
        if found is not None:
            return found
        now = self._clock.now()
        account = Account(
            id=self._entropy.token_bytes(16).hex(),
            email=address.display,
            email_key=address.key,
            password_hash=NO_PASSWORD,
            credential_version=1,
            created_at=now,
            verified_at=now,
        )
        if not await self._store.add_account(account):  # another request made it meanwhile
            return await find_by_email(self._store, address.key)
        self._report(events.AccountRegistered(at=now, address=ip_prefix, account_id=account.id))
        await self._changes.deliver(account.id)
        return account

    async def activate(self, pending: PendingRegistration, *, ip_prefix: str = "") -> Account | None:
        """Make an account of a pending registration; None if it is gone, or its address was taken meanwhile.

        The account has the id of the registration, so that a link that comes again finds it.
        """
        now = self._clock.now()
        account = Account(
            id=pending.id,
            email=pending.email,
            email_key=pending.email_key,
            password_hash=pending.password_hash,
            credential_version=1,
            created_at=now,
            verified_at=now,
        )
        if not await self._store.confirm_registration(pending.id, account):
            return None
        await self._throttle.clear(pending.email_key, ip_prefix=ip_prefix)
        self._report(events.AccountRegistered(at=now, address=ip_prefix, account_id=account.id))
        self._report(events.AccountVerified(at=now, address=ip_prefix, account_id=account.id))
        await self._changes.deliver(account.id)
        return account

    async def verify_address(self, email_key: str, *, registration_id: str | None = None) -> Account | None:
        """Take an address as verified, on an administrator's word; its pending registration becomes an account.

        None if the address has neither an account nor a pending registration (of this id). Raises Conflict
        (`several-registrations`) if several wait and none is named: one of them may be that of a stranger, whose
        password would be that of the account.
        """
        now = self._clock.now()
        account = await find_by_email(self._store, email_key)
        if account is None:
            found = await self._store.find_registrations(email_key)
            pending = [each for each in found if registration_id in (None, each.id)]
            if len(pending) > 1:
                raise Conflict(ProblemCode.SEVERAL_REGISTRATIONS, _ask_which(pending))
            return await self.activate(pending[0]) if pending else None
        await self._store.verify_account(account.id, now=now)
        self._report(events.AccountVerified(at=now, account_id=account.id))
        return account

    async def disable(self, account_id: str) -> bool:
        """Refuse further sign-ins, make all mailed links void and revoke all sessions, in one step.

        False if there is no such account.
        """
        now = self._clock.now()
        ended = await self._store.disable_account(account_id, now=now)
        if ended is None:
            return False
        self._report(events.AccountDisabled(at=now, account_id=account_id))
        self._sessions.publish_revocations(account_id, ended, reason="revoked", now=now)
        return True

    async def enable(self, account_id: str) -> bool:
        """Accept sign-ins of an account again, whether it was disabled or stopped by too many failures.

        False if there is no such account.
        """
        account = await self._store.find_account(account_id)
        if account is None or not await self._store.enable_account(account_id):
            return False
        for key in keys_of(account):
            await self._throttle.clear(key)
        await self._codes.clear_codes(account)
        self._report(events.AccountEnabled(at=self._clock.now(), account_id=account_id))
        return True

    async def clear_failures(self, email_key: str, *, ip_prefix: str | None = None) -> None:
        """Clear what was failed at an account whose owner has followed a mailed link, in this network."""
        await super().clear_failures(email_key, ip_prefix=ip_prefix)
        await self._codes.clear_mail_codes(email_key)

    async def is_stopped(self, account: Account) -> bool:
        """Whether too many failures in a row stopped strangers at an account. Raises StoreUnavailable."""
        return await self._throttle.is_stopped(account)

    async def delete(self, account_id: str, *, credential_version: int | None = None, ip_prefix: str = "") -> bool:
        """Delete an account and revoke all sessions, in one step. False if there is no such account.

        With the `credential_version` under which the owner was verified: False too if it is another one by now.
        `ip_prefix` is the network of the owner that asks for it; "" if no request does.
        """
        now = self._clock.now()
        ended = await self._store.delete_account(account_id, now=now, credential_version=credential_version)
        if ended is None:
            return False
        self._report(events.AccountDeleted(at=now, address=ip_prefix, account_id=account_id))
        self._sessions.publish_revocations(account_id, ended, reason="revoked", now=now, ip_prefix=ip_prefix)
        await self._changes.deliver(account_id)
        return True

    async def deliver_changes(self) -> int:
        """Call the `after` hooks with each change that is due now and was left: how many were told.

        The gate does so itself every 5 s, so this is for tests and for commands without a running gate. A change is
        left when its hook failed or its process died; it is due 10 s after it was made, and after a failure 5 s later,
        then 10 s, up to 5 minutes. Raises StoreUnavailable.
        """
        return await self._changes.deliver_left()


def _ask_which(waiting: Sequence[PendingRegistration]) -> str:
    listed = ", ".join(
        f"{each.id} of {datetime.fromtimestamp(each.created_at, UTC):%Y-%m-%d %H:%M:%SZ}" for each in waiting
    )
    return (
        f"{len(waiting)} registrations wait for this address, and the password of one becomes that of the account: "
        f"{listed}. Ask the owner which is theirs, and name it."
    )
