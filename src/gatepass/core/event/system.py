"""What an operator must know of the system: a part of it, of the application or of its surroundings fails."""

from dataclasses import dataclass

from gatepass.core.event.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFailed(Event):
    """A mail was not delivered. `subject` is its subject, `why` the mail server's code or the kind of fault.

    Of a mail that could not be written, since the store or a template failed, there is no subject.
    """

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
class ClaimsFailed(Event):
    """No access token could be made, because of the application's claims hook; the answer was 503. `why` says more.

    No session has ended: the client tries again.
    """

    name = "sys_claims_failed"
    level = "warning"
    account_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFailure(Event):
    """A provider did not answer, or answered what cannot be used. `why` says what, and what to set."""

    name = "sys_provider_failed"
    level = "warning"
    provider: str
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
