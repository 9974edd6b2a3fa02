"""Registration: open at once, after the address was verified by mail, or closed."""

from dataclasses import dataclass

from gatepass.accounts.email_links import Recovery, require_mail
from gatepass.accounts.service import Accounts
from gatepass.accounts.service import Registration as Mode
from gatepass.core.account import Account


@dataclass(frozen=True, slots=True)
class Registered:
    """There is an account now."""

    account: Account


@dataclass(frozen=True, slots=True)
class Pending:
    """Mail will be sent: a link if the address is free, else a note to the owner of the account that has it."""


@dataclass(frozen=True, slots=True)
class Registration:
    """`mode` is that of self-service; `recovery` is None where no mail can be sent."""

    mode: Mode
    accounts: Accounts
    recovery: Recovery | None

    async def request(self, email: str, email_key: str, password: str, *, ip_prefix: str) -> Registered | Pending:
        """Make an account, or in verify mode a pending registration.

        Raises Forbidden (`registration-closed`), Unprocessable (`password-…`) or Overloaded; in open mode also Conflict
        (`email-taken`), in verify mode TooManyAttempts. In verify mode the result does not depend on the address.
        """
        if self.mode == "verify" and self.recovery is not None:
            await self.recovery.apply(email, password, email_key=email_key, ip_prefix=ip_prefix)
            return Pending()
        return Registered(await self.accounts.register(email, password, email_key=email_key, ip_prefix=ip_prefix))

    async def resend(self, email_key: str, *, ip_prefix: str) -> None:
        """Mail the newest pending registration of an address a new link, if there is one."""
        await require_mail(self.recovery).resend(email_key, ip_prefix=ip_prefix)

    async def confirm(self, token: str, password: str, *, ip_prefix: str) -> Account:
        """Make an account of a pending registration, by the mailed link and the password that was chosen."""
        return await require_mail(self.recovery).confirm(token, password, ip_prefix=ip_prefix)
