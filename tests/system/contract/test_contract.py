"""The server's half of contract/: what both languages must agree on to the letter."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gatepass.core.access_token import Verifier
from gatepass.core.binding import BindingKey, key_id_of, prove
from gatepass.core.keyring import PAGE
from gatepass.core.public_key import parse_jwks
from gatepass.core.refresh_token import Channel, RefreshToken
from gatepass.errors import InvalidToken
from gatepass.server.cookies.refresh_cookie import read_proof
from gatepass.wire.cookie_names import state_names
from gatepass.wire.cookies import Cookies
from gatepass.wire.headers import Headers
from tests.support.asgi import Answer
from tests.support.browser import Browser, proof_of, secret_of
from tests.support.gates import OTHER_SECRET, GateHarness, open_gate

FOLDER = Path(__file__).resolve().parents[3] / "contract"


def read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text("utf-8"))


@pytest.mark.parametrize("vector", read("binding_proofs.json"), ids=lambda vector: str(vector["name"]))
def test_the_server_takes_every_key_and_every_proof_that_clients_make(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["key"])
    key = BindingKey.parse(vector["binding_secret"])
    assert (key.reveal(), key.binding.hex()) == (raw, vector["binding"])
    assert key_id_of(raw).hex() == vector["key_id"]
    assert secret_of(raw) == vector["binding_secret"], "this project's test client makes it too"
    named = vector["sid"], vector["generation"], vector["challenge"]
    assert proof_of(raw, *named) == vector["header"]
    proof = read_proof(Headers([(b"gatepass-proof", vector["header"].encode())]))
    assert proof is not None
    sid, generation, challenge = named
    assert proof.text == prove(raw, sid=bytes.fromhex(sid), generation=generation, challenge=challenge)
    assert (proof.generation, proof.challenge) == (generation, challenge)


@pytest.mark.parametrize("vector", read("state_cookies.json")["values"], ids=lambda vector: str(vector["name"]))
def test_the_server_writes_state_cookies_in_the_form_that_clients_can_read(vector: dict[str, Any]) -> None:
    state = vector["state"]
    form = re.compile(r"[0-9a-f]{32}\.(0|[1-9][0-9]*)\.[A-Za-z0-9_-]{11}\.(0|[1-9][0-9]*)", re.ASCII)
    if state is None:
        return
    assert form.fullmatch(vector["text"])
    token = RefreshToken(
        key_id=1,
        channel=Channel.HOST,
        sid=bytes.fromhex(state["sid"]),
        generation=state["generation"],
        nonce=bytes(16),
        parent=bytes(16),
        binding=bytes(16),
        sealed=bytes(32),
        issued_at=1,
        expires_at=state["expiry"],
    )
    (written,) = Cookies.for_url("https://gate.example").state(token, remember=True, now=1)
    value = written.partition(";")[0].partition("=")[2]
    assert value == vector["text"].replace(state["challenge"], token.challenge)
    assert form.fullmatch(value)


@pytest.mark.parametrize("vector", read("state_cookies.json")["names"], ids=lambda vector: str(vector["url"]))
def test_the_state_cookie_has_one_of_the_names_that_clients_look_for(vector: dict[str, Any]) -> None:
    url, names = vector["url"], vector["names"]
    assert list(state_names(url)) == names
    path = urlsplit(url).path.rstrip("/")
    while path:
        assert Cookies.for_url(url, path=path).place.names.state in names
        path = path.rpartition("/")[0]
    assert Cookies.for_url(url).place.names.state == names[-1]


PAGES = read("page_tokens.json")


@pytest.mark.parametrize("vector", PAGES["tokens"], ids=lambda vector: str(vector["name"]))
def test_guards_take_the_page_tokens_that_servers_in_javascript_take(vector: dict[str, Any]) -> None:
    keys = parse_jwks(json.dumps(PAGES["jwks"]).encode())
    verifier = Verifier(keys, issuer=PAGES["issuer"], audience=PAGES["audience"], skew=5, kind=PAGE)
    if vector["outcome"] != "accepted":
        with pytest.raises(InvalidToken):
            verifier.verify(vector["token"], PAGES["now"])
        return
    found, expected = verifier.verify(vector["token"], PAGES["now"]), PAGES["principal"]
    assert (found.account_id, found.session_id) == (expected["accountId"], expected["sessionId"])


@pytest.mark.parametrize("vector", read("page_cookies.json"), ids=lambda vector: str(vector["name"]))
def test_guards_read_the_same_cookies_of_pages(vector: dict[str, Any]) -> None:
    cookies = Cookies.for_url(vector["url"], path=vector["cookie_path"], has_pages=True)
    sent = [vector["cookies"]]
    assert cookies.read_page(sent) == vector["tokens"]
    assert cookies.names_session(sent) == vector["names_session"]
    assert cookies.was_resumed(sent) == vector["was_resumed"]


async def answers(at: GateHarness) -> list[Answer]:
    """One real answer to a refresh of each kind."""
    ann = Browser(at.gate.asgi)
    await ann.register()
    nobody = Browser(at.gate.asgi)
    found = [await ann.refresh(lose=True), await nobody.send("POST", "/refresh")]
    found.append(await nobody.send("POST", "/refresh", headers=[("gatepass-client", "1")]))
    found.append(await nobody.send("POST", "/refresh", headers=[("gatepass-proof", "x")]))
    at.clock.advance(60)
    found.append(await ann.refresh())
    wrong_sid = [("gatepass-client", "1"), ("gatepass-session", "0" * 32)]
    found.append(await ann.send("POST", "/refresh", headers=wrong_sid))
    found += [await ann.clone().refresh(), await ann.clone(key=b"t" * 32).refresh()]
    async with open_gate(secrets=[OTHER_SECRET], store=at.store) as other:
        ann.app = other.gate.asgi
        found.append(await ann.refresh())
        ann.app = at.gate.asgi
    bea = Browser(at.gate.asgi, key=None)
    await bea.register("bea@example.com")
    second = bea.clone()
    found += [await bea.refresh(), await bea.refresh(), await second.refresh()]
    at.clock.advance(60)
    found += [await second.refresh(), await bea.refresh()]
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
