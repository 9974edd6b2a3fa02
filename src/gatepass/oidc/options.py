"""What an application says of a provider: `gate.oidc("google", issuer=…, client_id=…, client_secret=…)`.

Each option is a setting too: GATEPASS_OIDC_GOOGLE_ISSUER (see `environment`).
"""

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import urlsplit

from gatepass.core.options import drop_empty_texts
from gatepass.core.policy import MINUTE
from gatepass.core.secret import Secret
from gatepass.errors import ConfigurationError
from gatepass.oidc.client_assertion import read_client_key
from gatepass.outgoing import RemoteUrl

Adapter = Literal["oidc", "github"]
ClientAuthentication = Literal["auto", "client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
ResponseMode = Literal["query", "form_post"]
LogoutEnds = Literal["session", "subject"]
KeyAudience = Literal["issuer", "token_endpoint"]
GITHUB = "https://github.com"
ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures that a published key verifies. ES256K and 1024-bit RSA are refused."""
SYMMETRIC = ("HS256", "HS384", "HS512")
MIN_SHARED_SECRET = 32
"""Bytes of a client secret that signs (RFC 7518 §3.2)."""
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
_SCOPE = re.compile(r"[!#-\[\]-~]+", re.ASCII)
_OURS = frozenset(("response_type", "client_id", "client_secret", "redirect_uri", "scope", "state", "nonce", "code"))
_OURS |= {"code_challenge", "code_challenge_method", "response_mode", "prompt", "max_age", "acr_values"}
_OURS |= {"request", "request_uri"}
"""What `parameters` cannot replace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider of identities, and how this gate is registered there. Raises ConfigurationError."""

    name: str
    """A part of the addresses: /auth/oidc/{name}/start. Lower-case letters, digits and hyphens."""
    issuer: str = ""
    """The `issuer` of its discovery document, character by character."""
    client_id: str
    client_secret: str | Secret | None = field(default=None, repr=False)
    """None for a public client, which has PKCE alone, and where there is a `client_key`."""
    client_key: str | Secret | None = field(default=None, repr=False)
    """A private key (PEM; RSA, or EC on P-256) in the place of a secret: `private_key_jwt`. Its public half is with the
    provider."""
    client_key_id: str | None = None
    """Under which `kid` the provider knows it, if under one."""
    client_key_audience: KeyAudience = "issuer"
    """For whom the gate says so; `token_endpoint` for providers that take nothing else, such as Okta."""
    scopes: Sequence[str] = ()
    """None named: openid, email and profile; at GitHub read:user and user:email."""
    adapter: Adapter = "oidc"
    """`github`: OAuth 2.0 without an ID token."""
    client_authentication: ClientAuthentication = "auto"
    """How the token endpoint is told the secret; `auto` is what the discovery document offers, or where there is a
    key `private_key_jwt`."""
    algorithms: Sequence[str] = ASYMMETRIC
    """Signatures of ID tokens that are accepted. HS256 only alone, with a client secret of at least 32 bytes."""
    prompt: str | None = None
    """`select_account`, `login` or `consent` (OpenID Connect Core §3.1.2.1)."""
    max_age: int | None = None
    """Seconds since the person last signed in at the provider. More is refused."""
    acr_values: Sequence[str] = ()
    """What the sign-in must reach. An ID token with another `acr` is refused."""
    tenants: Sequence[str] = ()
    """Microsoft, for the issuers of several tenants (…/common/v2.0): the ids of those that are accepted, or `*`."""
    response_mode: ResponseMode = "query"
    """`form_post` for Apple, which answers requests for a name or an address by a form alone. Needs https."""
    logout_ends: LogoutEnds = "session"
    """What its back-channel logout ends here: what began in its own session, or all of the person's. Keycloak tells one
    session where an administrator ends them all."""
    redirect_uri: str | None = None
    """Where the provider sends the browser back to. None: /auth/oidc/{name}/callback at the public URL."""
    clock_skew: int = MINUTE
    """By how many seconds the provider's clock may differ."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """More for the authorization request, such as {"hd": "example.com"} at Google."""
    context: ssl.SSLContext | None = field(default=None, repr=False)
    """For a private certificate authority."""

    def __post_init__(self) -> None:
        drop_empty_texts(self)
        for name in ("scopes", "algorithms", "acr_values", "tenants"):
            if isinstance(getattr(self, name), str):
                raise ConfigurationError(f"`{name}` must be a list of texts, not one text.")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if isinstance(self.client_secret, str):
            object.__setattr__(self, "client_secret", Secret(self.client_secret) if self.client_secret else None)
        if isinstance(self.client_key, str):
            object.__setattr__(self, "client_key", Secret(self.client_key) if self.client_key else None)
        if self.client_key is not None and self.client_authentication == "auto":
            object.__setattr__(self, "client_authentication", "private_key_jwt")
        if self.adapter == "github" and not self.issuer:
            object.__setattr__(self, "issuer", GITHUB)
        if not self.scopes:
            scopes = ("read:user", "user:email") if self.adapter == "github" else ("openid", "email", "profile")
            object.__setattr__(self, "scopes", scopes)
        faults = [f"Provider {self.name}: {text}" for text in self._faults()]
        if faults:
            raise ConfigurationError("\n".join(faults))

    @property
    def key(self) -> Secret | None:
        """The client key, opaque."""
        return Secret(self.client_key) if isinstance(self.client_key, str) else self.client_key

    @property
    def secret(self) -> Secret | None:
        """The client secret, opaque."""
        return Secret(self.client_secret) if isinstance(self.client_secret, str) else self.client_secret

    def _faults(self) -> list[str]:
        rules = (
            (_NAME.fullmatch(self.name) and len(self.name) <= 32, "`name` is lower-case letters, digits and hyphens."),
            (self.client_id, "`client_id` is not set."),
            (self.adapter in get_args(Adapter), "`adapter` must be oidc or github."),
            (all(_SCOPE.fullmatch(scope) for scope in self.scopes), "`scopes` are words without spaces."),
            ("openid" in self.scopes or self.adapter != "oidc", "`scopes` must have openid."),
            (self.response_mode in get_args(ResponseMode), "`response_mode` must be query or form_post."),
            (self.logout_ends in get_args(LogoutEnds), "`logout_ends` must be session or subject."),
            (
                self.client_key_audience in get_args(KeyAudience),
                "`client_key_audience` must be issuer or token_endpoint.",
            ),
            (self.max_age is None or self.max_age >= 0, "`max_age` must be at least 0 seconds."),
            (0 <= self.clock_skew <= 5 * MINUTE, "`clock_skew` must be 0 to 300 seconds."),
            (_OURS.isdisjoint(self.parameters), f"`parameters` must not have {', '.join(sorted(_OURS))}."),
            ("none" not in (self.prompt or "").split() or self.prompt == "none", "`prompt` none stands alone."),
        )
        faults = [text for holds, text in rules if not holds]
        return faults + self._address_faults() + self._key_faults() + self._credential_faults()

    def _key_faults(self) -> list[str]:
        if self.key is None:
            needs = self.client_authentication == "private_key_jwt"
            return ["`client_authentication` private_key_jwt needs a `client_key`."] if needs else []
        if self.client_authentication != "private_key_jwt" or self.adapter != "oidc":
            return ["`client_key` is for `client_authentication` private_key_jwt at an OpenID provider."]
        if read_client_key(self.key) is None:
            return ["`client_key` must be a private key in PEM without a password: RSA from 2048 bits, or EC on P-256."]
        return []

    def _address_faults(self) -> list[str]:
        if not self.issuer:
            return ["`issuer` is not set: the https address that its discovery document names."]
        faults = []
        for name, url in (("issuer", self.issuer), ("redirect_uri", self.redirect_uri)):
            try:
                if url is not None:
                    RemoteUrl(url, purpose=f"`{name}`")
            except ConfigurationError as fault:
                faults.append(str(fault))
        if urlsplit(self.issuer).query or self.issuer.endswith("/.well-known/openid-configuration"):
            faults.append("`issuer` is the address before /.well-known/openid-configuration, without a query.")
        return faults

    def _credential_faults(self) -> list[str]:
        kinds = (*get_args(ClientAuthentication),)
        if self.client_authentication not in kinds:
            return [f"`client_authentication` must be one of {', '.join(kinds)}."]
        unknown = set(self.algorithms) - {*ASYMMETRIC, *SYMMETRIC}
        if unknown or not self.algorithms:
            return [f"`algorithms` must be some of {', '.join((*ASYMMETRIC, *SYMMETRIC))}."]
        if set(self.algorithms).isdisjoint(SYMMETRIC):
            return []
        if not set(self.algorithms).isdisjoint(ASYMMETRIC):  # a public key would be taken for the shared secret
            return ["`algorithms` with a shared secret (HS256, …) must stand alone."]
        if self.secret is None or len(self.secret.reveal().encode()) < MIN_SHARED_SECRET:
            return [f"`algorithms` HS256, … need a `client_secret` of at least {MIN_SHARED_SECRET} bytes."]
        return []
