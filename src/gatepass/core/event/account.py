"""What happens to an account: its making, address, password, identities, claims and end."""

from dataclasses import dataclass
from typing import Literal

from gatepass.core.event.base import Event

LinkedBy = Literal["registration", "address", "session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRegistered(Event):
    """An account was made."""

    name = "user_created"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountVerified(Event):
    """The owner proved that mail to the address arrives. In verify mode this is what makes the account."""

    name = "user_verified"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDisabled(Event):
    """An account was disabled; its sessions ended with it."""

    name = "user_disabled"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEnabled(Event):
    """A disabled account was enabled again."""

    name = "user_enabled"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDeleted(Event):
    """An account was deleted, with everything that is known of its owner."""

    name = "user_deleted"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChanged(Event):
    """An account has another address, which was confirmed by mail."""

    name = "user_email_change"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged(Event):
    """The password changed; every session of the account ended with it."""

    name = "authn_password_change"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRequested(Event):
    """A link to set a new password was requested; `account_id` if the address has an account."""

    name = "authn_password_reset_request"
    account_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordReset(Event):
    """A mailed link set a new password; every session of the account ended with it."""

    name = "authn_password_reset"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRemoved(Event):
    """A mailed code came for an account whose address was never verified: what others could know of it is gone.

    That is its password, its identities, its passkeys and its sessions. Its owner sets a new password by mail.
    """

    name = "authn_password_removed"
    level = "warning"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailCodeRequested(Event):
    """A code to sign in was asked for; `account_id` if the address has an account."""

    name = "authn_mail_code_request"
    account_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailCodeUsed(Event):
    """A mailed code was right, and is used up. A `session_created` follows, or a second factor is asked for."""

    name = "authn_mail_code_used"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityLinked(Event):
    """An identity at a provider signs in to an account from now on.

    `by`: the `registration` that made the account, the `address` that both the provider and the account have verified,
    or the owner in a `session`.
    """

    name = "user_identity_link"
    account_id: str
    provider: str
    by: LinkedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityUnlinked(Event):
    """An identity at a provider does not sign in to an account any more; the sessions that began with it ended."""

    name = "user_identity_unlink"
    account_id: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsChanged(Event):
    """The application said that the claims of `accounts` accounts changed: their older access tokens are refused.

    `account_id` if it is one; `accounts` is 0 for all accounts. `within` how many seconds that is spread over.
    """

    name = "authz_change"
    account_id: str | None
    accounts: int
    within: int
