"""Plain WSGI: mounts, forks, the end of a process, the wait for the gate to open."""

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from gatepass.access.wsgi import current_principal, requires
from gatepass.core.claims import Tokens
from gatepass.core.keyring import Secrets
from gatepass.errors import ConfigurationError, InsufficientScope, StoreUnavailable, TokenRequired
from gatepass.runtime import thread
from gatepass.wire.wsgi import Environ, StartResponse
from tests.guards.conftest import scopes
from tests.support.asgi import call
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import SECRET, GateHarness
from tests.support.lifespan import started
from tests.support.wsgi import environ_of, over_asgi
from tools.services.patience import PATIENCE


def silent(environ: Environ, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["SCRIPT_NAME"].encode(), environ["PATH_INFO"].encode()]


async def test_nothing_reaches_the_application_without_a_token_where_all_is_guarded() -> None:
    at = GateHarness()
    async with started(over_asgi(at.gate.guard_wsgi(silent, auth="/auth", required=True), at.gate)) as app:
        ann = Browser(app, mount="/auth")
        await ann.register()
        assert (await call(app, "GET", "/x")).status == 401
        assert (await call(app, "GET", "/x", headers=[ann.bearer])).body == b"/x"


@pytest.mark.parametrize("path", ["/authors", "/auth2/login", "/x/auth/login"])
async def test_only_whole_path_segments_lead_to_the_endpoints(path: str) -> None:
    at = GateHarness()
    async with started(over_asgi(at.gate.guard_wsgi(silent, auth="/auth"), at.gate)) as app:
        assert (await call(app, "GET", path)).body == path.encode()
        assert (await call(app, "GET", "/auth")).code == "not-found"


async def test_requires_asks_for_scopes() -> None:
    at = GateHarness(tokens=Tokens(claims=scopes))
    inside = requires("notes:read")(silent)
    async with started(over_asgi(at.gate.guard_wsgi(inside, auth="/auth"), at.gate)) as app:
        ann, bob = Browser(app, mount="/auth"), Browser(app, mount="/auth")
        await ann.register()
        await bob.register("bob@example.com", remember=False)
        assert (await call(app, "GET", "/", headers=[ann.bearer])).status == 200
        assert (await call(app, "GET", "/", headers=[bob.bearer])).code == InsufficientScope(()).code
        assert (await call(app, "GET", "/")).code == TokenRequired().code


async def test_a_body_that_is_too_large_is_refused_before_it_is_read() -> None:
    at = GateHarness()
    async with started(over_asgi(at.gate.guard_wsgi(silent, auth="/auth"), at.gate)) as app:
        ann = Browser(app, mount="/auth")
        answer = await ann.register(password="x" * 100_000)
        assert answer.code == "body-too-large"


def test_an_application_without_a_guard_is_told_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match=r"gate\.guard_wsgi\(app\)"):
        current_principal({})


class TestOpening:
    def test_the_first_request_waits_for_it(self) -> None:
        at = GateHarness()
        assert not at.gate.revocations.is_fresh
        at.gate.wait_until_open()
        assert at.gate.revocations.is_fresh
        at.gate.background.stop()

    def test_a_store_that_does_not_answer_holds_requests_for_a_bounded_moment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(thread, "OPEN_TIMEOUT", 0.05)
        at = GateHarness()
        let_go = threading.Event()

        async def hang(verb: str) -> None:
            while verb == "open" and not let_go.is_set():
                await asyncio.sleep(0.01)

        at.store.before = hang
        with ThreadPoolExecutor(1) as pool:
            for _ in range(2):
                pool.submit(at.gate.wait_until_open).result(PATIENCE)
        assert at.store.verbs == ["open"], "and the store has still not answered"
        assert not at.gate.revocations.is_fresh
        at.gate.background.stop()

    def test_a_store_that_was_ill_is_tried_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(thread, "REOPEN_INTERVAL", 0.0)
        at = GateHarness()

        async def refuse(verb: str) -> None:
            raise StoreUnavailable

        at.store.before = refuse
        at.gate.wait_until_open()
        assert not at.gate.revocations.is_fresh
        at.store.before = None
        at.gate.wait_until_open()
        assert at.gate.revocations.is_fresh
        at.gate.background.stop()

    def test_what_can_never_open_is_said_to_every_request(self, tmp_path: Path) -> None:
        at = GateHarness(store=None)
        gate = type(at.gate)(secrets=[SECRET], public_url=ORIGIN, store=f"sqlite:///{tmp_path}/no/gate.db")
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="no folder"):
                gate.wait_until_open()
        gate.background.stop()

    def test_it_opens_again_after_a_stop(self) -> None:
        at = GateHarness()
        for _ in range(2):
            at.gate.wait_until_open()
            assert at.store.verbs[0] == "open"
            at.gate.background.stop()
            assert at.store.verbs[-1] == "close"
            at.store.verbs.clear()


