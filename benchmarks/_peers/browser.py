"""How the load generator signs in to a peer and refreshes there: one class for each way of carrying tokens."""

import copy
import json
import secrets
from collections.abc import Sequence
from typing import Self

from benchmarks._browsers import Browser

EMAIL = "bench@example.com"
PASSWORD = "walnut lantern by the river"
"""One that no list of common ones has."""
JSON = "Content-Type: application/json"
Request = tuple[str, str, list[str], bytes]


class PeerBrowser(Browser):
    """A session at a peer: `token` is what it presents, `access` what it calls with."""

    rotates = True
    """Whether each refresh must bring another token."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.token = self.access = ""

    def login(self) -> Request:
        """The request that signs in."""
        return "POST", "/login", [JSON], json.dumps({"email": EMAIL, "password": PASSWORD}).encode()

    def exchange(self) -> Request:
        """The request that presents the token."""
        raise NotImplementedError

    def me(self) -> Request:
        """A request with the access token."""
        return "GET", "/me", [f"Authorization: Bearer {self.access}"], b""

    def keep(self, content: bytes) -> None:
        """Take the tokens of an answer."""
        raise NotImplementedError

    async def enter(self) -> None:
        """Sign in."""
        await self.hand(self.login())

    async def hand(self, request: Request) -> None:
        """A request that must succeed and brings tokens."""
        status, content = await self.ask(*request)
        if status not in (200, 201):
            raise SystemExit(f"{request[1]} answered {status}: {content[:300]!r}")
        self.keep(content)

    async def present(self) -> tuple[int, bytes]:
        status, content = await self.ask(*self.exchange())
        if status == 200:
            self.keep(content)
        return status, content

    async def refresh(self) -> None:
        before = self.token
        status, content = await self.present()
        if status != 200 or (self.rotates and self.token == before):
            raise SystemExit(f"a refresh answered {status}: {content[:300]!r}")

    async def is_let_in(self) -> bool:
        """Whether the access token is still good for a call."""
        return (await self.ask(*self.me()))[0] == 200

    def stolen(self) -> Self:
        """What a thief of the token has: `copied`, but for what a browser does not send."""
        return self.copied()

    def copied(self) -> Self:
        """Another browser with the same tokens, without a connection."""
        other = copy.copy(self)
        other.cookies = dict(self.cookies)
        return other


class Gatepass(PeerBrowser):
    """Cookies, and the proof that binds them to a browser. Its key is sent once, at the sign-in."""

    present = Browser.present
    refresh = Browser.refresh

    async def enter(self) -> None:
        await self.sign_in("/auth/login", EMAIL)

    async def post(self, path: str, headers: list[str], body: bytes) -> tuple[int, bytes]:
        status, content = await super().post(path, headers, body)
        if status in (200, 201):
            self.token, self.access = self.cookies[f"gatepass_{self.port}"], content.decode()
        return status, content

    def stolen(self) -> Self:
        thief = self.copied()
        thief.key = secrets.token_bytes(32)
        return thief

    def me(self) -> Request:
        return "GET", "/auth/me", [f"Authorization: Bearer {json.loads(self.access)['access_token']}"], b""


class Cookie(PeerBrowser):
    """The refresh token in a cookie of that name, the access token in the answer."""

    def exchange(self) -> Request:
        return "POST", "/refresh", [f"Cookie: refresh={self.token}"], b""

    def keep(self, content: bytes) -> None:
        self.token, self.access = self.cookies["refresh"], json.loads(content)["access"]


class Body(PeerBrowser):
    """Both tokens in the answer, the refresh token in the body of a request."""

    def login(self) -> Request:
        return "POST", "/login", [JSON], json.dumps({"username": EMAIL, "password": PASSWORD}).encode()

    def exchange(self) -> Request:
        return "POST", "/refresh", [JSON], json.dumps({"refresh": self.token}).encode()

    def keep(self, content: bytes) -> None:
        answer = json.loads(content)
        self.token, self.access = answer["refresh"], answer["access"]


class Header(Body):
    """Both tokens in the answer, the refresh token in the Authorization header."""

    login = PeerBrowser.login

    def exchange(self) -> Request:
        return "POST", "/refresh", [f"Authorization: Bearer {self.token}"], b""


class OneToken(PeerBrowser):
    """One token for everything, which a form brings."""

    def login(self) -> Request:
        form = f"username={EMAIL}&password={PASSWORD}".replace("@", "%40").replace(" ", "+")
        return "POST", "/login", ["Content-Type: application/x-www-form-urlencoded"], form.encode()

    def exchange(self) -> Request:
        return "POST", "/refresh", [f"Authorization: Bearer {self.token}"], b""

    def keep(self, content: bytes) -> None:
        self.token = self.access = json.loads(content)["access_token"]


class Epok(PeerBrowser):
    """Two cookies, of which one is repeated in a header, and an allowed origin."""

    def login(self) -> Request:
        _, _, headers, body = super().login()
        return "POST", "/auth/login", [*headers, self._origin], body

    def exchange(self) -> Request:
        jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        csrf = self.cookies["epok_csrf"]
        return "POST", "/auth/refresh", [f"Cookie: {jar}", f"X-CSRF-Token: {csrf}", self._origin], b""

    def me(self) -> Request:
        return "GET", "/auth/me", super().me()[2], b""

    def keep(self, content: bytes) -> None:
        self.token, self.access = self.cookies["epok_refresh"], json.loads(content)["access_token"]

    @property
    def _origin(self) -> str:
        return f"Origin: http://localhost:{self.port}"


class BetterAuth(PeerBrowser):
    """One cookie for everything; a request with it extends the session."""

    rotates = False
    paths: Sequence[str] = ("/api/auth/sign-in/email", "/api/auth/get-session")

    def login(self) -> Request:
        method, _, headers, body = super().login()
        return method, self.paths[0], [*headers, f"Origin: http://localhost:{self.port}"], body

    async def enter(self) -> None:
        status, _ = await self.ask(*self.login())
        if status != 200:  # the first one registers
            body = json.dumps({"name": "Bench", "email": EMAIL, "password": PASSWORD}).encode()
            await self.hand(("POST", "/api/auth/sign-up/email", self.login()[2], body))
        self.keep(b"")

    def exchange(self) -> Request:
        return "GET", self.paths[1], [f"Cookie: better-auth.session_token={self.token}"], b""

    def keep(self, content: bytes) -> None:
        if content == b"null":
            raise SystemExit("the session is not known")
        self.token = self.cookies["better-auth.session_token"]

    me = exchange
