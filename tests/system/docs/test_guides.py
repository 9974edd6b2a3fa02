"""The programs of the guides: each block with the name of a file is run, and does what its page says."""

import io
import json
import logging
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi import FastAPI
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from gatepass import Gatepass, HookFacts, Pages, Policy, Refused, Tokens
from gatepass.ports import Message
from gatepass.testing import ManualClock, mail_code, memory_gate
from tests.support.browser import Browser as Visitor
from tests.support.gates import GateHarness
from tests.support.lifespan import started
from tests.support.tutorial import ROOT, blocks
from tests.support.wsgi import over_asgi
from tools.services.patience import PATIENCE, until

GUIDES = ROOT / "docs" / "guides"
ANN = {"email": "ann@example.com", "password": "seven green bottles"}
PAGE = {"Gatepass-Client": "1"}
Headers = dict[str, str]


def program(guide: str, name: str) -> ModuleType:
    """The file of a page as a module."""
    (text,) = [block.text for block in blocks(GUIDES / f"{guide}.md") if block.title == name]
    module = ModuleType(f"{guide}_{name.removesuffix('.py')}".replace("-", "_"))
    sys.modules[module.__name__] = module  # where pydantic and FastAPI look for names
    exec(compile(text, f"{guide}.md/{name}", "exec"), vars(module))
    return module


def serving(app: Any) -> TestClient:
    return TestClient(app, base_url="https://testserver")


def sign_up(client: TestClient, email: str = "ann@example.com") -> tuple[str, Headers]:
    """The id of a new account, and the headers of its calls."""
    made = client.post("/auth/register", json={**ANN, "email": email}, headers=PAGE).json()
    return made["account"]["id"], {"Authorization": f"Bearer {made['access_token']}"}


class TestLinks:
    def test_the_route_of_the_guide_opens_by_link_for_the_owner_alone(self, tmp_path: Path) -> None:
        (tmp_path / "photo.jpg").write_bytes(b"a photo")
        with serving(program("links", "app.py").create_app(memory_gate(), str(tmp_path))) as client:
            for email, status in (("ann@example.com", 200), ("bob@example.com", 404)):
                _, bearer = sign_up(client, email)
                made = client.post("/auth/links", json={"paths": ["/files/7"]}, headers=bearer)
                opened = client.get(made.json()["links"][0])
                assert opened.status_code == status
            assert client.get("/files/7").status_code == 401


class TestMailCodes:
    def test_people_who_answer_get_a_code_and_members_of_staff_do_not_get_in_by_one(self) -> None:
        sent: list[Message] = []

        class Mailer:
            def send(self, message: Message) -> None:
                sent.append(message)

        gate = memory_gate(policy=Policy(mail_codes=True), mail=Mailer())
        assert gate.outbox is not None
        with serving(program("mail-codes", "mail_codes.py").create_app(gate)) as client:
            asked = "/auth/login/mail-code/request"
            for email in ("ann@example.com", "ann@staff.example"):
                sign_up(client, email)
                refused = client.post(asked, json={"email": email, "captcha": "four"}, headers=PAGE)
                assert refused.json()["code"] == "app:no-robots"
                ticket = client.post(asked, json={"email": email, "captcha": "three"}, headers=PAGE).json()["ticket"]
                gate.sync(gate.outbox.drained)
                shown = {"ticket": ticket, "code": mail_code(sent[-1])}
                answer = client.post("/auth/login/mail-code", json=shown, headers=PAGE).json()
                assert answer.get("code") == ("app:passkey-needed" if "staff" in email else None)


class TestProviders:
    def test_a_link_leads_to_the_provider_with_the_address_to_come_back_to(self) -> None:
        with serving(program("providers", "app.py").create_app(memory_gate())) as client:
            sent = client.get("/auth/oidc/github/start?return_to=/notes", follow_redirects=False)
            assert sent.status_code == 303
            assert sent.headers["location"].startswith("https://github.com/login/oauth/authorize?")
            assert "%2Fauth%2Foidc%2Fgithub%2Fcallback" in sent.headers["location"]


