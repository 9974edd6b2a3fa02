"""What a logout token must say before it ends anything (OpenID Connect Back-Channel Logout 1.0 §2.6).

Its signature, issuer and audience were verified before, as an ID token's. An ID token must not pass for one: it has no
`events`, and a logout token has no `nonce`. One that comes twice need not be remembered by its `jti` (§2.6, step 8): it
ends what began by an ID token that is not younger than itself, so nothing that began after the logout.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gatepass.core.identity import MAX_SUBJECT
from gatepass.core.strict_json import Json
from gatepass.errors import GatepassError

EVENT = "http://schemas.openid.net/event/backchannel-logout"
TYPES = (None, "logout+jwt", "jwt")
"""The `typ` is only recommended (§2.4). Every other one is of another kind of token."""
MAX_SID = 255


class InvalidLogoutToken(GatepassError, ValueError):
    """A logout token that ends nothing. The message is for logs and tests."""


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """Which sessions a provider ends: those of its own session `sid`, or all of a subject. One of both is given.

    `issued_at` is Unix seconds by the provider's clock.
    """

    issuer: str
    subject: str | None = field(repr=False)
    sid: str | None
    issued_at: int


def read_logout_token(claims: Mapping[str, Json], *, kind: str | None, now: int, skew: int) -> LogoutToken:
    """The logout token with these claims and the `typ` of their header. `skew` is in seconds.

    Raises InvalidLogoutToken.
    """
    if (None if kind is None else kind.lower().removeprefix("application/")) not in TYPES:
        raise InvalidLogoutToken("its typ is of another kind of token")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise InvalidLogoutToken("its events have no back-channel logout")
    if "nonce" in claims:
        raise InvalidLogoutToken("it has a nonce, as an ID token")
    if not isinstance(claims.get("jti"), str) or not claims["jti"]:
        raise InvalidLogoutToken("it has no jti")
    issued_at = _time(claims, "iat")
    if issued_at is None or issued_at > now + skew:
        raise InvalidLogoutToken("it was not issued yet, or says no time")
    if "exp" in claims and now >= (_time(claims, "exp") or 0) + skew:
        raise InvalidLogoutToken("it has expired")
    subject, sid = _name(claims, "sub", longest=MAX_SUBJECT), _name(claims, "sid", longest=MAX_SID)
    if subject is None and sid is None:
        raise InvalidLogoutToken("it names neither a subject nor a session")
    return LogoutToken(str(claims.get("iss")), subject, sid, issued_at)


def _time(claims: Mapping[str, Json], name: str) -> int | None:
    value = claims.get(name)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def _name(claims: Mapping[str, Json], name: str, *, longest: int) -> str | None:
    if name not in claims:
        return None
    value = claims[name]
    if not isinstance(value, str) or not (0 < len(value) <= longest and value.isprintable()):
        raise InvalidLogoutToken(f"its {name} cannot be one")
    return value
