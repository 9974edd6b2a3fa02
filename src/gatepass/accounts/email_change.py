"""Another address for an account, confirmed by a mailed link."""

from collections.abc import Callable
from dataclasses import dataclass

from gatepass.accounts.email_links import Recovery, require_mail
from gatepass.core.account import Account


@dataclass(frozen=True, slots=True)
class EmailChange:
    """`recovery` is None where no mail can be sent."""

    recovery: Recovery | None

    async def request(self, account: Account, password: str, *, email: str, email_key: str, ip_prefix: str) -> None:
        """Mail a link to the new address. Raises InvalidCredentials, TooManyAttempts or Forbidden (`not-offered`)."""
        recovery = require_mail(self.recovery)
        await recovery.move(account, password, email=email, email_key=email_key, ip_prefix=ip_prefix)

    async def confirm(self, account: Account, token: str, *, ip_prefix: str, email_key: Callable[[str], str]) -> None:
        """Take the address that the link confirms. Raises Unprocessable (`invalid-link`) or Forbidden."""
        await require_mail(self.recovery).confirm_move(account, token, ip_prefix=ip_prefix, email_key=email_key)
