"""Signing in with a code by mail: asked for, mailed, shown together with the ticket of who asked (`core.mail_code`).

Asking reveals nothing about an address, as for every mailed link (`email_links`): the answer goes out first, with a
ticket for any address, and all that depends on the account happens afterwards.

Two clients that ask for one address have two codes, each good with its own ticket. So a stranger who asks in the name
of another makes no code of the owner void. A client that asks again with its ticket, before it has tried a code, gets
the same code again: it does not matter which of two mails is read.

The code shows the mailbox, as a link to a new password does. An account of an address that was never
verified may have been made by another person: the first code takes its password, identities and passkeys away.
"""

from collections.abc import Callable

from gatepass.accounts.code_throttle import CodeThrottle
from gatepass.accounts.email_links import EmailLinks
from gatepass.accounts.lookup import find_by_email
from gatepass.core import event as events
from gatepass.core.account import NO_PASSWORD, Account
from gatepass.core.binding import BindingKey
from gatepass.core.event import Event
from gatepass.core.keyring import KeyRing
from gatepass.core.mail_code import (
    MAIL_CODE_TTL,
    MAX_TRIES,
    SEED_BYTES,
    MailTicket,
    code_of,
    is_code_of,
    open_mail_ticket,
    seal_mail_ticket,
)
from gatepass.core.policy import MINUTE
from gatepass.core.sealed import NONCE_BYTES
from gatepass.core.secret import Secret
from gatepass.errors import BadRequest, ConfigurationError, InvalidCode, InvalidMailCode
from gatepass.ports import Clock, Entropy, Message, Store
from gatepass.problem_codes import ProblemCode
from gatepass.sessions.service import Sessions

LATE = MAIL_CODE_TTL // 2
"""Seconds: a ticket that counts for less is not asked for again, since the mail takes a while."""


