"""The programs of the guides on roles and on rules and rows, run as they stand there."""

import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from gatepass import Tokens
from gatepass.testing import memory_gate
from tests.support.guides import ANN, PAGE, program, serving, sign_up


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