class TestRoles:
    @pytest.fixture
    def scopes(self) -> ModuleType:
        return program("roles", "scopes.py")

    def test_a_role_is_a_scope_of_the_next_token(self, scopes: ModuleType) -> None:
        with serving(scopes.create_app(memory_gate(tokens=Tokens(claims=scopes.claims)))) as client:
            account, bearer = sign_up(client)
            assert client.get("/notes", headers=bearer).json() == "read as reader"
            refused = client.post("/notes", headers=bearer)
            assert (refused.status_code, refused.json()["scope"]) == (403, "notes:write")
            scopes.ROLES[account] = "editor"
            assert client.post("/notes", headers=bearer).status_code == 403, "the token says what it said"
            renewed = client.post("/auth/refresh", headers=PAGE).json()
            assert client.post("/notes", headers={"Authorization": f"Bearer {renewed['access_token']}"}).json()

    def test_a_change_holds_at_once_and_nobody_is_signed_out(self, scopes: ModuleType) -> None:
        scopes.SCOPES["owner"] = "roles:write"
        with serving(scopes.create_app(memory_gate(tokens=Tokens(claims=scopes.claims)))) as client:
            account, bearer = sign_up(client)
            jar = dict(client.cookies)
            client.cookies.clear()
            owner, _ = sign_up(client, "owner@example.com")
            scopes.ROLES[owner] = "owner"
            login = client.post("/auth/login", json={**ANN, "email": "owner@example.com"}, headers=PAGE).json()
            by_owner = {"Authorization": f"Bearer {login['access_token']}"}
            assert client.put(f"/roles/{account}", headers=by_owner).status_code == 200
            refused = client.get("/notes", headers=bearer)
            assert (refused.status_code, refused.json()["reason"]) == (401, "claims-changed")
            client.cookies.clear()
            client.cookies.update(jar)
            renewed = client.post("/auth/refresh", headers=PAGE).json()
            assert client.post("/notes", headers={"Authorization": f"Bearer {renewed['access_token']}"}).json()

    def test_the_account_is_seen_by_the_hook(self) -> None:
        hook = program("roles", "hook.py")
        gate = memory_gate(tokens=Tokens(claims=hook.claims))
        app = FastAPI(lifespan=gate.lifespan)
        app.mount("/auth", gate.asgi)
        with serving(app) as client:
            account, bearer = sign_up(client)
            assert gate.check.principal([bearer["Authorization"]]).scopes == {"notes:read"}
            gate.sync(gate.store.verify_account, account, now=1)
            gate.sync.refresh_claims(account)
            renewed = client.post("/auth/refresh", headers=PAGE).json()["access_token"]
            assert gate.check.principal([f"Bearer {renewed}"]).scopes == {"notes:read", "notes:write"}

    def test_typed_claims_are_what_the_type_says(self) -> None:
        typed = program("roles", "typed.py")
        gate = memory_gate(tokens=Tokens(claims=lambda session: {"seats": 5}))
        with serving(typed.create_app(gate)) as client:
            _, bearer = sign_up(client)
            assert client.get("/seats", headers=bearer).json() == 5

    def test_two_tabs_work_in_two_organisations_with_one_session(self) -> None:
        """Turn by turn with one access token: neither tab changes what the other sees."""
        page = program("roles", "organisations.py")
        gate = memory_gate(tokens=Tokens(claims=page.claims))
        with serving(page.create_app(gate)) as client:
            account, bearer = sign_up(client)
            page.ROLES[account] = {"bakery": "editor", "library": "reader"}
            gate.sync.refresh_claims(account)
            renewed = client.post("/auth/refresh", headers=PAGE).json()["access_token"]
            bearer = {"Authorization": f"Bearer {renewed}"}
            bakery, library, other = (
                {**bearer, "X-Organisation": name} for name in ("bakery", "library", "the other one")
            )
            for turn in range(3):
                assert client.post("/notes", params={"text": f"bread {turn}"}, headers=bakery).status_code == 200
                assert client.get("/notes", headers=library).json() == []
                assert client.post("/notes", params={"text": "book"}, headers=library).status_code == 403
                assert client.get("/notes", headers=bakery).json()[-1] == f"bread {turn}"
            assert client.get("/notes", headers=other).status_code == 404
            assert client.get("/notes", headers=bearer).status_code == 422, "which one must be said"
            del page.ROLES[account]["bakery"]
            gate.sync.refresh_claims(account)
            assert client.get("/notes", headers=bakery).status_code == 401
            renewed = client.post("/auth/refresh", headers=PAGE).json()["access_token"]
            left = {"Authorization": f"Bearer {renewed}"}
            assert client.get("/notes", headers={**left, "X-Organisation": "bakery"}).status_code == 404
            assert client.get("/notes", headers={**left, "X-Organisation": "library"}).status_code == 200

    def test_members_are_looked_up_and_strangers_learn_nothing(self) -> None:
        members = program("roles", "members.py")
        with serving(members.create_app(memory_gate())) as client:
            account, bearer = sign_up(client)
            assert client.get("/projects/7", headers=bearer).status_code == 404
            members.MEMBERS[7] = {account}
            assert client.get("/projects/7", headers=bearer).status_code == 200
            assert client.get("/projects/7").status_code == 401


