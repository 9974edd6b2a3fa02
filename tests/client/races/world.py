"""A server with several accounts, and what must hold of its clients whatever two threads do at the same time.

Every request is answered at once. The access token `ey.SID.NUMBER` says whose it is; only the newest of a session is
valid. A refresh token is valid once, and one that was used ends the session: a client that presents it has not saved
what it was given, or has refreshed twice.
"""

import itertools
import json
import time
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2

from gatepass.client import Client, MemoryStorage
from gatepass.client.errors import ClientError
from gatepass.client.session import clock
from gatepass.client.session.access_token import AccessToken
from gatepass.client.storage.record import Account, SessionRecord
from tests.client.fake_api import CHALLENGE, RT, problem, refused
from tests.support.preempt import Runner

URL = "https://api.example.com"
TAG = "Call"
"""The header by which the attempts of one call are known."""
MODULES = (
    *(f"gatepass.client.session.{name}" for name in ("session", "token_source", "access_token", "persistence")),
    *(f"gatepass.client.session.{name}" for name in ("refresh", "single_flight", "sign_in", "as_owner")),
    "gatepass.client.storage.base",
    "gatepass.client.layers.session",
)
"""Where the state of a session is read and changed; what these call works on values of its own."""
_tags = itertools.count()


@dataclass
class _Row:
    """A session at the server."""

    email: str
    generation: int = 0
    number: int = 0
    is_over: bool = False


@dataclass
class Server(httpx2.BaseTransport):
    """The transport of all clients of a race."""

    rows: dict[str, _Row] = field(default_factory=dict)
    refreshes: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    with_factors: set[str] = field(default_factory=set)
    tickets: dict[str, str] = field(default_factory=dict)
    """The key that the first step of a sign-in offered; the ticket is the address."""
    calls: dict[str, list[str]] = field(default_factory=dict)
    """Of each call, the users that its attempts were sent for."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer."""
        body = json.loads(request.read() or b"{}")
        path = request.url.path
        if path in ("/auth/login/totp", "/auth/account/delete"):
            return self._special(path, body, request)
        if path in ("/auth/login", "/auth/password"):
            return self._begin(request, body.get("email"), body.get("binding_secret"))
        if path == "/auth/refresh":
            return self._refresh(request)
        if path == "/auth/logout":
            self._row_of(request.headers["Gatepass-Session"]).is_over = True
            return httpx2.Response(204)
        if path == "/auth/logout-all":
            self._end_all(request)
            return httpx2.Response(204)
        if request.method == "DELETE" and path.startswith("/auth/sessions/"):
            self.rows[path.rpartition("/")[2]].is_over = True
            return httpx2.Response(204)
        sid, is_valid = self._shown(request)
        if path == "/news":
            return self._news(sid)
        self.calls.setdefault(request.headers[TAG], []).append(self.rows[sid].email if sid else "nobody")
        return httpx2.Response(200) if is_valid else refused()

    def _news(self, sid: str | None) -> httpx2.Response:
        text = f"data: {self.rows[sid].email if sid else 'nobody'}\n\n" * 4
        return httpx2.Response(200, text=text, headers={"Content-Type": "text/event-stream"})

    def _special(self, path: str, body: dict[str, str], request: httpx2.Request) -> httpx2.Response:
        if path == "/auth/account/delete":
            sid, is_valid = self._shown(request)
            if sid is None or not is_valid:
                return refused()
            self._end_all(request)
            self.deleted.append(self.rows[sid].email)
            return httpx2.Response(204)
        if self.tickets[body["ticket"]] != body["binding_secret"]:
            return problem(400, "sign-in-expired")
        return self._begin(request, body["ticket"])

    def _row_of(self, sid: str) -> _Row:
        return self.rows[sid]

    def _shown(self, request: httpx2.Request) -> tuple[str | None, bool]:
        """The session of the access token, and whether it is valid."""
        _, _, text = request.headers.get("Authorization", "").partition("Bearer ")
        if not text:
            return None, False
        _, sid, number = text.split(".")
        row = self._row_of(sid)
        return sid, not row.is_over and int(number) == row.number

    def _end_all(self, request: httpx2.Request) -> None:
        sid, _ = self._shown(request)
        assert sid is not None
        for row in self.rows.values():
            row.is_over |= row.email == self.rows[sid].email

    def _begin(self, request: httpx2.Request, email: str | None, key: str | None = None) -> httpx2.Response:
        if email is None:  # a new password, by the owner
            sid, is_valid = self._shown(request)
            if sid is None or not is_valid:
                return problem(401, "invalid-token")
            email = self.rows[sid].email
            self._end_all(request)
        elif request.url.path == "/auth/login" and email in self.with_factors:
            self.tickets[email] = key or ""
            return problem(401, "second-factor-required", methods=["totp"], ticket=email, expires_in=300)
        for sid, row in self.rows.items():  # the session whose cookie goes along is replaced
            if f"{RT}=gp_rt_{sid}_{row.generation}" in request.headers.get("Cookie", ""):
                row.is_over = True
        sid = f"{len(self.rows) + 1:02x}" * 16
        self.rows[sid] = _Row(email)
        return self.grant(sid)

    def _refresh(self, request: httpx2.Request) -> httpx2.Response:
        sid = request.headers["Gatepass-Session"]
        row = self._row_of(sid)
        if row.is_over:
            return problem(401, "session-ended", sid=sid, reason="signed-out")
        if f"{RT}=gp_rt_{sid}_{row.generation}" not in request.headers["Cookie"]:
            self.reused.append(sid)
            row.is_over = True
            return problem(401, "session-ended", sid=sid, reason="reused")
        self.refreshes.append(sid)
        row.generation += 1
        row.number += 1
        return self.grant(sid)

    def grant(self, sid: str) -> httpx2.Response:
        """The answer to a sign-in or a refresh."""
        row = self.rows[sid]
        members = {
            "access_token": f"ey.{sid}.{row.number}",
            "token_type": "Bearer",
            "expires_in": 900,
            "session_id": sid,
            "refresh_generation": row.generation,
            "refresh_challenge": CHALLENGE,
            "account": {"id": row.email, "email": row.email, "created_at": 1},
        }
        cookie = f"{RT}=gp_rt_{sid}_{row.generation}; Path=/; Secure; HttpOnly; SameSite=Strict"
        return httpx2.Response(200, json=members, headers={"Set-Cookie": cookie})


