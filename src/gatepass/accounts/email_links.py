"""Mailed links: count the requests for them, make, mail and open them. Shared by the three services that use them.

A request that names an address reveals nothing about it. It costs the same and gets the same answer whether there is an
account or not: it is counted, a job is put into the outbox, and the answer goes out. Everything that depends on the
address (looking it up, writing a row, making a link, sending it) happens in the job.

A link alone gives access to nothing that another person prepared. Verifying an address needs the password that was
chosen for it, so a stranger cannot register your address and wait until you follow the link; verifying a new address
needs an access token of the account. Only setting a new password needs nothing but the link.

A link works once, and its request may come twice: an answer is lost, a button is pressed twice. A request for what the
link has done already gets the answer of the first and changes nothing, under the same proofs.
"""

from collections.abc import Callable
from dataclasses import replace

from gatepass.accounts.attempt import email_digest
from gatepass.core import event as events
from gatepass.core.account import Account, PendingRegistration
from gatepass.core.event import Event
from gatepass.core.factor import FactorRecovery
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
from gatepass.core.secret import Secret
from gatepass.core.throttle import Throttle
from gatepass.errors import Forbidden, TooManyAttempts, Unavailable, Unprocessable
from gatepass.hooks import call_hook
from gatepass.mail.link_pages import LinkPages
from gatepass.mail.outbox import Job, Outbox
from gatepass.mail.templates import MailTemplates
from gatepass.ports import AttemptStore, Clock, Message
from gatepass.problem_codes import ProblemCode

PER_MAILBOX = Throttle(free=3, longest=15 * MINUTE)
"""Mail that strangers can cause: enough for a typing mistake or a lost mail, too little to flood a mailbox."""
PER_SENDER = Throttle(free=30, longest=5 * MINUTE)
"""Wider: a school or an office shares one address."""


