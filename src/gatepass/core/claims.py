"""What an access token says: the RFC 9068 claims of a session, and what the application adds (PROTOCOL §7)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gatepass.core.access_token import RESERVED
from gatepass.core.session import Session
from gatepass.core.strict_json import Json
from gatepass.errors import ConfigurationError

ClaimsHook = Callable[[Session], Mapping[str, Json]]


@dataclass(frozen=True, slots=True)
class Issuer:
    """The parties that a token names, and the application's hook that adds claims."""

    issuer: str
    audience: str
    client_id: str
    hook: ClaimsHook | None = None

    def claims(self, session: Session, *, token_id: str, now: int, expires_at: int) -> dict[str, Json]:
        """The claims of a token issued at `now` (Unix seconds). Raises ConfigurationError for a bad hook."""
        claims: dict[str, Json] = {
            "iss": self.issuer,
            "sub": session.account_id,
            "aud": self.audience,
            "exp": expires_at,
            "iat": now,
            "jti": token_id,
            "client_id": self.client_id,
            "sid": session.sid.hex(),
            "auth_time": session.authenticated_at,
        }
        if self.hook is None:
            return claims
        extra = self.hook(session)
        if not RESERVED.isdisjoint(extra):
            taken = ", ".join(sorted(RESERVED & extra.keys()))
            raise ConfigurationError(f"The claims hook may not set {taken}.")
        return {**claims, **extra}