class TestMailedLink:
    @pytest.fixture
    def module(self) -> ModuleType:
        return program("own-sign-in", "magic_link.py")

    @pytest.fixture
    def client(self, module: ModuleType) -> Iterator[TestClient]:
        sent: list[tuple[str, str]] = []
        vars(module).update(sent=sent, send=lambda address, text: sent.append((address, text)))
        with serving(module.create_app(memory_gate())) as client:
            sign_up(client)
            client.post("/auth/logout", headers=PAGE)
            yield client

    def token(self, client: TestClient, module: ModuleType) -> str:
        assert client.post("/link", json={"email": "Ann@Example.com"}).status_code == 202
        address, text = module.sent.pop()
        assert address == "ann@example.com"
        return str(text.partition("#")[2])

    def test_the_link_signs_in_once(self, client: TestClient, module: ModuleType) -> None:
        token = self.token(client, module)
        assert "<button>" in client.get("/link").text
        assert client.post("/link/use", json={"token": token}).status_code == 204
        renewed = client.post("/auth/refresh", headers=PAGE)
        bearer = {"Authorization": f"Bearer {renewed.json()['access_token']}"}
        (session,) = client.get("/auth/sessions", headers=bearer).json()["sessions"]
        assert (session["methods"], session["bound"]) == (["otp"], "no")
        assert client.post("/link/use", json={"token": token}).status_code == 403

    def test_a_link_whose_sign_in_was_refused_may_be_used_again(self, module: ModuleType) -> None:
        gate, closed, sent = memory_gate(), [False], list[tuple[str, str]]()
        vars(module).update(sent=sent, send=lambda address, text: sent.append((address, text)))

        @gate.before("sign_in")
        def at_night(facts: HookFacts[None]) -> None:
            if closed[0]:
                raise Refused("closed", "Come back in the morning.")

        with serving(module.create_app(gate)) as client:
            sign_up(client)
            token, closed[0] = self.token(client, module), True
            assert client.post("/link/use", json={"token": token}).json()["code"] == "app:closed"
            closed[0] = False
            assert client.post("/link/use", json={"token": token}).status_code == 204
            assert client.post("/link/use", json={"token": token}).status_code == 403

    def test_old_links_foreign_pages_and_strangers_get_nothing(self, client: TestClient, module: ModuleType) -> None:
        assert client.post("/link", json={"email": "nobody@example.com"}).status_code == 202
        assert module.sent == []
        elsewhere = client.post(
            "/link/use", json={"token": self.token(client, module)}, headers={"Origin": "https://evil.example"}
        )
        assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "cross-site")
        token = self.token(client, module)
        module.db.execute("UPDATE link SET ends = 0")
        assert client.post("/link/use", json={"token": token}).status_code == 403
        assert "set-cookie" not in elsewhere.headers


