"""A new password by a mailed link."""

from dataclasses import dataclass

from gatepass.accounts.email_links import Recovery, require_mail


@dataclass(frozen=True, slots=True)
class PasswordReset:
    """`recovery` is None where no mail can be sent."""

    recovery: Recovery | None

    async def request(self, email_key: str, *, ip_prefix: str) -> None:
        """Mail a link, if there is such an account. Raises TooManyAttempts, Overloaded or Forbidden (`not-offered`)."""
        await require_mail(self.recovery).forgot(email_key, ip_prefix=ip_prefix)

    async def reset(self, token: str, new: str, *, ip_prefix: str) -> None:
        """Set a new password by the link. Raises Unprocessable (`invalid-link`, `password-…`) or Forbidden."""
        await require_mail(self.recovery).reset(token, new, ip_prefix=ip_prefix)