class EmailLinks:
    """Without an `outbox` nothing that needs mail is offered: each use raises Forbidden (`not-offered`)."""

    def __init__(
        self,
        store: AttemptStore,
        *,
        keys: KeyRing,
        pages: LinkPages,
        templates: MailTemplates,
        outbox: Outbox | None,
        clock: Clock,
        report: Callable[[Event], None],
    ) -> None:
        """`pages` must be absolute (`LinkPages.at`)."""
        self.pages = pages
        self.templates = templates
        self._store = store
        self._keys = keys
        self._outbox = outbox
        self._clock = clock
        self._report = report

    def require_mail(self) -> Outbox:
        """The outbox. Raises Forbidden (`not-offered`) without one."""
        if self._outbox is None:
            raise Forbidden(
                ProblemCode.NOT_OFFERED, "This needs mail, which this server does not send; ask an administrator."
            )
        return self._outbox

    async def count_request(self, email_key: str, ip_prefix: str) -> None:
        """Count a request for mail against the mailbox and the network that asks. Raises TooManyAttempts."""
        self.require_mail()
        rules = {_mailbox(email_key): PER_MAILBOX}
        if ip_prefix:  # an unknown network is not counted
            rules[f"mail-by:{ip_prefix}"] = PER_SENDER
        keys, now = list(rules), self._clock.now()
        before = await self._store.attempts(keys)
        counts = zip(rules.values(), before, strict=True)
        self._refuse_during(
            max(rule.wait(count.failures, last_at=count.last_at, now=now) for rule, count in counts), ip_prefix
        )
        await self._store.count_failure(keys, now=now, forget_before=now - PER_MAILBOX.memory)
        # Looked at once more: of requests that are sent all at once, each would see the counts before any of them.
        counted = zip(rules.values(), before, await self._store.attempts(keys), strict=True)
        if any(after.failures > max(rule.free, then.failures + 1) for rule, then, after in counted):
            for key in keys:
                await self._store.take_back_failure(key)
            self._refuse_during(1, ip_prefix)

    def _refuse_during(self, wait: int, ip_prefix: str) -> None:
        """Raise TooManyAttempts if there is a wait."""
        if wait:
            self._report(events.SignInThrottled(at=self._clock.now(), address=ip_prefix, retry_after=wait))
            raise TooManyAttempts(wait)

    async def forget_requests(self, email_key: str) -> None:
        """Clear what was counted against a mailbox, whose owner has just read it."""
        await self._store.clear_attempts(_mailbox(email_key))

    def send(self, job: Job) -> None:
        """Run `job` after the answer, and send the mail that it returns, if any. Raises Overloaded."""
        self.require_mail().put(job)

    async def verification(self, pending: PendingRegistration) -> Message:
        """The mail that verifies the address of a pending registration."""
        return await call_hook(
            self.templates.verify,
            pending.email,
            link=self._make(Purpose.VERIFY, pending.id, (pending.email_key,)),
            hours=self.pages.verify_ttl // HOUR,
        )

    async def already_registered(self, account: Account) -> Message:
        """The mail to an owner whose address was registered again, with a link to set a new password."""
        return await call_hook(
            self.templates.taken, account.email, link=self._make(Purpose.RESET, account.id, _state(account))
        )

    async def password_reset(self, account: Account) -> Message:
        """The mail that lets the owner set a new password."""
        return await call_hook(
            self.templates.reset,
            account.email,
            link=self._make(Purpose.RESET, account.id, _state(account)),
            minutes=self.pages.reset_ttl // MINUTE,
        )

    async def sign_in_code(self, account: Account, code: Secret, *, minutes: int) -> Message:
        """The mail with a code that signs the owner in."""
        return await call_hook(self.templates.sign_in_code, account.email, code=code, minutes=minutes)

    async def email_change(self, account: Account, email: str) -> Message:
        """The mail to a new address of an account, which verifies it."""
        return await call_hook(
            self.templates.change_email,
            email,
            link=self._make(Purpose.CHANGE_EMAIL, account.id, _state(account), address=email),
            hours=self.pages.verify_ttl // HOUR,
        )

    async def factor_recovery(self, account: Account, recovery: FactorRecovery) -> Message:
        """The mail that says that lost factors can be removed, when and how, and how to keep them."""
        link = self._make(Purpose.RECOVER_FACTORS, account.id, (account.email_key,), expires_at=recovery.ends_at)
        return await call_hook(
            self.templates.factor_recovery,
            account.email,
            link=link,
            requested_at=recovery.requested_at,
            ready_at=recovery.ready_at,
            ends_at=recovery.ends_at,
        )

    def is_of_address(self, link: Link, account: Account) -> bool:
        """Whether the account has the address to which the link of a recovery was mailed."""
        return is_still(link, self._keys, (account.email_key,))

    def open(self, token: Secret, purpose: Purpose) -> Link:
        """The link of a token whose MAC is right and which has not expired. No I/O.

        Raises Unprocessable (`invalid-link`), Unavailable (`unknown-key`) or Forbidden (`not-offered`).
        """
        self.require_mail()
        link = parse_link(token.reveal(), self._keys, purpose=purpose)
        if isinstance(link, UnknownLinkKey):
            raise Unavailable(ProblemCode.UNKNOWN_KEY, "This server does not have the key of this link yet; try again.")
        if isinstance(link, InvalidLink) or link.expires_at <= self._clock.now():
            raise invalid_link()
        return link

    def is_current(self, link: Link, subject: Account | PendingRegistration) -> bool:
        """Whether nothing about the subject has changed that makes the link void."""
        state = _state(subject) if isinstance(subject, Account) else (subject.email_key,)
        return is_still(link, self._keys, state)

    def has_made(self, link: Link, account: Account) -> bool:
        """Whether a link to verify has made this account, and nothing about it has changed since."""
        is_new = account.disabled_at is None and account.credential_version == 1
        return is_new and is_still(link, self._keys, (account.email_key,))

    def was_last(self, link: Link, account: Account) -> bool:
        """Whether the account has changed exactly once since the link was made: by the link, or in its place."""
        before = replace(account, credential_version=account.credential_version - 1)
        return account.disabled_at is None and is_still(link, self._keys, _state(before))

    def _make(
        self,
        purpose: Purpose,
        subject: str,
        state: tuple[str, ...],
        *,
        address: str = "",
        expires_at: int | None = None,
    ) -> Secret:
        expires_at = expires_at or self._clock.now() + self.pages.ttl(purpose)
        link = make_link(self._keys, purpose, subject=subject, state=state, expires_at=expires_at, address=address)
        return Secret(self.pages.url(purpose, compose_link(link, self._keys)))


def _mailbox(email_key: str) -> str:
    """The key under which the requests for mail to an address are counted."""
    return f"mail-to:{email_digest(email_key)}"


def invalid_link() -> Unprocessable:
    """One answer for a link that was used, has expired, was superseded or was forged."""
    return Unprocessable(
        ProblemCode.INVALID_LINK, "This link is invalid, was used already, or has expired; ask for a new one."
    )


def _state(account: Account) -> tuple[str, ...]:
    """A change of any of these makes every link of the account void."""
    return (account.email_key, str(account.credential_version))