class MailCodes:
    """Two steps: `request` mails a code, `verify` uses it. `links` count the mail and send it."""

    def __init__(
        self,
        store: Store,
        *,
        links: EmailLinks,
        throttle: CodeThrottle,
        sessions: Sessions,
        keys: KeyRing,
        clock: Clock,
        entropy: Entropy,
        report: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._links = links
        self._throttle = throttle
        self._sessions = sessions
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._report = report

    async def request(
        self,
        email_key: str,
        *,
        again: Secret | None = None,
        binding_key: BindingKey | None = None,
        ip_prefix: str = "",
    ) -> tuple[Secret, int]:
        """Mail the owner of an address a code, if it has an account. Returns a ticket, and its seconds, in any case.

        `again` is the ticket of an earlier request of this client, whose code did not arrive. The caller must count the
        network. Raises TooManyAttempts, Overloaded or Forbidden (`not-offered`).
        """
        await self._links.count_request(email_key, "")
        now = self._clock.now()
        former = None if again is None else open_mail_ticket(again.reveal(), self._keys)
        if again is not None and former is not None and former.email_key == email_key:
            binding_key = binding_key or former.binding_key
            is_fresh = former.expires_at - now >= LATE and _are_one(former.binding_key, binding_key)
            if is_fresh and not await self._tries(former):
                self._send(former, ip_prefix=ip_prefix)
                return again, former.expires_at - now
        ticket = MailTicket(email_key, self._entropy.token_bytes(SEED_BYTES), now + MAIL_CODE_TTL, binding_key)
        text = seal_mail_ticket(ticket, self._keys, nonce=self._entropy.token_bytes(NONCE_BYTES))
        self._send(ticket, ip_prefix=ip_prefix)
        return Secret(text), MAIL_CODE_TTL

    async def verify(
        self,
        text: Secret,
        code: Secret,
        *,
        binding_key: BindingKey | None = None,
        ip_prefix: str = "",
        devices: tuple[bytes, ...] = (),
    ) -> tuple[Account, BindingKey | None]:
        """The account of a ticket whose code is right, and the key to bind its session to. Both are used up then.

        `binding_key` is what the client offers now: that of the request, or any if it offered none there. `devices` are
        the sessions whose refresh tokens the caller still has.

        Raises BadRequest (`sign-in-expired`) for a ticket that is not this gate's, too old, used, another client's or
        one that has had MAX_TRIES codes; InvalidMailCode; TooManyAttempts.
        """
        ticket = self._open(text, binding_key)
        seen: list[Account] = []

        async def verify() -> bool:
            await self._count_try(ticket)
            account = await find_by_email(self._store, ticket.email_key)
            seen.extend(() if account is None else (account,))
            is_right = is_code_of(ticket, account, code.reveal())
            if not is_right or account is None or account.disabled_at is not None:
                return False
            if not await self._store.use_once(_used(ticket), until=ticket.expires_at, now=self._clock.now()):
                raise _expired()
            return True

        try:
            await self._throttle.run_mail_code(ticket.email_key, verify, ip_prefix=ip_prefix, devices=devices)
        except InvalidCode:
            account_id = seen[0].id if seen else None
            self._report(events.MailCodeRefused(at=self._clock.now(), address=ip_prefix, account_id=account_id))
            raise InvalidMailCode from None
        (account,) = seen
        await self._links.forget_requests(ticket.email_key)
        self._report(events.MailCodeUsed(at=self._clock.now(), address=ip_prefix, account_id=account.id))
        if account.verified_at is None:
            account = await self._take_back(account, ip_prefix=ip_prefix)
        return account, binding_key or ticket.binding_key

    def _send(self, ticket: MailTicket, *, ip_prefix: str) -> None:
        async def job() -> Message | None:
            account = await find_by_email(self._store, ticket.email_key)
            now, account_id = self._clock.now(), account.id if account else None
            self._report(events.MailCodeRequested(at=now, address=ip_prefix, account_id=account_id))
            if account is None or account.disabled_at is not None or now >= ticket.expires_at:
                return None
            minutes = max(1, (ticket.expires_at - now) // MINUTE)
            return await self._links.sign_in_code(account, Secret(code_of(ticket, account)), minutes=minutes)

        self._links.send(job)

    def _open(self, text: Secret, binding_key: BindingKey | None) -> MailTicket:
        ticket = open_mail_ticket(text.reveal(), self._keys)
        if ticket is None or self._clock.now() >= ticket.expires_at:
            raise _expired()
        if binding_key is not None and not _are_one(ticket.binding_key or binding_key, binding_key):
            raise _expired()
        return ticket

    async def _count_try(self, ticket: MailTicket) -> None:
        """Count a code before it is looked at. Raises BadRequest (`sign-in-expired`) after the last one."""
        now = self._clock.now()
        await self._store.count_failure([_tried(ticket)], now=now, forget_before=now - MAIL_CODE_TTL)
        if await self._tries(ticket) > MAX_TRIES:
            raise _expired()

    async def _tries(self, ticket: MailTicket) -> int:
        (count,) = await self._store.attempts([_tried(ticket)])
        return count.failures

    async def _take_back(self, account: Account, *, ip_prefix: str) -> Account:
        """The account of an owner who has shown the mailbox for the first time, without what a stranger may know of it.

        An authenticator app and recovery codes stay, as with a new password by mail.
        """
        now = self._clock.now()
        ended = await self._store.change_password(
            account.id,
            password_hash=NO_PASSWORD,
            credential_version=account.credential_version,
            now=now,
            keep=None,
            drop_others=True,
        )
        if ended is None:  # the account has changed since
            raise _expired()
        self._report(events.PasswordRemoved(at=now, address=ip_prefix, account_id=account.id))
        self._sessions.publish_revocations(account.id, ended, reason="revoked", now=now, ip_prefix=ip_prefix)
        # Not before: a sign-in that is cut off in between must find what is not verified at the next one.
        await self._store.verify_account(account.id, now=now)
        self._report(events.AccountVerified(at=now, address=ip_prefix, account_id=account.id))
        taken = await self._store.find_account(account.id)
        if taken is None:
            raise _expired()
        return taken


def check_mail_codes(are_on: bool, *, sends_mail: bool, has_users: bool = False) -> None:
    """Raise ConfigurationError for codes by mail that cannot work."""
    if are_on and has_users:
        raise ConfigurationError("`mail_codes` cannot be on with `users`: another system says who signs in.")
    if are_on and not sends_mail:
        raise ConfigurationError(
            "`mail_codes` needs mail: set `mailer` to smtps://user:password@host (console for development)."
        )


def _are_one(one: BindingKey | None, other: BindingKey | None) -> bool:
    return one is other or (one is not None and other is not None and one.binding == other.binding)


def _tried(ticket: MailTicket) -> str:
    return f"mail-code-of:{ticket.key.hex()}"


def _used(ticket: MailTicket) -> bytes:
    return b"mail code" + ticket.key


def _expired() -> BadRequest:
    return BadRequest(
        ProblemCode.SIGN_IN_EXPIRED, "This code took too long, was used before, or was asked for elsewhere."
    )
