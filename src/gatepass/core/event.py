"""What happened, as frozen facts for logs, metrics and hooks. Never a secret, never what a caller typed.

`name` follows OWASP's logging vocabulary where it has a word (`authn_token_reuse`, `session_created` …) and
is stable: alerts are written against it. `sid` is an id, and knowing an id is harmless (P5).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from gatepass.core.session import EndReason

Level = Literal["info", "warning", "critical"]
RefreshCase = Literal["advance", "repeat", "recover"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`at` is Unix seconds; `address` is a coarse network prefix, never a full address."""

    name: ClassVar[str]
    level: ClassVar[Level] = "info"
    at: int
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRegistered(Event):
    """An account was made."""

    name = "user_created"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountVerified(Event):
    """The owner has shown that mail to the address reaches them; where that is asked for, the account opens by it."""

    name = "user_verified"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDisabled(Event):
    """An account was closed to sign-in; its sessions ended with it."""

    name = "user_disabled"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEnabled(Event):
    """A disabled account was opened again."""

    name = "user_enabled"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDeleted(Event):
    """An account and all that is known of its owner was deleted."""

    name = "user_deleted"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChanged(Event):
    """An account has another address, whose owner confirmed it."""

    name = "user_email_change"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRequested(Event):
    """Somebody asked for a link to set a new password; `account_id` where there is one."""

    name = "authn_password_reset_request"
    account_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordReset(Event):
    """A mailed link set a new password; every session of the account ended with it."""

    name = "authn_password_reset"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFailed(Event):
    """A mail was given up. `subject` is that of the letter, `why` the mail server's code or the kind of fault."""

    name = "sys_mail_failed"
    level = "warning"
    subject: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInFailed(Event):
    """Unknown account, wrong password or disabled account; `account_id` where there is one."""

    name = "authn_login_fail"
    level = "warning"
    account_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInThrottled(Event):
    """An attempt was refused unheard."""

    name = "authn_login_throttled"
    level = "warning"
    retry_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateExceeded(Event):
    """Somebody asks for more than one address or session may; told once a minute for each kind of request."""

    name = "excess_rate_limit_exceeded"
    level = "warning"
    what: str
    retry_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged(Event):
    """The password changed; every other session of the account ended with it."""

    name = "authn_password_change"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(Event):
    """A sign-in made a session."""

    name = "session_created"
    account_id: str
    sid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionNewDevice(Event):
    """A sign-in came from a client or a network that no other live session of the account has.

    `client` is the label of the session: our own words, or a plain product name of at most 32 letters and digits.
    """

    name = "session_new_device"
    level = "warning"
    account_id: str
    sid: str
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRefreshed(Event):
    """A refresh was answered with a successor of `generation`."""

    name = "session_renewed"
    account_id: str
    sid: str
    generation: int
    case: RefreshCase


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRevoked(Event):
    """A session was ended on purpose, by its owner or in favour of a new one."""

    name = "session_revoked"
    account_id: str
    sid: str
    reason: EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRefused(Event):
    """A refresh came for a session that had ended before."""

    name = "session_use_after_expire"
    sid: str
    reason: EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshReuse(Event):
    """Two parties presented tokens of one session: it was revoked (P2)."""

    name = "authn_token_reuse"
    level = "critical"
    account_id: str
    sid: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused(Event):
    """A request was refused as cross-site before anything was read."""

    name = "malicious_csrf"
    level = "warning"
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRefused(Event):
    """An access token came to an endpoint of the gate and did not hold (ASVS 16.3.2)."""

    name = "authz_fail"
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationsLost(Event):
    """Revocations by other processes do not reach this one at present."""

    name = "sys_revocations_lost"
    level = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationsRestored(Event):
    """They do again, and what was missed has been made up for."""

    name = "sys_revocations_restored"
