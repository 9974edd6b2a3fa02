"""What is done by mail: confirm an address, set a forgotten password, move to another address.

Whoever asks learns nothing. A request that names an address costs the same and is answered the same whether there is
an account or not: it is counted, a job is put into the outbox, and the answer goes out. Everything that depends on the
address (looking it up, writing a row, making a link, sending it) happens in the job.

A link alone opens nothing that somebody else prepared. Confirming an address needs the password that was chosen for it,
so a stranger cannot register your address and wait until you follow the link; confirming a new address needs an access
token of the account. A new password needs the link alone: that is its purpose. It ends every session and signs nobody
in (OWASP Forgot Password): who stole the link, or was just given it, still has to sign in under the throttle's eyes.
"""

import hashlib
from collections.abc import Callable

from gatepass.accounts.service import Accounts
from gatepass.core import event as events
from gatepass.core.account import Account, PendingRegistration
from gatepass.core.event import Event
from gatepass.core.keyring import KeyRing
from gatepass.core.mailed_link import (
    InvalidLink,
    Link,
    Purpose,
    UnknownLinkKey,
    compose_link,
    is_still,
    make_link,
    parse_link,
)
from gatepass.core.policy import HOUR, MINUTE
from gatepass.core.throttle import Throttle
from gatepass.errors import Forbidden, TooManyAttempts, Unavailable, Unprocessable
from gatepass.mail.link_pages import LinkPages
from gatepass.mail.outbox import Outbox
from gatepass.mail.templates import MailTemplates
from gatepass.ports import Clock, Entropy, Message, Store
from gatepass.sessions.service import Sessions

PER_MAILBOX = Throttle(free=3, longest=15 * MINUTE)
"""Of mail that strangers cause. Enough for who mistypes or cannot find the mail; a mailbox is not flooded by it."""
PER_SENDER = Throttle(free=30, longest=5 * MINUTE)
"""Wider: a school or an office sits behind one address."""
PRUNED_AT_ONCE = 20
"""Applicants whose link has expired, forgotten with each new one: their number cannot grow for long."""


