"""The smallest client that keeps PROTOCOL §5: a cookie jar, a binding key, and what it sends with a refresh."""

import base64
import hmac
import json
from collections.abc import Iterable
from typing import Any

from gatepass.wire.asgi import ASGIApp
from tests.support.asgi import CLIENT, Answer, call

ORIGIN = "https://gate.example"
EMAIL = "ann@example.com"
PASSWORD = "seven green bottles on a wall"
RT, STATE = "__Host-Http-gatepass", "__Host-gatepass_state"


def secret_of(key: bytes) -> str:
    """The member `binding_secret` (PROTOCOL §5)."""
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def proof_of(key: bytes, sid: str, generation: int | str, challenge: str) -> str:
    """The header Gatepass-Proof (PROTOCOL §5)."""
    digest = hmac.digest(key, f"gatepass refresh|{sid}|{generation}|{challenge}".encode(), "sha256")
    return f"{generation}.{challenge}.{base64.urlsafe_b64encode(digest).decode()[:22]}"


def identity(answer: Answer) -> bytes:
    """What makes the issued refresh token the one that it is: all but key id, seal, times and MAC (PROTOCOL §2)."""
    raw = base64.urlsafe_b64decode(answer.cookie(RT).value.removeprefix("gp_rt_") + "==")
    return raw[2:71]


class Browser:
    """One profile at one gate. `jar` maps names to values; copy it and put it back to roll it back."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        mount: str = "",
        origin: str = ORIGIN,
        key: bytes | None = b"k" * 32,
        names: tuple[str, str] = (RT, STATE),
        address: str = CLIENT[0],
    ) -> None:
        """With `key` None it keeps no key: its sessions are unbound."""
        self.app = app
        self.mount = mount
        self.origin = origin
        self.key = key
        self.rt_name, self.state_name = names
        self.address = address
        self.jar: dict[str, str] = {}
        self.access_token = ""

    def clone(self, *, key: bytes | None = None) -> "Browser":
        """A second holder of the same jar: a thief has no key, or another."""
        names = (self.rt_name, self.state_name)
        other = Browser(self.app, mount=self.mount, origin=self.origin, key=key, names=names)
        other.jar = dict(self.jar)
        other.access_token = self.access_token
        return other

    @property
    def rt(self) -> str:
        return self.jar[self.rt_name]

    @property
    def sid(self) -> str:
        return self.jar[self.state_name].split(".")[0]

    @property
    def generation(self) -> int:
        return int(self.jar[self.state_name].split(".")[1])

    @property
    def challenge(self) -> str:
        return self.jar[self.state_name].split(".")[2]

    @property
    def bearer(self) -> tuple[str, str]:
        return ("authorization", f"Bearer {self.access_token}")

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        headers: Iterable[tuple[str, str]] = (),
        lose: bool = False,
    ) -> Answer:
        """A same-origin fetch. `lose` throws the answer away after the server has given it."""
        raw = b"" if body is None else json.dumps(body).encode()
        typed = [("content-type", "application/json")] if raw else []
        return await self.send_raw(method, path, raw=raw, headers=[*typed, *headers], lose=lose)

    async def send_raw(
        self, method: str, path: str, *, raw: bytes, headers: Iterable[tuple[str, str]] = (), lose: bool = False
    ) -> Answer:
        """As `send`, with a body that is bytes, and its media type among the headers."""
        sent = [("origin", self.origin), ("sec-fetch-site", "same-origin"), ("user-agent", "Firefox/140.0 Linux")]
        if self.jar:
            sent.append(("cookie", "; ".join(f"{name}={value}" for name, value in self.jar.items())))
        address = (self.address, CLIENT[1])
        answer = await call(self.app, method, self.mount + path, headers=[*sent, *headers], body=raw, client=address)
        if not lose:
            self.absorb(answer)
        return answer

    async def navigate(self, path: str, *, query: bytes = b"") -> Answer:
        """Follow a link of another site, such as a mail: no Origin, and of the cookies what came with it."""
        sent = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("user-agent", "Firefox/140.0 Linux")]
        if self.jar:
            sent.append(("cookie", "; ".join(f"{name}={value}" for name, value in self.jar.items())))
        address = (self.address, CLIENT[1])
        answer = await call(self.app, "GET", self.mount + path, headers=sent, query=query, client=address)
        self.absorb(answer)
        return answer

    def absorb(self, answer: Answer) -> None:
        """Take an answer's cookies and access token in."""
        for cookie in answer.cookies:
            if cookie.is_deletion:
                self.jar.pop(cookie.name, None)
            else:
                self.jar[cookie.name] = cookie.value
        if answer.status in (200, 201) and answer.body.startswith(b'{"access_token"'):
            self.access_token = answer.json()["access_token"]

    async def register(self, email: str = EMAIL, password: str = PASSWORD, **more: Any) -> Answer:
        return await self.enter("/register", email=email, password=password, **more)

    async def login(self, email: str = EMAIL, password: str = PASSWORD, **more: Any) -> Answer:
        return await self.enter("/login", email=email, password=password, **more)

    async def enter(self, path: str, **body: Any) -> Answer:
        """Ask for a session at one of the endpoints that begin one, with the key to bind it to."""
        secret = {} if self.key is None else {"binding_secret": secret_of(self.key)}
        headers = [("gatepass-client", "1"), *([self.bearer] if self.access_token else ())]
        return await self.send("POST", path, body={**secret, **body}, headers=headers)

    async def ask(self, path: str, **body: Any) -> Answer:
        """POST to an endpoint that begins no session."""
        headers = [("gatepass-client", "1"), *([self.bearer] if self.access_token else ())]
        return await self.send("POST", path, body=body, headers=headers)

    def refresh_headers(self) -> list[tuple[str, str]]:
        """What goes with the refresh token that sits in the jar now."""
        if self.key is None:
            return [("gatepass-client", "1"), ("gatepass-session", self.sid)]
        proof = proof_of(self.key, self.sid, self.generation, self.challenge)
        return [("gatepass-proof", proof), ("gatepass-session", self.sid)]

    async def refresh(self, *, lose: bool = False, binds: bool = False) -> Answer:
        """`binds` offers the key too, as for a session that a server began."""
        body = {"binding_secret": secret_of(self.key or b"")} if binds else None
        return await self.send("POST", "/refresh", body=body, headers=self.refresh_headers(), lose=lose)

    async def refreshed(self) -> Answer:
        """Refresh as a client does: a 409 that brings cookies is followed up at once."""
        answer = await self.refresh()
        while answer.status == 409 and answer.cookies:
            answer = await self.refresh()
        return answer

    async def logout(self, *, headers: Iterable[tuple[str, str]] = ()) -> Answer:
        return await self.send("POST", "/logout", headers=[("gatepass-client", "1"), *headers])

    async def get(self, path: str) -> Answer:
        return await self.send("GET", path, headers=[self.bearer])
