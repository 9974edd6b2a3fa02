"""The programs of the guides on ways to sign in, run as they stand there."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.testclient import TestClient

from gatepass import HookFacts, Policy, Refused
from gatepass.ports import Message
from gatepass.testing import mail_code, memory_gate
from tests.support.guides import ANN, PAGE, program, serving, sign_up


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