class TestAssertion:
    @pytest.fixture
    def module(self) -> ModuleType:
        return program("own-sign-in", "saml.py")

    def asserted(self, module: ModuleType, asked: str, **other: Any) -> dict[str, str]:
        said = {
            "in_response_to": asked,
            "name_id": "p-7",
            "authn_context": "urn:example:mfa",
            "authn_instant": 1,
            **other,
        }
        return {"assertion": module.ASSERTIONS.dumps(said)}

    def test_an_assertion_that_this_browser_asked_for_is_a_sign_in_once(self, module: ModuleType) -> None:
        gate = memory_gate()
        client = module.create_app(gate).test_client()
        module.PEOPLE["p-7"] = gate.sync.administration.add_account("ann@example.com", ANN["password"], by="test").id
        from_provider: Any = {"base_url": "https://testserver", "headers": {"Origin": "https://idp.example"}}
        asked = client.get("/saml/login", base_url="https://testserver").location.partition("request=")[2]
        foreign = self.asserted(module, "another browser's")
        assert client.post("/saml/acs", data=foreign, **from_provider).status_code == 403
        forged = {"assertion": self.asserted(module, asked)["assertion"][:-1]}
        assert client.post("/saml/acs", data=forged, **from_provider).status_code == 403
        answer = client.post("/saml/acs", data=self.asserted(module, asked), **from_provider)
        assert (answer.status_code, answer.location) == (303, "/")
        renewed = client.post("/auth/refresh", base_url="https://testserver", headers=PAGE).get_json()
        caller = gate.check.principal([f"Bearer {renewed['access_token']}"])
        assert (caller.methods, caller.acr, caller.auth_time) == (("fed",), "urn:example:mfa", 1)
        again = client.post("/saml/acs", data=self.asserted(module, asked), **from_provider)
        assert again.status_code == 403, "an assertion holds once"
        gate.sync.close()


class TestWebSockets:
    @pytest.fixture
    def client(self) -> Iterator[TestClient]:
        with serving(program("websockets", "app.py").create_app(memory_gate())) as client:
            yield client

    def code_of(self, socket: WebSocketTestSession) -> tuple[int, str]:
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        return closed.value.code, closed.value.reason

    def test_a_first_message_lets_in_and_an_ended_session_closes_the_socket(self, client: TestClient) -> None:
        account, bearer = sign_up(client)
        with client.websocket_connect("/chat") as socket:
            socket.send_json({"type": "gatepass", "access_token": bearer["Authorization"].partition(" ")[2]})
            assert socket.receive_json()["expires_in"] == 900
            socket.send_text("hello")
            assert socket.receive_json() == {"from": account, "text": "hello"}
            client.post("/auth/logout", headers={**bearer, **PAGE})
            assert self.code_of(socket) == (4403, "session-ended")

    def test_a_forged_token_closes_the_socket(self, client: TestClient) -> None:
        with client.websocket_connect("/chat") as socket:
            socket.send_json({"type": "gatepass", "access_token": "x"})
            assert self.code_of(socket) == (4401, "invalid-token")

    def test_a_feed_goes_on_behind_the_last_event_and_is_for_callers_alone(self) -> None:
        with serving(program("websockets", "feed.py").create_app(memory_gate())) as client:
            _, bearer = sign_up(client)
            assert client.get("/news", headers={**bearer, "Last-Event-ID": "6"}).text.startswith("id: 7\n")
            assert client.get("/news").status_code == 401


class TestMetrics:
    def test_each_event_is_one_line_of_json(self) -> None:
        module = program("metrics", "log.py")
        module.handler.setStream(written := io.StringIO())
        try:
            with serving(program("metrics", "counters.py").create_app(memory_gate())) as client:
                sign_up(client)
        finally:
            module.EVENTS.removeHandler(module.handler)
            module.EVENTS.propagate = True
            module.EVENTS.setLevel(logging.NOTSET)
        lines = [json.loads(line)["event"] for line in written.getvalue().splitlines()]
        assert "session_created" in lines

    def test_the_counters_are_in_the_format_of_prometheus(self) -> None:
        with serving(program("metrics", "counters.py").create_app(memory_gate())) as client:
            sign_up(client)
            client.post("/auth/refresh", headers=PAGE)
            counted = 'gatepass_events_total{event="session_renewed"} 1'
            until(lambda: counted in client.get("/metrics").text.splitlines(), "the count")
            lines = client.get("/metrics").text.splitlines()
        assert lines[0] == "# TYPE gatepass_events_total counter"

    def test_otel_counts_events_by_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module = program("metrics", "otel.py")
        reader = InMemoryMetricReader()
        provider = MeterProvider(metric_readers=[reader])
        monkeypatch.setattr(module.metrics, "get_meter", provider.get_meter)
        gate = memory_gate()
        module.count_events(gate)
        with serving(program("metrics", "counters.py").create_app(gate)) as client:
            sign_up(client)
        data = reader.get_metrics_data()
        assert data is not None
        points = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
        assert "user_created" in [(point.attributes or {})["event.name"] for point in points]
        provider.shutdown()


