"""One provider, asked and believed: where the browser is sent, and what the answer that it brings back is worth.

    authorization_url(errand)     metadata → the address of the provider, with PKCE (RFC 7636), state and nonce
    assertion(errand, answer)     iss (RFC 9207) → error or code → token endpoint → ID token → UserInfo, if need be

Every answer is refused before the code in it is used, if it can be: a code that was meant for another provider must
not reach this one (RFC 9700 §4.4).
"""

import asyncio
import contextlib
import hashlib
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote_plus, urlencode

from gatepass.core import base64url
from gatepass.core.secret import Secret
from gatepass.errors import Forbidden, Problem, ProviderFailed, ProviderTimeout, ProviderUnavailable
from gatepass.oidc import id_token
from gatepass.oidc.cached import Cached
from gatepass.oidc.client_assertion import TYPE, client_assertion
from gatepass.oidc.errand import Errand
from gatepass.oidc.fetch import Fetcher, Members, members
from gatepass.oidc.key_set import KeySet, read_key_set, shared_secret
from gatepass.oidc.metadata import TENANT, Metadata, discovery_url, read_metadata
from gatepass.oidc.options import SYMMETRIC, Provider
from gatepass.oidc.partner import NO_WISH, Answer, Assertion, Signed, UnpublishedKey, Wish, expired
from gatepass.oidc.return_to import with_query
from gatepass.outgoing import Incoming, Outgoing, RemoteUrl
from gatepass.ports import Clock
from gatepass.problem_codes import ProblemCode

ANSWER_TIMEOUT = 10.0
"""Seconds for all that a provider is asked while one request waits."""
_INTERACTION = ("login_required", "interaction_required", "consent_required", "account_selection_required")
_TEMPORARY = ("temporarily_unavailable", "server_error")
_CODE = re.compile(r"[a-z_]{1,40}", re.ASCII)
_REFUSED_CODES = ("invalid_grant", "bad_verification_code")


