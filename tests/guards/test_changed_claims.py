"""A role that was taken away is 401 for the old token and 403 for the next one, behind every guard, without a query."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from gatepass.access.check import Check
from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.core.claims import Tokens
from gatepass.core.session import Session
from gatepass.core.strict_json import Json
from gatepass.remote import RemoteGate
from tests.guards import apps
from tests.guards.shared_apps import running
from tests.support.browser import Browser
from tests.support.gates import GateHarness


@dataclass
class Place:
    at: GateHarness
    ann: Browser
    account_id: str
    roles: set[str]

    async def notes(self) -> tuple[int, str]:
        answer = await self.ann.send("GET", "/notes", headers=[self.ann.bearer])
        return answer.status, answer.code if answer.status >= 400 else ""

    async def refresh(self) -> int:
        self.ann.mount = "/auth"
        answer = await self.ann.refresh()
        self.ann.mount = ""
        return answer.status


@pytest.fixture(params=sorted(apps.ALL))
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    roles: set[str] = {"notes:read"}

    async def claims(session: Session) -> dict[str, Json]:
        return {"scope": " ".join(roles)}

    at = GateHarness(tokens=Tokens(claims=claims))
    async with running(request.param, at.gate) as app:
        ann = Browser(app, mount="/auth")
        assert (await ann.register()).status == 201
        ann.mount = ""
        yield Place(at, ann, at.gate.check.principal([ann.bearer[1]]).account_id, roles)


async def test_the_old_token_is_401_and_the_next_one_403_and_nobody_is_signed_out(place: Place) -> None:
    assert await place.notes() == (200, "")
    place.roles.clear()
    await place.at.gate.refresh_claims(place.account_id)
    place.at.store.verbs.clear()
    answer = await place.ann.send("GET", "/notes", headers=[place.ann.bearer])
    assert (answer.status, answer.code, answer.json()["reason"]) == (401, "invalid-token", "claims-changed")
    assert answer.one("www-authenticate") == 'Bearer error="invalid_token", error_description="claims-changed"'
    assert place.at.store.verbs == [], "no query"
    assert await place.refresh() == 200
    place.at.store.verbs.clear()
    assert await place.notes() == (403, "insufficient-scope")
    assert place.at.store.verbs == []
    assert not place.at.named("session_revoked")
    place.roles.add("notes:read")
    await place.at.gate.refresh_claims(place.account_id)
    assert await place.refresh() == 200
    assert await place.notes() == (200, "")


async def test_the_gate_of_another_service_refuses_what_its_feed_tells() -> None:
    at = GateHarness(tokens=Tokens(claims=lambda session: {"scope": "notes:read"}))
    async with at.gate.running():
        ann = Browser(at.gate.asgi)
        await ann.register()
        account_id = at.gate.check.principal([ann.bearer[1]]).account_id
        heard = RevokedSessions(retention=900)
        heard.load(())
        remote = RemoteGate(
            "https://gate.example/jwks.json", issuer="https://gate.example", audience="https://gate.example",
            revocations=heard,
        )  # fmt: skip
        check = Check(at.gate.check._verifier, revocations=remote._revocations, clock=at.clock)
        assert check.principal([ann.bearer[1]]).account_id == account_id
        await at.gate.refresh_claims(account_id)
        heard.marks.publish([mark for _, mark in at.gate.revocations.marks.after(0)], now=at.clock.now())
        assert check.optional([]) is None
        with pytest.raises(Exception, match="invalid-token"):
            check.principal([ann.bearer[1]])
        await ann.refresh()
        assert check.principal([ann.bearer[1]]).account_id == account_id