def test_the_listener_of_the_page_on_hooks_hears_of_accounts() -> None:
    module = program("hooks", "app.py")
    gate: Gatepass = memory_gate(clock=ManualClock())
    with serving(module.create_app(gate)) as client:
        _, bearer = sign_up(client)
        until(lambda: module.ACCOUNTS["made"] == 1, "the registration")
        body = {"password": ANN["password"]}
        assert client.post("/auth/account/delete", json=body, headers={**bearer, **PAGE}).status_code == 204
        until(lambda: module.ACCOUNTS["deleted"] == 1, "the deletion")


class TestRulesAndRows:
    """Each recipe refuses what it is there for, once, and lets the others in."""

    def register(self, client: TestClient, email: str = "ann@example.com", **members: object) -> tuple[int, str | None]:
        answer = client.post("/auth/register", json={**ANN, "email": email, **members}, headers=PAGE)
        return answer.status_code, answer.json().get("code")

    def test_only_addresses_of_the_listed_domains_register_or_are_changed_to(self) -> None:
        gate = memory_gate(mail="console")
        with serving(program("rules-and-rows", "domains.py").create_app(gate)) as client:
            for email in ("eve@evil.example", "eve@example.com.evil.example", "eve@evil-example.com"):
                assert self.register(client, email) == (403, "app:domain-not-allowed"), email
            _, bearer = sign_up(client)
            body = {"email": "ann@evil.example", "password": ANN["password"]}
            assert client.post("/auth/email", json=body, headers={**bearer, **PAGE}).json()["code"] == (
                "app:domain-not-allowed"
            )
            assert client.post("/auth/email", json={**body, "email": "ann@example.org"}, headers=bearer).is_success

    def test_an_invitation_is_taken_once_and_stays_with_who_took_it(self, tmp_path: Path) -> None:
        database = str(tmp_path / "app.db")
        app = program("rules-and-rows", "invitations.py").create_app(memory_gate(), database)
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("INSERT INTO invitation VALUES ('spring', '')")
        with serving(app) as client:
            assert self.register(client)[1] == "invalid-body"
            assert self.register(client, invitation="autumn") == (422, "app:invitation-invalid")
            with ThreadPoolExecutor() as pool:
                answers = pool.map(lambda n: self.register(client, f"{n}@example.com", invitation="spring"), range(8))
            assert Counter(answers) == {(201, None): 1, (422, "app:invitation-invalid"): 7}
            (winner,) = [
                n for n in range(8) if self.register(client, f"{n}@example.com", invitation="spring")[0] == 409
            ]
            assert self.register(client, f"other-{winner}@example.com", invitation="spring")[0] == 422

    def test_a_puzzle_is_solved_for_one_registration(self) -> None:
        altcha = pytest.importorskip("altcha")
        module = program("rules-and-rows", "captcha.py")
        with serving(module.create_app(memory_gate(), cost=1)) as client:
            challenge = altcha.Challenge.from_dict(client.get("/captcha").json())
            solution = altcha.solve_challenge(challenge)
            solved = altcha.Payload(challenge, solution).to_base64()
            assert self.register(client)[1] == "invalid-body"
            assert self.register(client, altcha="none") == (422, "app:captcha-failed")
            foreign = altcha.create_challenge("PBKDF2/SHA-256", 1, hmac_secret="another")
            forged = altcha.Payload(foreign, altcha.solve_challenge(foreign)).to_base64()
            assert self.register(client, altcha=forged) == (422, "app:captcha-failed")
            assert self.register(client, altcha=solved) == (201, None)
            assert self.register(client, "bob@example.com", altcha=solved) == (422, "app:captcha-failed")

    def test_a_company_registers_so_many_in_an_hour(self) -> None:
        module: Any = program("rules-and-rows", "companies.py")
        module.PER_HOUR = 2
        with serving(module.create_app(memory_gate())) as client:
            assert [self.register(client, f"{n}@acme.example")[0] for n in range(3)] == [201, 201, 429]
            answer = client.post("/auth/register", json={**ANN, "email": "4@acme.example"}, headers=PAGE)
            assert int(answer.headers["Retry-After"]) == answer.json()["retry_after"] > 0
            assert self.register(client, "1@other.example")[0] == 201

    def test_a_profile_comes_and_goes_with_its_account(self, tmp_path: Path) -> None:
        database = str(tmp_path / "app.db")
        app = program("rules-and-rows", "profiles.py").create_app(memory_gate(), database)

        def profiles() -> list[tuple[str, ...]]:
            with closing(sqlite3.connect(database)) as connection:
                return connection.execute("SELECT email, name FROM profile").fetchall()

        with serving(app) as client:
            made = client.post("/auth/register", json={**ANN, "name": "Ann"}, headers=PAGE).json()
            assert profiles() == [("ann@example.com", "Ann")]
            headers = {"Authorization": f"Bearer {made['access_token']}", **PAGE}
            client.post("/auth/account/delete", json={"password": ANN["password"]}, headers=headers)
            assert profiles() == []


