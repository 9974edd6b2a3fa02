"""The caller: what the claims of a verified token say of it (RFC 9068 §2.2, PROTOCOL §7)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic

from gatepass.core import claims_mark
from gatepass.core.frozen_json import frozen
from gatepass.core.strict_json import Json
from gatepass.errors import InvalidToken

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # of typeshed, for the default

    Claims = TypeVar("Claims", default=Mapping[str, Json], covariant=True)
else:
    from typing import TypeVar

    Claims = TypeVar("Claims", covariant=True)
Kind = TypeVar("Kind")

MAX_TIME = 2**53
"""The last second that every JSON reader knows exactly (RFC 8259 §6)."""
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Principal(Generic[Claims]):
    """The caller: the facts of a verified access token.

    `account_id` is the `sub` claim, `session_id` the `sid` claim in hex; times are Unix seconds; `methods` are those of
    the sign-in, the `amr` claim (RFC 8176), and `acr` is its assurance, None where none was said. `begun_at` is
    when the session began: `authenticated_at`, or later where another system had authenticated the person before.
    `claims` has all claims, those of the application's hook included. They cannot be changed, in any depth: a verified
    token is remembered, and later requests get the same ones. `typed` gives a `Principal[MyClaims]`, whose claims are a
    type of the application's; a bare Principal has a mapping. `claims_mark`: which change of the account's claims the
    token knows (`core/claims_mark.py`).
    """

    account_id: str
    session_id: str
    token_id: str
    expires_at: int
    issued_at: int
    authenticated_at: int
    scopes: frozenset[str]
    claims: Claims = field(repr=False)
    methods: tuple[str, ...] = ()
    acr: str | None = None
    begun_at: int = 0
    claims_mark: int = 0
    email_verified: bool | None = None
    """The claim of this name (`Tokens(email_verified_claim=True)`), of when the token was made; None without one."""
    by_link: bool = False
    """Whether a link to one path is all that the request showed: a person opened it, or who was given it."""

    @property
    def auth_time(self) -> int:
        """`authenticated_at` by the name of its claim."""
        return self.authenticated_at

    def typed(self: "Principal[Mapping[str, Json]]", kind: type[Kind]) -> "Principal[Kind]":
        """The same caller, with the claims as `kind`: a TypedDict, a frozen dataclass or a frozen pydantic model.

        Raises InvalidToken if they do not fit, as those of a token that was issued before the type changed: the client
        refreshes once. Raises ConfigurationError for a type that can be changed.
        """
        from gatepass.core.typed_claims import read_claims  # and pydantic: verifying a token alone needs neither

        try:
            return replace(self, claims=read_claims(kind, self.claims))  # type: ignore[return-value, arg-type]
        except ValueError as misfit:
            raise InvalidToken(str(misfit)) from None


def principal_of(claims: Mapping[str, Json], *, by_link: bool = False) -> Principal:
    """The caller that authentic claims name; a link has no `jti`. Raises InvalidToken for a missing or unusable one."""
    authenticated_at = time_claim(claims, "auth_time")
    return Principal(
        text_claim(claims, "sub"),
        text_claim(claims, "sid"),
        "" if by_link else text_claim(claims, "jti"),
        time_claim(claims, "exp"),
        time_claim(claims, "iat"),
        authenticated_at,
        _scopes(claims),
        frozen(claims),
        _methods(claims),
        text_claim(claims, "acr") if "acr" in claims else None,
        time_claim(claims, "begun_at") if "begun_at" in claims else authenticated_at,
        time_claim(claims, claims_mark.CLAIM) if claims_mark.CLAIM in claims else 0,
        _is_verified(claims),
        by_link,
    )


def _scopes(claims: Mapping[str, Json]) -> frozenset[str]:
    """The words of the scope claim (RFC 9068 §2.2.3); none where there is no such claim."""
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise InvalidToken("scope")
    return frozenset(scope.split()) if scope else _NONE


def _methods(claims: Mapping[str, Json]) -> tuple[str, ...]:
    """The amr claim (RFC 9068 §2.2.1); none where there is no such claim."""
    methods = claims.get("amr")
    if methods is None:
        return ()
    if not isinstance(methods, list) or not all(isinstance(method, str) for method in methods):
        raise InvalidToken("amr")
    return tuple(map(str, methods))


def _is_verified(claims: Mapping[str, Json]) -> bool | None:
    """The email_verified claim (OpenID Connect Core §5.1); None where there is none, or something else."""
    verified = claims.get("email_verified")
    return verified if isinstance(verified, bool) else None


def text_claim(claims: Mapping[str, Json], name: str) -> str:
    """A claim that must be a text, not empty. Raises InvalidToken."""
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidToken(name)
    return value


def time_claim(claims: Mapping[str, Json], name: str) -> int:
    """A NumericDate (RFC 7519 §2) as whole seconds. Raises InvalidToken for booleans, text, infinities, negatives."""
    value = claims.get(name)
    # The type itself, not isinstance: to Python a boolean is an integer too.
    if type(value) is not int and type(value) is not float:
        raise InvalidToken(name)
    # Beyond 2^53 there are no exact seconds, and an integer of 400 digits does not even become a float.
    if not 0 <= value <= MAX_TIME:
        raise InvalidToken(name)
    return int(value)