PROGRAM = """
    import io, json, os, sys
    from gatepass import Gatepass
    from gatepass.access.wsgi import current_principal
    from gatepass.runtime import thread

    thread.PATIENCE = {patience}
    gate = Gatepass(secrets=["{secret}"], public_url="http://localhost:8000", store="sqlite:///gate.db")

    def inside(environ, start_response):
        start_response("200 OK", [])
        return [current_principal(environ).account_id.encode()]

    app = gate.guard_wsgi(inside, auth="/auth")

    def ask(method, path, token="", **body):
        raw = json.dumps(body).encode() if body else b""
        environ = {{"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": io.BytesIO(raw)}}
        environ["HTTP_GATEPASS_CLIENT"] = "1"
        if body:
            environ.update(CONTENT_TYPE="application/json", CONTENT_LENGTH=str(len(raw)))
        if token:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {{token}}"
        said = []
        answer = b"".join(app(environ, lambda status, headers, exc_info=None: said.append(status)))
        return said[-1][:3], answer

    ann = {{"email": "ann@example.com", "password": "correct horse battery staple"}}
    token = json.loads(ask("POST", "/auth/register", **ann)[1])["access_token"]
    assert ask("GET", "/me", token)[0] == "200"
"""
FORK = """
    child = os.fork()
    if child == 0:
        assert ask("GET", "/me", token)[0] == "200"
        assert ask("POST", "/auth/login", **ann)[0] == "200"
        assert ask("POST", "/auth/logout", token)[0] == "204"
        assert ask("GET", "/me", token)[0] == "401"
        sys.exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    import time
    end = time.monotonic() + {patience}
    while ask("GET", "/me", token)[0] != "401":
        assert time.monotonic() < end, "the parent did not hear of it"
        time.sleep(0.01)
"""


def run(program: str, folder: Path) -> str:
    text = textwrap.dedent(program.format(secret=SECRET, patience=PATIENCE))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_gate_that_was_open_before_a_fork_works_on_both_sides(tmp_path: Path) -> None:
    said = run(PROGRAM + FORK, tmp_path)
    # Both serve from one SQLite file: the one that looks second says so.
    assert not said or "one server process" in said


@pytest.mark.slow
def test_the_end_of_the_process_closes_the_gate(tmp_path: Path) -> None:
    assert run(PROGRAM, tmp_path) == ""
    assert not (tmp_path / "gate.db-wal").exists(), "SQLite empties its log when it is closed"


class TestStream:
    """`GET /revocations` does not end by itself; the thread of a WSGI server reads it until its caller leaves."""

    def listen(self, at: GateHarness) -> Generator[bytes, None, None]:
        environ = environ_of(
            {
                "method": "GET",
                "path": "/revocations",
                "query_string": b"",
                "client": ("127.0.0.1", 1),
                "headers": [(b"authorization", f"Bearer {SECRET}".encode())],
            },
            b"",
        )
        said: list[str] = []
        chunks = at.gate.wsgi(environ, lambda status, headers: said.append(status))
        assert said == ["200 OK"]
        return cast("Generator[bytes, None, None]", chunks)

    def test_news_come_as_they_happen(self) -> None:
        at = GateHarness(secrets=Secrets([SECRET], feed=[SECRET]))
        chunks = self.listen(at)
        assert b"caught-up" in next(chunks)
        loop = at.gate.background._loop
        assert loop is not None
        loop.call_soon_threadsafe(at.gate.revocations.publish, [b"s" * 16])
        assert (b"s" * 16).hex().encode() in next(chunks)
        at.gate.background.stop()

    def test_the_endpoint_ends_when_the_listener_leaves_or_the_gate_stops(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at = GateHarness(secrets=Secrets([SECRET], feed=[SECRET]))
        wait, late = asyncio.wait, set[object]()

        async def watched(tasks: set[asyncio.Task[object]], **arguments: Any) -> tuple[set[Any], set[Any]]:
            done, pending = await wait(tasks, **arguments)
            late.update(pending if "timeout" in arguments else ())
            return done, pending

        monkeypatch.setattr(asyncio, "wait", watched)
        for leaves in (True, False):
            chunks = self.listen(at)
            next(chunks)
            if leaves:
                chunks.close()
            at.gate.background.stop()
            assert late == set(), "no call had to be cancelled"
            assert list(chunks) == []
