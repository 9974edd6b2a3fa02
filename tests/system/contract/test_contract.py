"""The server's half of contract/: what both languages must agree on to the letter."""

import json
from pathlib import Path
from typing import Any

import pytest

from gatepass.core.refresh_token import RefreshToken
from gatepass.server.refresh_cookie import read_key
from gatepass.wire.cookies import Cookies
from gatepass.wire.headers import Headers
from tests.support.asgi import Answer
from tests.support.browser import Browser, idempotency_key
from tests.support.gates import OTHER_SECRET, GateHarness, open_gate

FOLDER = Path(__file__).resolve().parents[3] / "contract"


def read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text("utf-8"))


@pytest.mark.parametrize("vector", read("idempotency_keys.json"), ids=lambda vector: str(vector["name"]))
def test_the_server_accepts_every_key_that_clients_make(vector: dict[str, Any]) -> None:
    header = idempotency_key(bytes.fromhex(vector["client_key"]), vector["sid"], vector["generation"])
    assert header == vector["header"], "this project's test client makes it too"
    key = read_key(Headers([(b"idempotency-key", header.encode())]))
    assert key is not None
    assert key.generation == vector["generation"]


@pytest.mark.parametrize("vector", read("state_cookies.json")["values"], ids=lambda vector: str(vector["name"]))
def test_the_server_writes_only_state_cookies_that_clients_can_read(vector: dict[str, Any]) -> None:
    state = vector["state"]
    if state is None:
        return
    token = RefreshToken(1, bytes.fromhex(state["sid"]), state["generation"], bytes(16), bytes(16), 1, state["expiry"])
    written = Cookies.for_url("https://gate.example").state(token, remember=True, now=1)
    assert written.partition(";")[0].partition("=")[2] == vector["text"]


@pytest.mark.parametrize("vector", read("state_cookies.json")["names"], ids=lambda vector: str(vector["url"]))
def test_the_state_cookie_has_the_name_that_clients_look_for(vector: dict[str, str]) -> None:
    assert Cookies.for_url(vector["url"]).state_name == vector["name"]


async def answers(at: GateHarness) -> list[Answer]:
    """One real answer to a refresh of each kind."""
    ann = Browser(at.gate.asgi)
    await ann.register()
    nobody = Browser(at.gate.asgi)
    found = [await ann.refresh(lose=True), await nobody.send("POST", "/refresh")]
    found.append(await nobody.send("POST", "/refresh", headers=[("gatepass-client", "1")]))
    found.append(await nobody.send("POST", "/refresh", headers=[("idempotency-key", "x")]))
    at.clock.advance(60)
    found.append(await ann.refresh())
    wrong_sid = [("gatepass-client", "1"), ("gatepass-session", "0" * 32)]
    found.append(await ann.send("POST", "/refresh", headers=wrong_sid))
    async with open_gate(secrets=[OTHER_SECRET], store=at.store) as other:
        ann.app = other.gate.asgi
        found.append(await ann.refresh())
        ann.app = at.gate.asgi
    thief = ann.clone(client_key=b"t" * 32)
    await ann.refresh()
    found += [await thief.refresh(), await ann.refresh()]
    nobody.jar = {nobody.rt_name: "x"}
    found.append(await nobody.send("POST", "/refresh", headers=[("gatepass-client", "1")]))
    return found


async def test_the_servers_own_answers_are_among_those_that_clients_understand() -> None:
    known = [vector for vector in read("refresh_outcomes.json") if vector["body"] is not None]
    shapes = {(vector["status"], vector["body"].get("code"), frozenset(vector["body"])) for vector in known}
    async with open_gate() as at:
        for answer in await answers(at):
            body = answer.json()
            shape = (answer.status, body.get("code"), frozenset(body) - {"retry_after"})
            assert shape in shapes, shape