class Recovery:
    """All verbs that mail has a part in."""

    def __init__(
        self,
        *,
        store: Store,
        accounts: Accounts,
        sessions: Sessions,
        keys: KeyRing,
        outbox: Outbox,
        templates: MailTemplates,
        pages: LinkPages,
        clock: Clock,
        entropy: Entropy,
        report: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._sessions = sessions
        self._keys = keys
        self._outbox = outbox
        self._templates = templates
        self._pages = pages
        self._clock = clock
        self._entropy = entropy
        self._report = report

    async def apply(self, email: str, password: str, *, email_key: str, ip_prefix: str) -> None:
        """Ask for an account: mail follows, to a free address a link, to a taken one the word that it is.

        Raises Unprocessable (`password-…`), TooManyAttempts or Overloaded, whether the address is taken or not.
        """
        self._accounts.check_new(password, email_key)  # a refused one is no request for mail yet
        await self._count(email_key, ip_prefix)
        password_hash = await self._accounts.hash_new(password, email_key)
        now = self._clock.now()
        applicant = PendingRegistration(self._entropy.token_bytes(16).hex(), email, email_key, password_hash, now)

        async def job() -> Message | None:
            account = await self._store.find_account_by_email(email_key)
            if account is not None:
                return None if account.disabled_at else self._templates.taken(account.email, link=self._reset(account))
            await self._store.prune_applicants(before=now - self._pages.verify_ttl, limit=PRUNED_AT_ONCE)
            if await self._store.find_applicant(applicant.id) is None:  # this job may be tried again
                await self._store.add_applicant(applicant)
            return self._confirmation(applicant)

        self._outbox.put(job)

    async def resend(self, email_key: str, *, ip_prefix: str) -> None:
        """Mail the newest applicant of an address a new link, if there is one. Raises TooManyAttempts, Overloaded."""
        await self._count(email_key, ip_prefix)

        async def job() -> Message | None:
            applicants = await self._store.find_applicants(email_key)
            return self._confirmation(applicants[0]) if applicants else None

        self._outbox.put(job)

    async def confirm(self, token: str, password: str, *, ip_prefix: str) -> Account:
        """Make an applicant an account: needs the link and the password that was chosen.

        Raises Unprocessable (`invalid-link`), InvalidCredentials, TooManyAttempts or Unavailable.
        """
        link = self._open(token, Purpose.VERIFY)
        applicant = await self._store.find_applicant(link.subject)
        if applicant is None or not is_still(link, self._keys, (applicant.email_key,)):
            raise invalid_link()
        await self._accounts.prove(applicant, password, ip_prefix=ip_prefix)
        account = await self._accounts.admit(applicant, ip_prefix=ip_prefix)
        if account is None:
            raise invalid_link()
        return account

    async def forgot(self, email_key: str, *, ip_prefix: str) -> None:
        """Mail the owner of an address a link to set a new password. Raises TooManyAttempts or Overloaded."""
        await self._count(email_key, ip_prefix)

        async def job() -> Message | None:
            account = await self._store.find_account_by_email(email_key)
            account_id = account.id if account else None
            self._report(events.ResetRequested(at=self._clock.now(), address=ip_prefix, account_id=account_id))
            if account is None or account.disabled_at is not None:
                return None
            minutes = self._pages.reset_ttl // MINUTE
            return self._templates.reset(account.email, link=self._reset(account), minutes=minutes)

        self._outbox.put(job)

    async def reset(self, token: str, new: str, *, ip_prefix: str) -> None:
        """Set a new password by a mailed link. Every session ends, every other link is void, failures are forgiven.

        Raises Unprocessable (`invalid-link`, `password-…`) or Unavailable.
        """
        link = self._open(token, Purpose.RESET)
        account = await self._store.find_account(link.subject)
        if account is None or account.disabled_at is not None or not is_still(link, self._keys, _state(account)):
            raise invalid_link()
        password_hash = await self._accounts.hash_new(new, account.email_key)
        now = self._clock.now()
        ended = await self._store.change_password(
            account.id, password_hash=password_hash, credential_version=account.credential_version, now=now, keep=None
        )
        if ended is None:
            raise invalid_link()
        self._report(events.PasswordReset(at=now, address=ip_prefix, account_id=account.id))
        self._sessions.publish_revocations(account.id, ended, reason="revoked", now=now)
        await self._store.verify_account(account.id, now=now)
        await self._accounts.forgive(account.email_key)
        self._outbox.post(self._templates.password_changed(account.email))

    async def move(self, account: Account, password: str, *, email: str, email_key: str, ip_prefix: str) -> None:
        """Ask for another address: needs the password; a link goes to the new one, a notice to the old one.

        Raises InvalidCredentials, TooManyAttempts or Overloaded, whether the new one is taken or not.
        """
        await self._accounts.reauthenticate(account, password, ip_prefix=ip_prefix)
        await self._count(email_key, ip_prefix)

        async def job() -> Message | None:
            owner = await self._store.find_account_by_email(email_key)
            if owner is not None and owner.id != account.id:
                return self._templates.address_taken(owner.email)
            link = self._make(Purpose.CHANGE_EMAIL, account.id, _state(account), address=email)
            hours = self._pages.verify_ttl // HOUR
            return self._templates.change_email(email, link=link, hours=hours)

        self._outbox.put(job)
        self._outbox.post(self._templates.email_change_requested(account.email))

    async def confirm_move(
        self, account: Account, token: str, *, ip_prefix: str, email_key: Callable[[str], str]
    ) -> None:
        """Take the address that a link confirms, signed in to its account. Raises Unprocessable (`invalid-link`)."""
        link = self._open(token, Purpose.CHANGE_EMAIL)
        if link.subject != account.id or not is_still(link, self._keys, _state(account)):
            raise invalid_link()
        now = self._clock.now()
        changed = await self._store.change_email(
            account.id,
            email=link.address,
            email_key=email_key(link.address),
            credential_version=account.credential_version,
            now=now,
        )
        if not changed:
            raise invalid_link()
        self._report(events.EmailChanged(at=now, address=ip_prefix, account_id=account.id))
        self._outbox.post(self._templates.email_changed(account.email))

    def hear(self, event: Event) -> None:
        """Mail the owner of an account whose password was changed."""
        if not isinstance(event, events.PasswordChanged):
            return

        async def job() -> Message | None:
            account = await self._store.find_account(event.account_id)
            return self._templates.password_changed(account.email) if account else None

        self._outbox.put(job)

    def _confirmation(self, applicant: PendingRegistration) -> Message:
        link = self._make(Purpose.VERIFY, applicant.id, (applicant.email_key,))
        return self._templates.verify(applicant.email, link=link, hours=self._pages.verify_ttl // HOUR)

    def _reset(self, account: Account) -> str:
        return self._make(Purpose.RESET, account.id, _state(account))

    def _make(self, purpose: Purpose, subject: str, state: tuple[str, ...], *, address: str = "") -> str:
        expires_at = self._clock.now() + self._pages.ttl(purpose)
        link = make_link(self._keys, purpose, subject=subject, state=state, expires_at=expires_at, address=address)
        return self._pages.url(purpose, compose_link(link, self._keys))

    def _open(self, token: str, purpose: Purpose) -> Link:
        """The link of a token whose MAC holds and whose time has not passed. No I/O."""
        link = parse_link(token, self._keys, purpose=purpose)
        if isinstance(link, UnknownLinkKey):
            raise Unavailable("unknown-key", "This server does not have the key of this link yet; try again.")
        if isinstance(link, InvalidLink) or link.expires_at <= self._clock.now():
            raise invalid_link()
        return link

    async def _count(self, email_key: str, ip_prefix: str) -> None:
        """Count a request for mail, for the mailbox and for who asks. Raises TooManyAttempts."""
        digest = hashlib.sha256(email_key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        keys = (f"mail-to:{digest}", f"mail-by:{ip_prefix}")
        now = self._clock.now()
        mailbox, sender = await self._store.attempts(keys)
        wait = max(
            PER_MAILBOX.wait(mailbox.failures, last_at=mailbox.last_at, now=now),
            PER_SENDER.wait(sender.failures, last_at=sender.last_at, now=now),
        )
        if wait:
            self._report(events.SignInThrottled(at=now, address=ip_prefix, retry_after=wait))
            raise TooManyAttempts(wait)
        await self._store.count_failure(keys, now=now, forget_before=now - PER_MAILBOX.memory)


def require_mail(recovery: Recovery | None) -> Recovery:
    """The service, where mail can be sent. Raises Forbidden (`not-offered`) elsewhere."""
    if recovery is None:
        raise Forbidden("not-offered", "This needs mail, which is not set up here; ask an administrator.")
    return recovery


def invalid_link() -> Unprocessable:
    """One answer for used, expired, superseded, forged and mangled."""
    return Unprocessable("invalid-link", "This link was used, has expired, or was never one; ask for a new one.")


def _state(account: Account) -> tuple[str, ...]:
    """What makes every link of an account void when it changes."""
    return (account.email_key, str(account.credential_version))
