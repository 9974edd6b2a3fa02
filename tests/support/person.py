"""A person with a browser between a page and a provider: navigations, and which cookies go with them."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.asgi import CLIENT, Answer, call
from tests.support.browser import Browser, secret_of
from tests.support.provider import Provider, callback

ERRAND = "__Host-Http-gatepass-oidc_"


class Person(Browser):
    """A browser that signs in at a provider."""

    async def start(self, name: str = "acme", **body: Any) -> Answer:
        """What the page does: say where to go, with the key of the session to come."""
        secret = {} if self.key is None or body.get("link") else {"binding_secret": secret_of(self.key)}
        bearer = [self.bearer] if body.get("link") else []
        path = f"/oidc/{name}/start"
        return await self.send("POST", path, body={**secret, **body}, headers=[("gatepass-client", "1"), *bearer])

    async def open(self, target: str, *, site: str = "same-origin", form: bytes | None = None) -> Answer:
        """Let the browser go there. From another site it takes the Lax cookies along, and no Strict one."""
        path, _, query = target.partition("?")
        jar = self.jar if site != "cross-site" else {k: v for k, v in self.jar.items() if k.startswith(ERRAND)}
        headers = [("sec-fetch-site", site), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]
        if jar:
            headers.append(("cookie", "; ".join(f"{name}={value}" for name, value in jar.items())))
        if form is not None:
            headers.append(("content-type", "application/x-www-form-urlencoded"))
        answer = await call(
            self.app,
            "GET" if form is None else "POST",
            self.mount + path,
            query=query.encode(),
            headers=headers,
            body=form or b"",
            client=(self.address, CLIENT[1]),
        )
        self.absorb(answer)
        return answer

    async def sign_in_at(self, provider: Provider, name: str = "acme", **body: Any) -> Answer:
        """The whole way: to the provider and back. The answer to the callback."""
        location = (await self.start(name, **body)).json()["location"]
        return await self.open(callback(name, provider.answer(location)), site="cross-site")

    @property
    def errands(self) -> list[str]:
        """The cookies of sign-ins that are under way."""
        return [name for name in self.jar if name.startswith(ERRAND)]


def error_of(answer: Answer) -> str:
    """The code that the page is told."""
    assert answer.status == 303, answer.body
    return dict(parse_qsl(urlsplit(answer.one("location")).query, strict_parsing=True))["gatepass_error"]
