"""What an ID token must say before it is believed (OpenID Connect Core §3.1.3.7), and what is taken from it."""

from collections.abc import Mapping, Sequence

from gatepass.core.authentication import ACR, MAX_METHODS, METHOD
from gatepass.core.identity import Identity
from gatepass.core.policy import MINUTE
from gatepass.core.secret import Secret
from gatepass.core.strict_json import Json
from gatepass.errors import Forbidden, ProviderFailed
from gatepass.oidc.fetch import Members
from gatepass.oidc.key_set import is_same, left_half_hash
from gatepass.oidc.metadata import TENANT
from gatepass.oidc.options import Provider
from gatepass.oidc.partner import FEDERATED, Assertion, Signed
from gatepass.problem_codes import ProblemCode

MAX_AGE = 60 * MINUTE
"""Seconds since an ID token was issued. It comes from the token endpoint directly, so an old one is not ours."""
OTHER_KINDS = ("at+jwt", "logout+jwt", "secevent+jwt", "token-introspection+jwt")
"""Of tokens that the same keys sign. An ID token has no `typ`, or JWT."""


def check_parties(claims: Members, provider: Provider, *, issuer: str) -> None:
    """Raise ProviderFailed unless a token is by this issuer, for this client. `issuer` is the one of the metadata."""
    expected = issuer
    if TENANT in issuer:
        tenant = claims.get("tid")
        if not isinstance(tenant, str) or not ({tenant, "*"} & set(provider.tenants)):
            raise ProviderFailed("the token is of a tenant that is not accepted")
        expected = issuer.replace(TENANT, tenant)
    if not is_same(claims.get("iss"), expected):
        raise ProviderFailed("the token's iss is another issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if provider.client_id not in audiences:
        raise ProviderFailed("the token's aud is another client")
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != provider.client_id:
        raise ProviderFailed("the token's azp is another client")


def check_times(claims: Members, provider: Provider, *, now: int) -> None:
    """Raise ProviderFailed unless a token was issued just now and has not expired, by clocks that differ a little."""
    skew = provider.clock_skew
    if now >= _time(claims, "exp") + skew:
        raise ProviderFailed("the token has expired")
    issued_at = _time(claims, "iat")
    if not now - MAX_AGE - skew <= issued_at <= now + skew:
        raise ProviderFailed(f"the token was issued {issued_at - now} s from now: one of the two clocks is wrong")
    if "nbf" in claims and _time(claims, "nbf") > now + skew:
        raise ProviderFailed("the token is not valid yet")


def check_kind(signed: Signed) -> None:
    """Raise ProviderFailed for a token that says it is of another kind (RFC 8725 §3.11)."""
    if (signed.kind or "").lower().removeprefix("application/") in OTHER_KINDS:
        raise ProviderFailed("the token's typ is not that of an ID token")


def check_sign_in(signed: Signed, provider: Provider, *, nonce: Secret, access_token: Secret, now: int) -> None:
    """Raise ProviderFailed unless a token is the answer to this errand; Forbidden if the sign-in is less than asked."""
    claims = signed.claims
    if not is_same(claims.get("nonce"), nonce.reveal()):
        raise ProviderFailed("the token's nonce is not that of the request")
    if "at_hash" in claims and not is_same(claims["at_hash"], left_half_hash(access_token, signed.algorithm)):
        raise ProviderFailed("the token's at_hash is not that of the access token")
    if provider.max_age is not None and now - _time(claims, "auth_time") > provider.max_age + provider.clock_skew:
        raise _weak("The sign-in at the provider is too long ago; sign in there again.")
    if provider.acr_values and claims.get("acr") not in provider.acr_values:
        raise _weak("The sign-in at the provider is weaker than this service asks for.")


def _is_true(claim: object) -> bool:
    """Whether a claim says yes: a boolean, or the text that Apple, Amazon Cognito and PayPal send in its place."""
    return claim is True or claim == "true"


def check_age(claims: Members, provider: Provider, *, oldest: int | None) -> None:
    """Raise Forbidden for a sign-in at the provider before `oldest`, ProviderFailed if the token does not tell."""
    if oldest is not None and _time(claims, "auth_time") < oldest - provider.clock_skew:
        raise _weak("The sign-in at the provider is too long ago; sign in there again.")


def read_assertion(claims: Members, provider: Provider, *, profile: Members) -> Assertion:
    """What a checked token asserts. `profile` has the claims about the person: of the token, or of UserInfo."""
    sid = claims.get("sid")
    return Assertion(
        identity=identity_of(provider, issuer=str(claims["iss"]), subject=claims.get("sub"), profile=profile),
        methods=(FEDERATED, *_words(claims.get("amr"))),
        acr=acr if isinstance(acr := claims.get("acr"), str) and ACR.fullmatch(acr) else None,
        auth_time=_read_time(claims.get("auth_time")),
        sid=sid if isinstance(sid, str) and sid else None,
        issued_at=_time(claims, "iat"),
    )


def identity_of(provider: Provider, *, issuer: str, subject: Json, profile: Mapping[str, Json]) -> Identity:
    """The identity. Raises ProviderFailed for a subject that cannot be one.

    An address counts as verified only if the provider says so, in one of two ways (`_is_true`).
    """
    email, name = profile.get("email"), profile.get("name")
    try:
        return Identity(
            provider.name,
            issuer,
            subject if isinstance(subject, str) else "",
            email if isinstance(email, str) else "",
            _is_true(profile.get("email_verified")),
            name if isinstance(name, str) else "",
        )
    except ValueError:
        raise ProviderFailed("the token's sub is not 1 to 255 characters") from None


def _words(value: Json) -> Sequence[str]:
    """The methods that a provider names (RFC 8176), as far as a session can keep them, each once."""
    listed = value if isinstance(value, list) else []
    words = [word for word in listed if isinstance(word, str) and METHOD.fullmatch(word) and word != FEDERATED]
    return list(dict.fromkeys(words))[: MAX_METHODS - 1]


def _time(claims: Members, name: str) -> int:
    time = _read_time(claims.get(name))
    if time is None:
        raise ProviderFailed(f"the token's {name} is no time")
    return time


def _read_time(value: Json) -> int | None:
    """A NumericDate as whole seconds (RFC 7519 §2), None for what is none. To `isinstance` a boolean is an integer."""
    if type(value) is not int and type(value) is not float:
        return None
    return int(value) if 0 <= value < 2**53 else None


def _weak(detail: str) -> Forbidden:
    return Forbidden(ProblemCode.SIGN_IN_TOO_WEAK, detail)
