"""A forgotten password: a link to the owner's address, then a new password.

A reset needs nothing but the link. It therefore starts no session (OWASP Forgot Password): the holder of the link must
still sign in with the new password, under the throttle.
"""

from collections.abc import Callable

from gatepass.accounts.attempt import keys_of
from gatepass.accounts.email_links import EmailLinks, invalid_link
from gatepass.accounts.lookup import find_by_email
from gatepass.accounts.passwords.rules import Passwords
from gatepass.accounts.service import Accounts
from gatepass.core import event as events
from gatepass.core.event import Event
from gatepass.core.mailed_link import Link, Purpose
from gatepass.core.secret import Secret
from gatepass.errors import InvalidCredentials
from gatepass.ports import AccountStore, Clock, Message
from gatepass.sessions.service import Sessions


class PasswordReset:
    """Two steps: `request` mails a link, `reset` uses it."""

    def __init__(
        self,
        store: AccountStore,
        *,
        accounts: Accounts,
        passwords: Passwords,
        sessions: Sessions,
        links: EmailLinks,
        clock: Clock,
        report: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._passwords = passwords
        self._sessions = sessions
        self._links = links
        self._clock = clock
        self._report = report

    async def request(self, email_key: str, *, ip_prefix: str) -> None:
        """Mail the owner of an address a link, if it has an account.

        Raises TooManyAttempts, Overloaded or Forbidden (`not-offered`).
        """
        await self._links.count_request(email_key, ip_prefix)

        async def job() -> Message | None:
            account = await find_by_email(self._store, email_key)
            account_id = account.id if account else None
            self._report(events.ResetRequested(at=self._clock.now(), address=ip_prefix, account_id=account_id))
            if account is None or account.disabled_at is not None:
                return None
            return await self._links.password_reset(account)

        self._links.send(job)

    async def reset(self, token: Secret, new: Secret, *, ip_prefix: str) -> None:
        """Set a new password. Revokes every session, makes every other link void, and clears the failed sign-ins.

        An account without a password has one then. An account of an address that was never verified may have been made
        by another person: its identities and passkeys do not sign in any more. Of every account the authenticator app
        and the recovery codes stay: they open nothing without the password.

        The same request again changes nothing. What can fail comes before the password is set, which uses up the link.

        Raises Unprocessable (`invalid-link`, `password-…`), Overloaded, Unavailable or Forbidden (`not-offered`).
        """
        link = self._links.open(token, Purpose.RESET)
        account = await self._store.find_account(link.subject)
        if account is None or account.disabled_at is not None or not self._links.is_current(link, account):
            await self._check_done(link, new, ip_prefix=ip_prefix)
            return
        password = self._passwords.check_policy(new, account.email_key)
        password_hash = await self._passwords.hash_password(password, network=ip_prefix)
        now = self._clock.now()
        for key in keys_of(account):
            await self._accounts.clear_failures(key, ip_prefix=ip_prefix)
        ended = await self._store.change_password(
            account.id,
            password_hash=password_hash,
            credential_version=account.credential_version,
            now=now,
            keep=None,
            drop_others=account.verified_at is None,
        )
        if ended is None:
            await self._check_done(link, new, ip_prefix=ip_prefix)
            return
        self._report(events.PasswordReset(at=now, address=ip_prefix, account_id=account.id))
        self._sessions.publish_revocations(account.id, ended, reason="revoked", now=now, ip_prefix=ip_prefix)
        # Not before: a reset that is cut off in between, and comes again, must still find what is not verified.
        if account.verified_at is None:  # else it stays: how long the address has been the account's matters
            await self._store.verify_account(account.id, now=now)

    async def _check_done(self, link: Link, password: Secret, *, ip_prefix: str) -> None:
        """Raise Unprocessable (`invalid-link`) unless this link has set this password before.

        Under the throttle of sign-ins: a used link tells no more about a password than they do.
        """
        account = await self._store.find_account(link.subject)
        if account is None or not self._links.was_last(link, account):
            raise invalid_link()
        try:
            verified = await self._accounts.authenticate(account.email_key, password, ip_prefix=ip_prefix)
        except InvalidCredentials:
            raise invalid_link() from None
        if verified.verified_at is None:  # the first request was cut off
            await self._store.verify_account(account.id, now=self._clock.now())
