"""Another address for an account: the password, then a link to the new address, followed while signed in.

The password proves the account's owner, the link the owner of the address, and the access token that both are one: a
link that was mailed for another person's account verifies nothing. Every session ends; `credential_version` rises.
"""

from collections.abc import Callable
from typing import Any

from gatepass.accounts.changes import Changes
from gatepass.accounts.email_links import EmailLinks, invalid_link
from gatepass.accounts.hooks import Hooks
from gatepass.accounts.lookup import find_by_email
from gatepass.accounts.notifications import Notifications
from gatepass.accounts.service import Accounts
from gatepass.core import event as events
from gatepass.core.account import Account
from gatepass.core.event import Event
from gatepass.core.hook_facts import NO_REQUEST, HookFacts, RequestFacts
from gatepass.core.mailed_link import Purpose
from gatepass.core.secret import Secret
from gatepass.hooks import call_hook
from gatepass.ports import AccountStore, Clock, Message
from gatepass.sessions.service import Sessions
from gatepass.wire.extra_members import NO_EXTRAS, Extras


class EmailChange:
    """Two steps: `request` mails a link to the new address, `confirm` uses it."""

    def __init__(
        self,
        store: AccountStore,
        *,
        accounts: Accounts,
        sessions: Sessions,
        links: EmailLinks,
        notifications: Notifications,
        hooks: Hooks,
        changes: Changes,
        clock: Clock,
        report: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._sessions = sessions
        self._links = links
        self._notifications = notifications
        self._hooks = hooks
        self._changes = changes
        self._clock = clock
        self._report = report

    async def request(
        self,
        account: Account,
        password: Secret | None,
        *,
        sid: bytes,
        email: str,
        email_key: str,
        ip_prefix: str,
        request: RequestFacts = NO_REQUEST,
        extras: Extras = NO_EXTRAS,
    ) -> None:
        """Verify the password, ask the hooks, mail a link to the new address, and tell the current one.

        None for the password of an account that has none: the caller has verified its owner by a recent sign-in.
        Raises InvalidCredentials, TooManyAttempts, Overloaded, Forbidden (`not-offered`), or as `Hooks.ask`, whether
        the new address is taken or not.
        """
        self._links.require_mail()
        if password is not None:
            await self._accounts.reauthenticate(account, password, sid=sid, ip_prefix=ip_prefix)
        await self._links.count_request(email_key, ip_prefix)
        facts: HookFacts[Any] = HookFacts.of("change_email", account, request=request, email=email)
        await self._hooks.ask(facts, extras)

        async def job() -> Message | None:
            owner = await find_by_email(self._store, email_key)
            if owner is not None and owner.id != account.id:
                return await call_hook(self._links.templates.address_taken, owner.email)
            return await self._links.email_change(account, email)

        self._links.send(job)
        self._notifications.email_change_requested(account)

    async def confirm(
        self, account: Account, token: Secret, *, ip_prefix: str, email_key: Callable[[str], str]
    ) -> bool:
        """Give the account the address that the link verifies, and end its sessions. `email_key` normalises an address.

        False if the account has it already and no session is left from before: nothing changes. One is left where the
        first request was cut off in between.

        Raises Unprocessable (`invalid-link`), Unavailable or Forbidden (`not-offered`).
        """
        link = self._links.open(token, Purpose.CHANGE_EMAIL)
        if link.subject != account.id:
            raise invalid_link()
        key, now = email_key(link.address), self._clock.now()
        is_changed = self._links.is_current(link, account) and await self._store.change_email(
            account.id,
            email=link.address,
            email_key=key,
            credential_version=account.credential_version,
            verified_at=now,
        )
        if not is_changed:
            owner = await self._store.find_account_by_email(key)
            if owner is None or owner.id != account.id:
                raise invalid_link()
            return await self._end_left(owner, ip_prefix=ip_prefix)
        self._report(events.EmailChanged(at=now, address=ip_prefix, account_id=account.id))
        self._notifications.email_changed(account)
        await self._sessions.revoke_all(account.id, reason="revoked", ip_prefix=ip_prefix)
        await self._changes.deliver(account.id)
        return True

    async def _end_left(self, account: Account, *, ip_prefix: str) -> bool:
        """End the sessions that began before the address was changed. False if there are none."""
        changed_at = account.verified_at or 0
        live = await self._sessions.list_for_account(account.id)
        left = [session.sid for session in live if session.created_at < changed_at]
        for sid in left:
            await self._sessions.revoke(sid, reason="revoked", ip_prefix=ip_prefix)
        return bool(left)
