"""What happens to a session: its beginning, refreshes and end, and the refresh tokens that were refused."""

from dataclasses import dataclass
from typing import Literal

from gatepass.core.event.base import Event
from gatepass.core.session import EndReason

RefreshCase = Literal["advance", "repeat", "recover"]
Unproven = Literal["missing", "wrong", "device"]


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
