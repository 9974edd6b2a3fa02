"""What an access token says: the RFC 9068 claims of a session, and what the application adds (PROTOCOL §7).

async def claims(session: Session, account: AccountFacts) -> dict[str, object]:
    return {"scope": await scopes_of(account.id), "email_verified": account.email_verified}

Gatepass(..., tokens=Tokens(audience="https://api.example.com", claims=claims))
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import get_args

from gatepass.core.access_token import MAX_LENGTH, RESERVED
from gatepass.core.account import Account
from gatepass.core.claims_mark import CLAIM
from gatepass.core.keyring import Algorithm
from gatepass.core.options import drop_empty_texts
from gatepass.core.session import Session
from gatepass.core.strict_json import Json
from gatepass.errors import ConfigurationError

SHORTEST = 1024
"""Characters: Gatepass's own claims must fit, under any issuer."""
_Returned = Mapping[str, object] | Awaitable[Mapping[str, object]]
ClaimsHook = Callable[[Session], _Returned] | Callable[[Session, "AccountFacts"], _Returned]


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """The account that an access token is for, as the claims hook sees it. `created_at` is Unix seconds."""

    id: str
    email: str = field(repr=False)
    email_verified: bool
    created_at: int

    @classmethod
    def of(cls, account: Account) -> "AccountFacts":
        """Without the password's hash and what else is ours alone."""
        return cls(account.id, account.email, account.verified_at is not None, account.created_at)


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
    """Called for every access token, with the session and, if it takes two arguments, the account (AccountFacts).

    Returns claims to add, such as `scope`. Plain or async; a plain one runs on a thread. Without an answer the sign-in
    or refresh is a 503, which the client repeats."""
    email_verified_claim: bool = False
    """Whether every access token has the claim `email_verified`. Costs a look at the account for each of them."""
    claims_timeout: int = 5
    """Seconds that `claims` may take. Less than clients wait for a refresh."""
    max_token_length: int = 4096
    """Characters of an access token, which goes with every request: servers and proxies accept header lines of 8 kB."""

    link_claims: tuple[str, ...] = ()
    """The names of claims that links to one path carry too, such as `scope`. Addresses stand in histories and logs."""

    def __post_init__(self) -> None:
        drop_empty_texts(self)
        if isinstance(self.link_claims, str):
            raise ConfigurationError('`link_claims` must be names, not one text: ("scope",).')
        if taken := sorted((RESERVED - {"amr", "acr"}).intersection(self.link_claims)):
            raise ConfigurationError(f"`link_claims` has {taken[0]}, which is no claim of the application.")
        if self.algorithm not in get_args(Algorithm):
            raise ConfigurationError(f"`algorithm` must be one of {', '.join(get_args(Algorithm))}.")
        if self.claims is not None and not callable(self.claims):
            raise ConfigurationError("`claims` must be a function that takes the session and returns the claims.")
        if self.claims_timeout < 1:
            raise ConfigurationError("`claims_timeout` must be at least 1 second.")
        if not SHORTEST <= self.max_token_length <= MAX_LENGTH:
            raise ConfigurationError(f"`max_token_length` must be {SHORTEST} to {MAX_LENGTH} characters.")
        if not self.client_id:
            raise ConfigurationError("`client_id` must not be empty.")

    def issued_by(self, origin: str) -> "Issuer":
        """The parties, with `origin` for an issuer that is not named. Raises ConfigurationError."""
        issuer = self.issuer or origin
        audience = self.audience or issuer
        if self.algorithm == "HS256" and audience != issuer:
            raise ConfigurationError("`algorithm` HS256 needs one party only: `audience` must be the `issuer`.")
        return Issuer(issuer, audience, self.client_id)


@dataclass(frozen=True, slots=True)
class Issuer:
    """The parties that a token names."""

    issuer: str
    audience: str
    client_id: str

    def claims(
        self, session: Session, *, token_id: str, now: int, expires_at: int, extra: Mapping[str, Json], mark: int = 0
    ) -> dict[str, Json]:
        """The claims of a token issued at `now` (Unix seconds), with the `extra` ones that the hook returned.

        `mark` is the number that the account had before the hook was called. Raises ConfigurationError for extra claims
        that the hook may not set.
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
        if mark:
            claims[CLAIM] = mark
        if not extra:
            return claims
        if not RESERVED.isdisjoint(extra):
            taken = ", ".join(sorted(RESERVED & extra.keys()))
            raise ConfigurationError(f"The claims hook may not set {taken}.")
        return {**claims, **extra}
