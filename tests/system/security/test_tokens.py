"""What is in the two tokens, what they are made of, and that neither stands for the other (§1.3, §1.6, RC-05)."""

import ast
import base64
import json
from pathlib import Path

import pytest

from gatepass.core.policy import Policy
from tests.support.asgi import call
from tests.support.browser import RT, Browser
from tests.support.gates import GateHarness, open_gate

SOURCE = Path(__file__).resolve().parents[3] / "src" / "gatepass"
CLAIMS = {"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "sid", "auth_time", "amr"}
NOT_THE_SERVER = {"client", "__pycache__"}
FOLDERS = [".", *sorted(file.name for file in SOURCE.iterdir() if file.is_dir() and file.name not in NOT_THE_SERVER)]
WAITS_AND_NAMES = {"remote/connection.py", "mail/message.py", "wire/answers.py"}
"""Jitter between attempts, the Message-ID of a mail, and the form in which the AAGUID of a passkey is written: an
attacker gains nothing by predicting them."""
CLIENT = ("gatepass-client", "1")


def part(token: str, place: int) -> dict[str, object]:
    """One part of a JWT as every reader sees it."""
    text = token.split(".")[place]
    read: dict[str, object] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return read


async def test_an_access_token_has_these_members_and_no_others(at: GateHarness) -> None:
    """RFC 9068 §2, and nothing about the person: no address, no name, no hash (TK-01, TK-03)."""
    browser = Browser(at.gate.asgi)
    made = await browser.register()
    passes = [browser.access_token]
    for _ in range(3):
        await browser.refresh()
        passes.append(browser.access_token)
    for token in passes:
        assert part(token, 0) == {"alg": "EdDSA", "kid": at.gate.keys.current[0].kid, "typ": "at+jwt"}
        assert set(part(token, 1)) == CLAIMS
        assert part(token, 1)["sub"] == made.json()["account"]["id"]
        assert "@" not in str(part(token, 1))
    assert made.json()["expires_in"] == int(str(part(passes[0], 1)["exp"])) - int(str(part(passes[0], 1)["iat"]))


async def test_no_two_passes_and_no_two_cards_are_alike(at: GateHarness, ann: Browser) -> None:
    seen_passes, seen_cards = {ann.access_token}, {ann.rt}
    for _ in range(2_000):
        await ann.refresh()
        seen_passes.add(str(part(ann.access_token, 1)["jti"]))
        seen_cards.add(ann.rt)
    assert (len(seen_passes), len(seen_cards)) == (2_001, 2_001)


def imported(file: Path) -> set[str]:
    """The modules that a file imports, at any depth."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{name.name}" for name in node.names)}
    return names


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_randomness_that_can_be_foretold_is_near_a_secret(folder: str) -> None:
    """No file of the server imports `random` or `uuid` but for waits and names (RC-05)."""
    files = list((SOURCE / folder).glob("*.py") if folder == "." else (SOURCE / folder).rglob("*.py"))
    assert files
    culprits = {file.relative_to(SOURCE).as_posix() for file in files if imported(file) & {"random", "uuid"}}
    assert culprits <= WAITS_AND_NAMES


async def test_neither_token_stands_for_the_other(at: GateHarness, ann: Browser) -> None:
    """TK-19: no session is ended by the attempt either."""
    as_bearer = await call(at.gate.asgi, "GET", "/me", headers=[("authorization", f"Bearer {ann.rt}")])
    assert (as_bearer.status, as_bearer.code) == (401, "invalid-token")
    headers = [CLIENT, ("cookie", f"{RT}={ann.access_token}")]
    as_cookie = await call(at.gate.asgi, "POST", "/refresh", headers=headers)
    assert (as_cookie.status, as_cookie.code) == (401, "session-ended")
    assert "sid" not in as_cookie.json()
    assert (await ann.refresh()).status == 200


@pytest.mark.parametrize("place", ["query", "form", "cookie", "body", "another header"])
async def test_a_pass_counts_in_the_authorization_header_alone(at: GateHarness, ann: Browser, place: str) -> None:
    """TK-17 (RFC 9700 §4.3.2)."""
    token = ann.access_token
    headers, query, body = [CLIENT], b"", b""
    match place:
        case "query":
            query = f"access_token={token}".encode()
        case "form":
            headers.append(("content-type", "application/x-www-form-urlencoded"))
            body = f"access_token={token}".encode()
        case "cookie":
            headers.append(("cookie", f"access_token={token}; Authorization=Bearer {token}"))
        case "body":
            headers.append(("content-type", "application/json"))
            body = json.dumps({"access_token": token}).encode()
        case "another header":
            headers += [("x-access-token", token), ("proxy-authorization", f"Bearer {token}")]
    answer = await call(at.gate.asgi, "GET", "/me", headers=headers, query=query, body=body)
    assert (answer.status, answer.code) == (401, "token-required")


async def test_several_passes_are_none_and_the_scheme_is_read_in_any_case(at: GateHarness, ann: Browser) -> None:
    twice = await call(at.gate.asgi, "GET", "/me", headers=[ann.bearer, ann.bearer])
    assert (twice.status, twice.code) == (401, "invalid-token")
    joined = await call(at.gate.asgi, "GET", "/me", headers=[("authorization", f"{ann.bearer[1]}, {ann.bearer[1]}")])
    assert joined.code == "invalid-token"
    for scheme in ("bearer", "BEARER", "BeArEr"):
        headers = [("authorization", f"{scheme} {ann.access_token}")]
        assert (await call(at.gate.asgi, "GET", "/me", headers=headers)).status == 200


@pytest.mark.parametrize(
    "body", [{"scope": "admin"}, {"sub": "somebody"}, {"aud": "elsewhere"}, {"grant_type": "password"}, {"sid": "x"}]
)
async def test_a_refresh_gains_nothing_by_its_body(at: GateHarness, ann: Browser, body: dict[str, str]) -> None:
    """RT-11: the body may offer a key and nothing else; the next pass is for the same session and claims no more."""
    before = part(ann.access_token, 1)
    answer = await ann.send("POST", "/refresh", headers=ann.refresh_headers(), body=body)
    assert (answer.status, answer.code) == (422, "invalid-body")
    assert at.store.verbs == []
    assert (await ann.refresh()).status == 200
    after = part(ann.access_token, 1)
    assert {name: after[name] for name in CLAIMS - {"jti", "exp", "iat"}} == {
        name: before[name] for name in CLAIMS - {"jti", "exp", "iat"}
    }
    assert set(after) == CLAIMS


async def test_there_is_no_token_endpoint_and_no_password_grant(at: GateHarness) -> None:
    """LG-08 (RFC 9700 §2.4)."""
    body = b"grant_type=password&username=ann%40example.com&password=seven+green+bottles+on+a+wall"
    form = ("content-type", "application/x-www-form-urlencoded")
    for path in ("/token", "/oauth/token", "/oauth2/token", "/authorize", "/introspect", "/revoke"):
        assert (await call(at.gate.asgi, "POST", path, headers=[CLIENT, form], body=body)).status == 404
    assert (await call(at.gate.asgi, "POST", "/login", headers=[CLIENT, form], body=body)).status == 415


async def test_without_leeway_a_repeat_brings_no_pass_and_still_no_logout(at: GateHarness) -> None:
    """RT-05: the window can be closed; what is left of it is the identity of the successor."""
    async with open_gate(policy=Policy(leeway=0)) as strict:
        browser = Browser(strict.gate.asgi)
        await browser.register()
        first = await browser.refresh(lose=True)
        strict.clock.advance(1)
        again = await browser.refresh()
        assert (first.status, again.status, again.code) == (200, 409, "refresh-superseded")
        assert "access_token" not in again.json()
        assert (await browser.refresh()).status == 200


def test_the_randomness_of_tests_is_not_that_of_the_package() -> None:
    """Tests may foretell theirs; nothing outside `gatepass.testing` may use it."""
    users = [
        file for file in SOURCE.rglob("*.py") if any(name.endswith("PredictableEntropy") for name in imported(file))
    ]
    assert [file for file in users if "testing" not in file.parts] == []
