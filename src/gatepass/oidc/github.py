"""Sign-in at GitHub, which speaks OAuth 2.0 and has no ID token.

    gate.oidc("github", adapter="github", client_id=…, client_secret=…)

What an ID token says is asked of its API, with the access token that the code brought: the number of the user, which
never changes and is never given to another (a login name is), and the primary address if GitHub has verified it. There
is no nonce; PKCE binds the code to the browser that began. `issuer` of a GitHub Enterprise Server is its address.
"""

import asyncio

from gatepass.core.secret import Secret
from gatepass.core.strict_json import Json
from gatepass.errors import ProviderFailed
from gatepass.oidc.errand import Errand
from gatepass.oidc.fetch import Fetcher, Members
from gatepass.oidc.id_token import identity_of
from gatepass.oidc.options import GITHUB, Provider
from gatepass.oidc.partner import FEDERATED, NO_WISH, Answer, Assertion, Wish
from gatepass.oidc.relying_party import authorization_parameters, redeem, within_time
from gatepass.oidc.return_to import with_query
from gatepass.outgoing import RemoteUrl
from gatepass.ports import Clock


class GitHub:
    """The client of GitHub."""

    def __init__(self, provider: Provider, *, clock: Clock) -> None:
        self.provider = provider
        self._clock = clock
        self._fetcher = Fetcher(provider.name)
        at = provider.issuer.removesuffix("/")
        api = "https://api.github.com" if at == GITHUB else f"{at}/api/v3"
        self._authorize = f"{at}/login/oauth/authorize"
        self._token, self._user, self._emails = (
            RemoteUrl(url, purpose="`issuer`", context=provider.context)
            for url in (f"{at}/login/oauth/access_token", f"{api}/user", f"{api}/user/emails")
        )

    async def check(self) -> None:
        """Return: GitHub has no discovery document, and its API answers nothing without a token."""

    async def authorization_url(self, errand: Errand, wish: Wish = NO_WISH) -> str:
        """The address at GitHub."""
        return with_query(self._authorize, authorization_parameters(self.provider, errand, wish))

    async def assertion(self, errand: Errand, answer: Answer) -> Assertion:
        """Who signed in at GitHub. Raises Problem as a RelyingParty does."""
        async with within_time(self.provider):
            if answer.issuer not in (None, self.provider.issuer, f"{self.provider.issuer}/login/oauth"):
                raise ProviderFailed("the answer is of another issuer")
            tokens = await redeem(
                answer, errand, provider=self.provider, fetcher=self._fetcher, endpoint=self._token,
                methods=frozenset({"client_secret_post"}),
            )  # fmt: skip
            headers: dict[str, str | Secret] = {
                "Authorization": Secret(f"Bearer {tokens.access_token.reveal()}"),
                "Accept": "application/vnd.github+json",
                "User-Agent": "gatepass",  # the API answers none without
            }
            user, emails = await asyncio.gather(
                self._fetcher.get(self._user, headers), self._fetcher.get_list(self._emails, headers)
            )
        number = user.get("id")
        return Assertion(
            identity=identity_of(
                self.provider,
                issuer=self.provider.issuer,
                subject=str(number) if type(number) is int else None,
                profile=_profile(user, emails),
            ),
            methods=(FEDERATED,),
            acr=None,
            auth_time=None,
            sid=None,
            issued_at=self._clock.now(),
        )


def _profile(user: Members, emails: list[Json]) -> Members:
    """The claims that an ID token would have: the primary address, and whether GitHub has verified it."""
    primary = next((each for each in emails if isinstance(each, dict) and each.get("primary") is True), {})
    name = user.get("name") or user.get("login")
    return {"name": name, "email": primary.get("email"), "email_verified": primary.get("verified")}