class World:
    """A server, a storage, and clients of it: `ann` is signed in."""

    def __init__(self, *, signed_in: bool = True) -> None:
        self.server = Server()
        self.storage = MemoryStorage()
        self.clients: list[Client] = []
        self.ended: list[str] = []
        if signed_in:
            self._begin("ann")
        self.client = self.another()
        assert self.client.session.status == ("active" if signed_in else "anonymous")

    def _begin(self, email: str) -> None:
        """Put a session into the storage, as a sign-in does, in less time."""
        sid = "01" * 16
        self.server.rows[sid] = _Row(email)
        record = SessionRecord(sid, 0, CHALLENGE, bytes(32), True, cookie=(RT, f"gp_rt_{sid}_0"))
        account, end = Account(email, email, 1), time.time() + 900
        self.storage.save(replace(record, access_token=f"ey.{sid}.0", expires_at=end, lifetime=900.0, account=account))

    def another(self, **options: Any) -> Client:
        """Another program on the same storage."""
        client = Client(
            URL,
            transport=self.server,
            storage=self.storage,
            retry=None,
            logger=None,
            trust_env=False,
            on_ended=lambda error: self.ended.append(error.reason),
            **options,
        )
        self.clients.append(client)
        return client

    def refuse(self) -> None:
        """From now on the server refuses the access tokens that it has given; the clients do not know it."""
        for row in self.server.rows.values():
            row.number += 1
        for client in self.clients:
            self._age(client, left=600)

    def expire(self, *, left: float = -1) -> None:
        """The access tokens have `left` seconds."""
        for client in self.clients:
            self._age(client, left=left)

    def _age(self, client: Client, *, left: float) -> None:
        state = client.session.state
        record = self.storage.load()
        if client.session.status == "anonymous" or state.current is None:
            return
        end = clock.now() + left
        changed: dict[str, Any] = {"expires_at": end, "refresh_after": end - 60, "grace_until": clock.now() - 1}
        state.current = replace(state.current, **changed)
        assert isinstance(state.current, AccessToken)
        if record.sid is not None:
            self.storage.save(replace(record, expires_at=time.time() + left))
            client.session._saved._version = self.storage.version()

    def call(self, client: Client | None = None) -> int:
        """One call to the API."""
        return (client or self.client).get("/x", headers={TAG: str(next(_tags))}).status_code

    def sign_in(self, email: str) -> None:
        """Sign in, and look at what the caller gets."""
        found = self.client.sign_in(email, "password").email
        assert found == email, f"the sign-in of {email} returned the account of {found}"

    def settle(self) -> None:
        """Wait for what runs in the background."""
        for client in self.clients:
            client._wait()

    def check(self, *runners: Runner, allowed: tuple[type[ClientError], ...] = ()) -> None:
        """What must hold at the end of any race."""
        self.settle()
        for runner in runners:
            if runner.error is not None and not isinstance(runner.error, allowed):
                raise AssertionError(f"raised {type(runner.error).__name__}: {runner.error}") from runner.error
        server = self.server
        mixed = [users for users in server.calls.values() if len(set(users)) > 1]
        assert not mixed, f"one call was sent for several users: {mixed}"
        assert not server.reused, "a used refresh token was presented"
        record = self.storage.load()
        living = [sid for sid, row in server.rows.items() if not row.is_over]
        assert len(living) <= 1, f"a session was left behind: {living}"
        assert record.sid == (living[0] if living else None), f"the storage has {record.sid}, the server {living}"
        assert not record.signed_out
        for client in self.clients:
            seen = client.session.state.sid  # without a look at the storage
            assert client.session.session_id == record.sid, f"the storage has {record.sid}, a client {seen}"
            assert not client.session._single_flight.is_running
            self._check_use(client, record.sid)

    def _check_use(self, client: Client, sid: str | None) -> None:
        """A client that is signed in can call, in the name of the user who is; one that is not, sends no token."""
        state = client.session.state
        assert state.status == "active" if sid else state.status in ("anonymous", "ended"), state.status
        assert sid or state.current is None, "signed out, with an access token"
        status = self.call(client)
        users = list(self.server.calls.values())[-1]
        assert (status, set(users)) == ((200, {self.server.rows[sid].email}) if sid else (401, {"nobody"}))