class RelyingParty:
    """The client of an OpenID provider."""

    def __init__(self, provider: Provider, *, clock: Clock) -> None:
        self.provider = provider
        self._clock = clock
        self._fetcher = Fetcher(provider.name)
        self._discovery = discovery_url(provider)
        self._metadata = Cached(self._read_metadata, clock=clock)
        self._keys = Cached(self._read_keys, clock=clock)

    async def metadata(self) -> Metadata:
        """What the provider says of itself. Raises ProviderFailed."""
        return await self._metadata.get()

    async def check(self) -> None:
        """Return if the provider answers, under this issuer, with a key that can be used. Raises ProviderFailed."""
        async with within_time(self.provider):
            keys = await self._keys.get()
        if not keys.keys:
            raise ProviderFailed("it publishes no key that can be used")

    async def authorization_url(self, errand: Errand, wish: Wish = NO_WISH) -> str:
        """OpenID Connect Core §3.1.2.1. Raises ProviderFailed."""
        async with within_time(self.provider):
            metadata = await self._metadata.get()
        return with_query(metadata.authorization_endpoint, authorization_parameters(self.provider, errand, wish))

    async def assertion(self, errand: Errand, answer: Answer) -> Assertion:
        """OpenID Connect Core §3.1.3. Raises Problem: ProviderFailed, Forbidden or BadRequest (`sign-in-expired`)."""
        async with within_time(self.provider):
            metadata = await self._metadata.get()
            self._check_issuer(answer, metadata)
            tokens = await redeem(
                answer, errand, provider=self.provider, fetcher=self._fetcher, endpoint=metadata.token_endpoint,
                methods=metadata.token_auth_methods, assertion=self._client_assertion(metadata),
            )  # fmt: skip
            if tokens.id_token is None:
                raise ProviderFailed("the token endpoint answers no id_token")
            signed = await self.verify(tokens.id_token)
            claims, now = signed.claims, self._clock.now()
            id_token.check_kind(signed)
            id_token.check_times(claims, self.provider, now=now)
            id_token.check_sign_in(signed, self.provider, nonce=errand.nonce, access_token=tokens.access_token, now=now)
            id_token.check_age(claims, self.provider, oldest=errand.oldest)
            return id_token.read_assertion(claims, self.provider, profile=await self._profile(claims, tokens, metadata))

    async def verify(self, token: Secret) -> Signed:
        """A token that this provider signed for this client: an ID token, a logout token. The caller checks the rest.

        Raises ProviderFailed.
        """
        metadata = await self._metadata.get()
        keys = await self._keys.get()
        try:
            signed = keys.verify(token, algorithms=self.provider.algorithms)
        except UnpublishedKey:
            renewed = await self._keys.renewed()
            if renewed is None:
                raise
            signed = renewed.verify(token, algorithms=self.provider.algorithms)
        id_token.check_parties(signed.claims, self.provider, issuer=metadata.issuer)
        return signed

    def _client_assertion(self, metadata: Metadata) -> Secret | None:
        provider = self.provider
        if provider.key is None:
            return None
        of_issuer = provider.client_key_audience == "issuer"
        return client_assertion(
            provider.key,
            key_id=provider.client_key_id,
            client_id=provider.client_id,
            audience=metadata.issuer if of_issuer else str(metadata.token_endpoint),
            now=self._clock.now(),
        )

    def _check_issuer(self, answer: Answer, metadata: Metadata) -> None:
        """Compare the `iss` of the answer with the issuer (RFC 9207 §2.4). Raises ProviderFailed."""
        if answer.issuer is None and not metadata.names_issuer:
            return
        before, several, after = metadata.issuer.partition(TENANT)
        of_a_tenant = several and re.fullmatch(f"{re.escape(before)}[0-9a-f-]+{re.escape(after)}", answer.issuer or "")
        if answer.issuer != metadata.issuer and not of_a_tenant:
            raise ProviderFailed("the answer is of another issuer, or of none")

    async def _profile(self, claims: Members, tokens: "Tokens", metadata: Metadata) -> Members:
        """Where the address is: in the token, or at UserInfo, which must speak of the same subject (Core §5.3.2)."""
        if "email" in claims or "email" not in self.provider.scopes or metadata.userinfo_endpoint is None:
            return claims
        bearer = Secret(f"Bearer {tokens.access_token.reveal()}")
        profile = await self._fetcher.get(metadata.userinfo_endpoint, {"Authorization": bearer})
        if profile.get("sub") != claims.get("sub"):
            raise ProviderFailed("UserInfo speaks of another subject than the token")
        return profile

    async def _read_metadata(self) -> Metadata:
        return read_metadata(await self._fetcher.document(self._discovery), self.provider)

    async def _read_keys(self) -> KeySet:
        secret = self.provider.secret
        if secret is not None and self.provider.algorithms[0] in SYMMETRIC:
            return shared_secret(secret)
        metadata = await self._metadata.get()
        return read_key_set(await self._fetcher.document(metadata.jwks_uri))


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint answers, as far as it is used."""

    access_token: Secret
    id_token: Secret | None


def authorization_parameters(provider: Provider, errand: Errand, wish: Wish) -> dict[str, str]:
    """The parameters of an authorization request, those of OpenID Connect alone where that is spoken."""
    ages = [age for age in (provider.max_age, errand.max_age) if age is not None]
    digest = hashlib.sha256(errand.verifier.reveal().encode()).digest()
    parameters = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": errand.redirect_uri,
        "scope": " ".join(provider.scopes),
        "state": errand.state.reveal(),
        "code_challenge": base64url.encode(digest),
        "code_challenge_method": "S256",
        **provider.parameters,
    }
    if provider.adapter != "oidc":
        chosen = "select_account" if wish.prompt == "select_account" else None  # the only one that GitHub knows
        wanted = {"prompt": chosen, "login": wish.login_hint}
        return parameters | {name: value for name, value in wanted.items() if value is not None}
    wanted = {
        "nonce": errand.nonce.reveal(),
        "prompt": wish.prompt or provider.prompt,
        "login_hint": wish.login_hint,
        "max_age": str(min(ages)) if ages else None,
        "acr_values": " ".join(provider.acr_values) or None,
        "response_mode": None if provider.response_mode == "query" else provider.response_mode,
    }
    return parameters | {name: value for name, value in wanted.items() if value is not None}


async def redeem(
    answer: Answer,
    errand: Errand,
    *,
    provider: Provider,
    fetcher: Fetcher,
    endpoint: RemoteUrl,
    methods: object = (),
    assertion: Secret | None = None,
) -> Tokens:
    """The tokens for a code (RFC 6749 §4.1.3), or the problem that the answer is. `assertion` replaces a secret."""
    if answer.error is not None:
        raise _refusal(answer.error)
    if answer.code is None:
        raise ProviderFailed("the answer has neither a code nor an error")
    form: dict[str, str | Secret] = {
        "grant_type": "authorization_code",
        "code": answer.code,
        "redirect_uri": errand.redirect_uri,
        "code_verifier": errand.verifier,
    }
    headers: dict[str, str | Secret] = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    if assertion is None:
        headers |= _client_credentials(provider, form, offered=methods)
    else:
        form |= {"client_id": provider.client_id, "client_assertion_type": TYPE, "client_assertion": assertion}
    return _tokens(await fetcher.send(Outgoing(endpoint, "POST", headers, _encoded(form))), endpoint)


def _client_credentials(provider: Provider, form: dict[str, str | Secret], *, offered: object) -> dict[str, Secret]:
    """How the token endpoint is told who asks (RFC 6749 §2.3.1): by a header, or by members that `form` is given."""
    names = offered if isinstance(offered, frozenset) else frozenset()
    method: str = provider.client_authentication
    if method == "auto":
        method = "client_secret_post" if "client_secret_post" in names else "client_secret_basic"
        method = "client_secret_basic" if "client_secret_basic" in names else method
    if provider.secret is None or method == "none":
        form["client_id"] = provider.client_id
        return {}
    if method == "client_secret_post":
        form |= {"client_id": provider.client_id, "client_secret": provider.secret}
        return {}
    # Form-encoded each, before they are joined: a secret may have a colon, or a character that is no ASCII.
    pair = Secret(f"{quote_plus(provider.client_id)}:{quote_plus(provider.secret.reveal())}")
    return {"Authorization": Secret("Basic " + b64encode(pair.reveal().encode()).decode())}


def _encoded(form: dict[str, str | Secret]) -> Secret:
    return Secret(urlencode({name: v.reveal() if isinstance(v, Secret) else v for name, v in form.items()}))


def _tokens(response: Incoming, endpoint: RemoteUrl) -> Tokens:
    """The tokens in a response. GitHub answers errors with 200."""
    found = members(response, endpoint)
    error = found.get("error")
    if error in _REFUSED_CODES:
        raise expired()
    if error is not None or response.status != 200:
        raise ProviderFailed(f"the token endpoint answers {response.status} {_word(error)}")
    access_token, identity = found.get("access_token"), found.get("id_token")
    if not isinstance(access_token, str) or str(found.get("token_type", "")).lower() != "bearer":
        raise ProviderFailed("the token endpoint answers no bearer token")
    return Tokens(Secret(access_token), Secret(identity) if isinstance(identity, str) else None)


def _refusal(error: str) -> Problem:
    """The problem that an error response is (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6)."""
    if error == "access_denied":
        return Forbidden(ProblemCode.ACCESS_DENIED, "The sign-in was refused at the provider.")
    if error in _INTERACTION:
        return Forbidden(ProblemCode.INTERACTION_REQUIRED, "The provider must ask the person something first.")
    if error in _TEMPORARY:
        return ProviderUnavailable(f"the provider answers {_word(error)}")
    return ProviderFailed(f"the provider answers {_word(error)}")


def _word(error: object) -> str:
    """An error code of a provider, if it is one: it goes into a log."""
    return error if isinstance(error, str) and _CODE.fullmatch(error) else "and no error code"


@contextlib.asynccontextmanager
async def within_time(provider: Provider) -> AsyncIterator[None]:
    """Bound all that a provider is asked for one request. Raises ProviderTimeout."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            yield
    except TimeoutError:
        raise ProviderTimeout(f"{provider.name} takes too long in all") from None