def test_the_page_on_sign_in_buttons_shows_the_files_of_its_example() -> None:
    example = ROOT / "examples" / "sign_in_buttons"
    shown = {block.title: block.text for block in blocks(GUIDES / "sign-in-buttons.md")}
    assert set(shown) == {f"src/{path.name}" for path in (example / "src").iterdir()}
    assert {title: (example / title).read_text("utf-8") for title in shown} == shown


@pytest.mark.slow
def test_the_tests_of_the_page_on_testing_pass(tmp_path: Path) -> None:
    files = [block for block in blocks(GUIDES / "testing.md") if block.title.startswith("test_")]
    assert len(files) == 8
    for block in files:
        (tmp_path / block.title).write_text(block.text, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    command += ["-p", "gatepass.testing.plugin"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=alone, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout


class TestRendering:
    """The page's three programs, with its template: the same visitor at each."""

    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        for block in blocks(GUIDES / "rendering.md"):
            file = tmp_path / block.title
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text)
        monkeypatch.chdir(tmp_path)
        return tmp_path

    @pytest.mark.parametrize("name", ["fastapi", "flask", "litestar"])
    async def test_a_page_is_rendered_for_its_person_and_for_nobody_else(self, folder: Path, name: str) -> None:
        at = GateHarness(pages=Pages(sign_in_page="/sign-in"))
        made = program("rendering", f"{name}_app.py").create_app(at.gate)
        async with started(over_asgi(made, at.gate) if name == "flask" else made) as app:
            ann = Visitor(app, mount="/auth")
            account = (await ann.register()).json()["account"]["id"]
            ann.mount = ""
            page = await ann.navigate("/board")
            assert f"<h1>Notes of {account}</h1>" in page.body.decode()
            assert page.one("cache-control") == "private, no-store"
            assert f"Hello {account}" in (await ann.navigate("/")).body.decode()
            at.clock.advance(1000)
            assert (await ann.navigate("/board")).one("location") == "/auth/resume?next=/board"
            stranger = Visitor(app)
            assert (await stranger.navigate("/board")).one("location") == "/sign-in?next=/board"
            assert "Hello stranger" in (await stranger.navigate("/")).body.decode()


def test_a_device_is_tested_as_its_page_says() -> None:
    device = program("device-bound-sessions", "test_device.py")
    app = FastAPI(lifespan=device.gate.lifespan)
    app.mount("/auth", device.gate.asgi)
    with serving(app) as client:
        device.test_a_copy_of_the_cookies_is_worthless_without_the_device(client)
