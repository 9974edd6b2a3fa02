"""Registration: open at once, after the address was verified by mail, or closed.

In verify mode a request makes no account. It makes a pending registration: nothing can be signed in to, the address is
not taken, and any number of them may name one address. The link in the mail and the password that was chosen turn it
into an account; see `email_links` for the reasons.
"""

from dataclasses import dataclass
from typing import Any

from gatepass.accounts.email_links import EmailLinks, invalid_link
from gatepass.accounts.hooks import Hooks
from gatepass.accounts.lookup import find_by_email
from gatepass.accounts.passwords.rules import NewPassword, Passwords
from gatepass.accounts.service import Accounts
from gatepass.core.account import Account, PendingRegistration
from gatepass.core.hook_facts import NO_REQUEST, HookFacts, RequestFacts
from gatepass.core.mailed_link import Link, Purpose
from gatepass.core.policy import RegistrationMode
from gatepass.core.secret import Secret
from gatepass.errors import ConfigurationError, Forbidden
from gatepass.ports import AccountStore, Clock, Entropy, Message
from gatepass.problem_codes import ProblemCode
from gatepass.wire.extra_members import NO_EXTRAS, Extras


@dataclass(frozen=True, slots=True)
class Registered:
    """There is an account now."""

    account: Account


@dataclass(frozen=True, slots=True)
class Pending:
    """Mail will be sent: a link if the address is free, else a note to the owner of the account that has it."""


class Registration:
    """`mode` is that of self-service; an administrator can make accounts in every mode (`Accounts.add`)."""

    def __init__(
        self,
        mode: RegistrationMode,
        *,
        store: AccountStore,
        accounts: Accounts,
        passwords: Passwords,
        links: EmailLinks,
        hooks: Hooks,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._mode = mode
        self._store = store
        self._accounts = accounts
        self._passwords = passwords
        self._links = links
        self._hooks = hooks
        self._clock = clock
        self._entropy = entropy

    async def request(
        self,
        email: str,
        email_key: str,
        password: Secret,
        *,
        ip_prefix: str,
        request: RequestFacts = NO_REQUEST,
        extras: Extras = NO_EXTRAS,
    ) -> Registered | Pending:
        """Make an account, or in verify mode a pending registration, if the hooks before it let it be.

        Raises Forbidden (`registration-closed`), Unprocessable (`password-…`), Overloaded, or as `Hooks.ask`; in open
        mode also Conflict (`email-taken`), in verify mode TooManyAttempts. In verify mode the result does not depend on
        the address.
        """
        facts: HookFacts[Any] = HookFacts(kind="register", account_id=None, email=email, request=request)
        match self._mode:
            case "closed":
                raise Forbidden(ProblemCode.REGISTRATION_CLOSED, "Only an administrator can make accounts here.")
            case "open":
                self._passwords.check_policy(password, email_key)
                await self._hooks.ask(facts, extras)
                account = await self._accounts.add(
                    email, password, email_key=email_key, ip_prefix=ip_prefix, extra=self._hooks.kept(extras)
                )
                return Registered(account)
            case "verify":
                new = self._passwords.check_policy(password, email_key)  # before counting: a refusal causes no mail
                await self._links.count_request(email_key, ip_prefix)
                await self._hooks.ask(facts, extras)
                await self._request_mail(email, email_key, new, ip_prefix=ip_prefix, extra=self._hooks.kept(extras))
                return Pending()

    async def resend(self, email_key: str, *, ip_prefix: str) -> None:
        """Mail the newest pending registration of an address a new link, if there is one that waits.

        Raises TooManyAttempts, Overloaded or Forbidden (`not-offered`).
        """
        await self._links.count_request(email_key, ip_prefix)

        async def job() -> Message | None:
            oldest = self._clock.now() - self._links.pages.verify_ttl
            found = await self._store.find_registrations(email_key)
            waiting = [each for each in found if each.created_at > oldest]
            return await self._links.verification(waiting[0]) if waiting else None

        self._links.send(job)

    async def confirm(self, token: Secret, password: Secret, *, ip_prefix: str) -> Account:
        """Make an account of a pending registration, by the mailed link and the password that was chosen.

        The same request again returns the same account.

        Raises Unprocessable (`invalid-link`), InvalidCredentials, TooManyAttempts, Overloaded, Unavailable or Forbidden
        (`not-offered`).
        """
        link = self._links.open(token, Purpose.VERIFY)
        pending = await self._store.find_registration(link.subject)
        if pending is not None and self._links.is_current(link, pending):
            await self._accounts.check_pending_password(pending, password, ip_prefix=ip_prefix)
            account = await self._accounts.activate(pending, ip_prefix=ip_prefix)
            if account is not None:
                return account
        return await self._confirm_again(link, password, ip_prefix=ip_prefix)

    async def _confirm_again(self, link: Link, password: Secret, *, ip_prefix: str) -> Account:
        """The account that this link has made before. Raises as `confirm`."""
        account = await self._store.find_account(link.subject)
        if account is None or not self._links.has_made(link, account):
            raise invalid_link()
        return await self._accounts.authenticate(account.email_key, password, ip_prefix=ip_prefix)

    async def _request_mail(self, email: str, email_key: str, new: NewPassword, *, ip_prefix: str, extra: str) -> None:
        pending = PendingRegistration(
            id=self._entropy.token_bytes(16).hex(),
            email=email,
            email_key=email_key,
            password_hash=await self._passwords.hash_password(new, network=ip_prefix),
            created_at=self._clock.now(),
            extra=extra,
        )

        async def job() -> Message | None:
            account = await find_by_email(self._store, email_key)
            if account is not None:
                return None if account.disabled_at else await self._links.already_registered(account)
            if await self._store.find_registration(pending.id) is None:  # this job may run again
                await self._store.add_registration(pending)
            return await self._links.verification(pending)

        self._links.send(job)


def check_mode(mode: RegistrationMode, *, sends_mail: bool) -> None:
    """Raise ConfigurationError for a mode that cannot work without mail."""
    if mode == "verify" and not sends_mail:
        raise ConfigurationError(
            "`registration` verify needs mail: set `mailer` to smtps://user:password@host (console for development)."
        )
