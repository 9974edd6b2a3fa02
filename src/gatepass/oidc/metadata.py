"""What a provider says of itself: OpenID Connect Discovery 1.0, RFC 8414.

The issuer of the document must be the configured one, character by character: that binds its endpoints and its keys to
the issuer that was chosen (Discovery §4.3). One exception is explicit: Microsoft's documents for several tenants name
an issuer with `{tenantid}` in it, and are accepted if the application says which tenants are.
"""

from collections.abc import Collection
from dataclasses import dataclass

from gatepass.core.strict_json import Json
from gatepass.errors import ConfigurationError, ProviderFailed
from gatepass.oidc.fetch import Members
from gatepass.oidc.options import Provider
from gatepass.outgoing import RemoteUrl

TENANT = "{tenantid}"


@dataclass(frozen=True, slots=True)
class Metadata:
    """The part of the document that is used. `names_issuer`: every answer carries `iss` (RFC 9207)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: RemoteUrl
    jwks_uri: RemoteUrl
    userinfo_endpoint: RemoteUrl | None
    end_session_endpoint: str | None
    token_auth_methods: Collection[str]
    names_issuer: bool


def discovery_url(provider: Provider) -> RemoteUrl:
    """Where the document is (Discovery §4.1)."""
    address = provider.issuer.removesuffix("/") + "/.well-known/openid-configuration"
    return RemoteUrl(address, purpose="`issuer`", context=provider.context)


def read_metadata(members: Members, provider: Provider) -> Metadata:
    """The metadata in a document. Raises ProviderFailed, whose `why` says what to set."""
    issuer = members.get("issuer")
    if issuer != provider.issuer and not (provider.tenants and isinstance(issuer, str) and TENANT in issuer):
        raise ProviderFailed(_mismatch(issuer, provider))
    end_session = members.get("end_session_endpoint")
    methods = members.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Metadata(
        issuer=str(issuer),
        authorization_endpoint=_address(members, "authorization_endpoint"),
        token_endpoint=_url(members, "token_endpoint", provider=provider),
        jwks_uri=_url(members, "jwks_uri", provider=provider),
        userinfo_endpoint=(
            _url(members, "userinfo_endpoint", provider=provider) if members.get("userinfo_endpoint") else None
        ),
        end_session_endpoint=_address(members, "end_session_endpoint") if end_session else None,
        token_auth_methods=frozenset(map(str, methods)) if isinstance(methods, list) else frozenset(),
        names_issuer=members.get("authorization_response_iss_parameter_supported") is True,
    )


def _mismatch(issuer: Json, provider: Provider) -> str:
    if isinstance(issuer, str) and TENANT in issuer:
        return "its issuer has {tenantid}: name the accepted tenants (`tenants`), or use the issuer of one tenant"
    found = ascii(issuer)[:200]
    return f"its discovery document names the issuer {found}, and `issuer` is {provider.issuer!r}: set it to the same"


def _address(members: Members, name: str) -> str:
    text = members.get(name)
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text:
        raise ProviderFailed(f"its discovery document has no usable {name}")
    try:
        RemoteUrl(text, purpose=name)
    except ConfigurationError as fault:
        raise ProviderFailed(f"its discovery document: {fault}") from None
    return text


def _url(members: Members, name: str, *, provider: Provider) -> RemoteUrl:
    return RemoteUrl(_address(members, name), purpose=name, context=provider.context)
