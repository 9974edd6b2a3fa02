"""What happened, as frozen facts for logs, metrics and hooks. Never a secret, never text of a caller.

`name` follows OWASP's logging vocabulary where it has a word (`authn_token_reuse`, `session_created` …) and
is stable: alerts are written against it. `sid` is an id, and knowing an id is harmless (P5).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from gatepass.core.session import EndReason

Level = Literal["info", "warning", "critical"]
RefreshCase = Literal["advance", "repeat", "recover"]
Unproven = Literal["missing", "wrong", "device"]
LinkedBy = Literal["registration", "address", "session"]
FactorKind = Literal["passkey", "totp"]


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
class FactorAdded(Event):
    """An account has another factor: a `passkey`, or `totp`."""

    name = "user_factor_add"
    account_id: str
    factor: FactorKind


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorRemoved(Event):
    """A factor of an account was removed; its sessions stay."""

    name = "user_factor_remove"
    account_id: str
    factor: FactorKind


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
class MailFailed(Event):
    """A mail was not delivered. `subject` is its subject, `why` the mail server's code or the kind of fault."""

    name = "sys_mail_failed"
    level = "warning"
    subject: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFailed(Event):
    """A hook of the application failed or took too long. `hook` is such as "before register", `why` the kind of fault.

    Before an act: nothing was done. After a registration, a change of the address or a deletion: it is called again.
    """

    name = "sys_hook_failed"
    level = "warning"
    hook: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CookiesLost(Event):
    """The application began a session, and no response that was sent had its cookies. `fix` says what to write."""

    name = "session_cookies_lost"
    level = "warning"
    account_id: str
    sid: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInFailed(Event):
    """Unknown account, wrong password or disabled account; `account_id` if there is one."""

    name = "authn_login_fail"
    level = "warning"
    account_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyRefused(Event):
    """The answer of an authenticator added nothing and began no session. `why` says what was wrong with it.

    `origin`: of a page that is not accepted; `verification`: the device did not ask who it is; `copy`: the counter did
    not rise, so two devices have the key; `unknown`: no account has the credential. The others are in
    `gatepass.core.webauthn`. `account_id` if the passkey, or the session, is of one.
    """

    name = "authn_passkey_refused"
    level = "warning"
    account_id: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSignInRefused(Event):
    """A sign-in at a provider began no session. `code` is what the page is told."""

    name = "authn_provider_refused"
    level = "warning"
    provider: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFailure(Event):
    """A provider did not answer, or answered what cannot be used. `why` says what, and what to set."""

    name = "sys_provider_failed"
    level = "warning"
    provider: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInThrottled(Event):
    """A sign-in attempt was refused without looking at its password. `retry_after` is in seconds."""

    name = "authn_login_throttled"
    level = "warning"
    retry_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateExceeded(Event):
    """A network or a session exceeds a rate; reported once a minute for each kind of request (`what`)."""

    name = "excess_rate_limit_exceeded"
    level = "warning"
    what: str
    retry_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged(Event):
    """The password changed; every session of the account ended with it."""

    name = "authn_password_change"
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(Event):
    """A sign-in made a session."""

    name = "session_created"
    account_id: str
    sid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBound(Event):
    """A refresh bound a session that began without a key to the one that it brought."""

    name = "session_bound"
    account_id: str
    sid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDeviceBound(Event):
    """The browser proved for the first time that it has the key of its device: no refresh goes without it any more."""

    name = "session_device_bound"
    account_id: str
    sid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSkipped(Event):
    """The browser says that it could not show its device with a refresh, and why; it is told to try again.

    `reason`: `quota_exceeded`, `unreachable` or `server_error`, by the browser's word alone.
    """

    name = "authn_device_skipped"
    sid: str
    reason: str


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
    """A refresh was answered with a token of `generation`."""

    name = "session_renewed"
    account_id: str
    sid: str
    generation: int
    case: RefreshCase


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRevoked(Event):
    """A session was ended on purpose, by its owner or because a sign-in replaced it."""

    name = "session_revoked"
    account_id: str
    sid: str
    reason: EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsChanged(Event):
    """The application said that the claims of `accounts` accounts changed: their older access tokens are refused.

    `account_id` if it is one; `accounts` is 0 for all accounts. `within` how many seconds that is spread over.
    """

    name = "authz_change"
    account_id: str | None
    accounts: int
    within: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsFailed(Event):
    """No access token could be made, because of the application's claims hook; the answer was 503. `why` says more.

    No session has ended: the client tries again.
    """

    name = "sys_claims_failed"
    level = "warning"
    account_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllSessionsEnded(Event):
    """Every session of every account that began before `epoch` (Unix seconds) was ended."""

    name = "session_revoked_all"
    level = "critical"
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRefused(Event):
    """A refresh token of an ended session was presented."""

    name = "session_use_after_expire"
    sid: str
    reason: EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshUnproven(Event):
    """A bound refresh token was presented without the proof of its key: by a copy, or by a server that forwards it.

    Nothing was changed or issued. `reason`: `missing`; or `wrong`, which no client of ours sends; or `device`: the
    session is bound to a device, which the request did not show, or a proof was signed by another one.
    """

    name = "authn_refresh_unproven"
    level = "warning"
    sid: str
    generation: int
    reason: Unproven


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
    """An endpoint of the gate refused an access token (ASVS 16.3.2)."""

    name = "authz_fail"
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkUnknown(Event):
    """The network of a request cannot be told, so no limit per network holds for it; once for each reason (`why`).

    `fix` says what to set.
    """

    name = "sys_network_unknown"
    level = "warning"
    why: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDropped(Event):
    """The log took no more for a while, and `lines` of it are lost. A line of that log, which no listener gets."""

    name = "sys_log_dropped"
    level = "warning"
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationsLost(Event):
    """Revocations by other processes do not reach this one."""

    name = "sys_revocations_lost"
    level = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationsRestored(Event):
    """Revocations by other processes reach this one again; those missed meanwhile have been loaded."""

    name = "sys_revocations_restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockDiffers(Event):
    """The clock of this machine is `seconds` ahead of the store's, or behind it (negative). Reported once."""

    name = "sys_clock_differs"
    level = "warning"
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailed(Event):
    """A background task of the gate stopped and is started again; `why` is the kind of its fault."""

    name = "sys_task_failed"
    level = "critical"
    task: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecovered(Event):
    """A background task that had stopped works again."""

    name = "sys_task_recovered"
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUnsafe(Event):
    """The store may lose what it acknowledges. `why` says how and what to set; it is our own sentence."""

    name = "sys_store_unsafe"
    level = "critical"
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsLost(Event):
    """The store does not know `count` different sessions that were refreshed within a minute: it has lost data."""

    name = "sys_sessions_lost"
    level = "critical"
    count: int
