"""What an access token says: the RFC 9068 claims of a session, and what the application adds (PROTOCOL §7).

Gatepass(..., tokens=Tokens(audience="https://api.example.com", claims=lambda session: {"scope": "notes:read"}))
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from gatepass.core.access_token import RESERVED
from gatepass.core.keyring import Algorithm
from gatepass.core.session import Session
from gatepass.core.strict_json import Json
from gatepass.errors import ConfigurationError

ClaimsHook = Callable[[Session], Mapping[str, Json] | Awaitable[Mapping[str, Json]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Who issues access tokens, for whom, how they are signed, and which claims the application adds."""

    issuer: str | None = None
    """The `iss` of every token. None: the origin of the public URL."""
    audience: str | None = None
    """The `aud` of every token. None: the issuer."""
    client_id: str = "gatepass"
    """The `client_id` of every token (RFC 9068 §2.2)."""
    algorithm: Algorithm = "EdDSA"
    """EdDSA (Ed25519), ES256, or HS256 where the issuer is the only audience."""
    claims: ClaimsHook | None = None
    """Called with the session for every access token; returns claims to add, such as `scope`.

    Plain or async; a plain one runs on a thread."""

    def __post_init__(self) -> None:
        if self.algorithm not in get_args(Algorithm):
            raise ConfigurationError(f"`algorithm` must be one of {', '.join(get_args(Algorithm))}.")
        if self.claims is not None and not callable(self.claims):
            raise ConfigurationError("`claims` must be a function that takes the session and returns the claims.")
        if not self.client_id:
            raise ConfigurationError("`client_id` must not be empty.")

    def issued_by(self, origin: str) -> "Issuer":
        """The parties, with `origin` for an issuer that is not named. Raises ConfigurationError."""
        issuer = self.issuer or origin
        audience = self.audience or issuer
        if self.algorithm == "HS256" and audience != issuer:
            raise ConfigurationError("`algorithm` HS256 needs one party only: `audience` must be the `issuer`.")
        return Issuer(issuer, audience, self.client_id, self.claims)


@dataclass(frozen=True, slots=True)
class Issuer:
    """The parties that a token names, and the application's hook that adds claims."""

    issuer: str
    audience: str
    client_id: str
    hook: ClaimsHook | None = None

    def claims(
        self, session: Session, *, token_id: str, now: int, expires_at: int, extra: Mapping[str, Json]
    ) -> dict[str, Json]:
        """The claims of a token issued at `now` (Unix seconds), with the `extra` ones that the hook returned.

        Raises ConfigurationError for extra claims that the hook may not set.
        """
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
        if session.methods:  # a session of an earlier version has none
            claims["amr"] = list(session.methods)
        if session.acr:
            claims["acr"] = session.acr
        if session.created_at != session.authenticated_at:
            claims["begun_at"] = session.created_at
        if not RESERVED.isdisjoint(extra):
            taken = ", ".join(sorted(RESERVED & extra.keys()))
            raise ConfigurationError(f"The claims hook may not set {taken}.")
        return {**claims, **extra}
