"""Tells the owner of an account by mail what happened to it. All such mail is sent here.

The password was changed, reset or removed, another address was requested or set, an identity at a provider was linked
or unlinked, a factor was added, removed, kept or recovered from, a device signed in that the account did not have, two
devices used one refresh token, a copy of one was tried without its key, or a right password was followed by wrong
codes. Most of it is heard from events, so that nothing waits for it and nothing depends on it; the addresses of an
account that is changing are known only to the change itself, which calls a method.

A stranger can cause the mails about devices, refresh tokens and codes, so an account gets one of each kind per hour.
"""

from collections.abc import Callable
from typing import Protocol

from gatepass.core.account import Account
from gatepass.core.event import (
    Event,
    FactorAdded,
    FactorRecoveryCancelled,
    FactorRemoved,
    FactorsReset,
    IdentityLinked,
    IdentityUnlinked,
    PasskeyRefused,
    PasswordChanged,
    PasswordRemoved,
    PasswordReset,
    RecoveryCodeUsed,
    RefreshReuse,
    RefreshUnproven,
    SecondFactorFailed,
    SessionNewDevice,
    SessionRefreshed,
)
from gatepass.core.policy import HOUR
from gatepass.core.rate import Buckets, Rate
from gatepass.hooks import call_hook
from gatepass.mail.outbox import Job, Outbox
from gatepass.mail.templates import Mailed, MailTemplates
from gatepass.ports import AccountStore, Clock, Message, SessionStore

SECURITY_MAIL_RATE = Rate(1, HOUR)
MISTYPED = Rate(3, HOUR)
"""Wrong codes that are taken for mistakes of the owner."""
_AboutFactors = (
    FactorAdded | FactorRemoved | FactorsReset | FactorRecoveryCancelled | RecoveryCodeUsed | SecondFactorFailed
)
_AboutAccount = (
    PasswordChanged
    | PasswordRemoved
    | PasswordReset
    | IdentityLinked
    | IdentityUnlinked
    | SessionNewDevice
    | RefreshReuse
    | _AboutFactors
)


class NotifiedStore(AccountStore, SessionStore, Protocol):
    """What is asked for the owner of an account or of a session."""


class Notifications:
    """A listener for events. Sends nothing without an `outbox`; `security_mail` is about devices and refresh tokens."""

    def __init__(
        self,
        store: NotifiedStore,
        *,
        outbox: Outbox | None,
        templates: MailTemplates,
        security_mail: bool,
        clock: Clock,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._templates = templates
        self._security_mail = security_mail
        self._clock = clock
        self._sent = Buckets(SECURITY_MAIL_RATE)
        self._mistyped = Buckets(MISTYPED)

    def on_event(self, event: Event) -> None:
        """Mail the owner of the account about the events of this page; ignore all others."""
        match event:
            case SessionRefreshed():  # most events are this one
                pass
            case PasswordChanged() | PasswordRemoved() | PasswordReset() | IdentityUnlinked():
                self._post_about(event)
            case IdentityLinked(by="address" | "session"):  # with a registration the owner has just begun
                self._post_about(event)
            case FactorAdded() | FactorRemoved() | FactorsReset() | FactorRecoveryCancelled() | RecoveryCodeUsed():
                self._post_about(event)
            case SecondFactorFailed() if self._security_mail:
                if self._mistyped.take(event.account_id, self._clock.now()) and not self._sent.take(
                    (event.name, event.account_id), self._clock.now()
                ):
                    self._post_about(event)
            case PasskeyRefused(why="copy", account_id=str(account_id)) if self._security_mail:
                if not self._sent.take((event.name, account_id), self._clock.now()):
                    self._post_about_copied_passkey(account_id, at=event.at)
            case SessionNewDevice() | RefreshReuse() if self._security_mail:
                if not self._sent.take((event.name, event.account_id), self._clock.now()):
                    self._post_about(event)
            case RefreshUnproven(reason="wrong") if self._security_mail:
                if not self._sent.take((event.name, event.sid), self._clock.now()):
                    self._post_about_copy(event)
            case _:
                pass

    def email_change_requested(self, account: Account) -> None:
        """Tell the current address that another one was requested."""
        self._post(self._templates.email_change_requested, account.email, about="a request for another address")

    def email_changed(self, account: Account) -> None:
        """Tell the former address. `account` is the account as it was before the change."""
        self._post(self._templates.email_changed, account.email, about="a changed address")

    def _post_about(self, event: _AboutAccount) -> None:
        async def job() -> Message | None:
            account = await self._store.find_account(event.account_id)
            if account is None or not account.email:  # an external user may have no address
                return None
            match event:
                case PasswordChanged() | PasswordReset():
                    return await call_hook(self._templates.password_changed, account.email)
                case PasswordRemoved():
                    return await call_hook(self._templates.password_removed, account.email)
                case IdentityLinked(provider=provider):
                    return await call_hook(self._templates.identity_linked, account.email, provider=provider)
                case IdentityUnlinked(provider=provider):
                    return await call_hook(self._templates.identity_unlinked, account.email, provider=provider)
                case SessionNewDevice(client=client):
                    return await call_hook(self._templates.new_device, account.email, client=client, at=event.at)
                case RefreshReuse():
                    return await call_hook(self._templates.reuse_detected, account.email, at=event.at)
                case FactorAdded(factor=factor):
                    return await call_hook(self._templates.factor_added, account.email, factor=factor)
                case FactorRemoved(factor=factor):
                    return await call_hook(self._templates.factor_removed, account.email, factor=factor)
                case FactorsReset():
                    return await call_hook(self._templates.factors_reset, account.email)
                case FactorRecoveryCancelled():
                    return await call_hook(self._templates.factor_recovery_cancelled, account.email)
                case RecoveryCodeUsed(left=left):
                    return await call_hook(self._templates.recovery_code_used, account.email, left=left, at=event.at)
                case SecondFactorFailed():
                    return await call_hook(self._templates.second_factor_failed, account.email, at=event.at)

        self._put(job, subject=f"mail about {event.name}")

    def _post_about_copy(self, event: RefreshUnproven) -> None:
        async def job() -> Message | None:
            session = await self._store.find(bytes.fromhex(event.sid))
            if session is None or session.revoked_at is not None:
                return None
            account = await self._store.find_account(session.account_id)
            if account is None or not account.email or self._sent.take((event.name, account.id), self._clock.now()):
                return None
            return await call_hook(self._templates.copy_tried, account.email, at=event.at)

        self._put(job, subject=f"mail about {event.name}")

    def _post_about_copied_passkey(self, account_id: str, *, at: int) -> None:
        async def job() -> Message | None:
            account = await self._store.find_account(account_id)
            if account is None or not account.email:
                return None
            return await call_hook(self._templates.passkey_copied, account.email, at=at)

        self._put(job, subject="mail about a copied passkey")

    def _post(self, template: Callable[[str], Mailed], to: str, *, about: str) -> None:
        self._put(lambda: call_hook(template, to), subject=f"mail about {about}")

    def _put(self, job: Job, *, subject: str) -> None:
        if self._outbox is not None:
            self._outbox.post(job, subject=subject)
