"""Roles that change at once (PROTOCOL §7): five calls are refused, one refresh brings the new claims, all go on."""

import asyncio

import httpx2
import pytest

from gatepass.client import AsyncClient
from tests.client.fake_api import URL, Api, signed_in, together

REASON = {"code": "invalid-token", "reason": "claims-changed"}
CHALLENGE = {"WWW-Authenticate": 'Bearer error="invalid_token", error_description="claims-changed"'}


class Marking(Api):
    """An API that refuses every access token of before the last mark."""

    def __init__(self, *, says: str = "challenge") -> None:
        super().__init__()
        self.least = 0
        self.marks_at_refresh = 0
        self.says = says
        self.answering = self._judge

    def mark(self) -> None:
        self.least = self.generation + 1

    def grant(self) -> httpx2.Response:
        granted = super().grant()
        if self.marks_at_refresh:
            self.marks_at_refresh -= 1
            self.mark()
        return granted

    def _judge(self, request: httpx2.Request) -> httpx2.Response | None:
        if int(request.headers["Authorization"].rpartition(".")[2]) >= self.least:
            return None
        if self.says == "challenge":
            return httpx2.Response(401, headers=CHALLENGE)
        return httpx2.Response(401, json=REASON)


@pytest.mark.parametrize("says", ["challenge", "document"])
def test_five_calls_at_once_cost_one_refresh_however_young_the_token_is(says: str) -> None:
    api = Marking(says=says)
    with api.client() as client:
        assert client.get("/x").status_code == 200
        before = len(api.refreshes)
        api.mark()
        assert together(5, lambda: client.get("/x").status_code) == [200] * 5
        assert len(api.refreshes) == before + 1
        assert client.session.status == "active"


async def test_the_async_client_too() -> None:
    api = Marking()
    async with AsyncClient(URL, transport=api, storage=signed_in()) as client:
        assert (await client.get("/x")).status_code == 200
        before = len(api.refreshes)
        api.mark()
        answers = await asyncio.gather(*(client.get("/x") for _ in range(5)))
        assert [answer.status_code for answer in answers] == [200] * 5
        assert len(api.refreshes) == before + 1
        assert client.session.status == "active"


def test_it_goes_on_where_the_claims_changed_again_while_the_newer_token_was_made() -> None:
    api = Marking()
    with api.client() as client:
        client.get("/x")
        api.mark()
        api.marks_at_refresh = 1
        assert client.get("/x").status_code == 200


def test_it_gives_up_where_they_change_at_every_refresh_and_stays_signed_in() -> None:
    api = Marking()
    with api.client() as client:
        client.get("/x")
        before = len(api.refreshes)
        api.mark()
        api.marks_at_refresh = 99
        assert client.get("/x").status_code == 401
        assert len(api.refreshes) == before + 2
        assert client.session.status == "active"


@pytest.mark.parametrize("refused", [1, 2])
def test_a_change_of_password_goes_on_with_a_young_token_whose_claims_have_changed(refused: int) -> None:
    """The endpoints of the gate are guarded as all others; a token may be of a refresh from before the change."""
    proofs: list[str] = []

    class Endpoint(Api):
        def _answer(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
            if request.url.path == "/auth/password":
                proofs.append(request.headers["Authorization"])
                return httpx2.Response(401, json=REASON) if len(proofs) <= refused else self.grant()
            return super()._answer(request, body)

    with Endpoint().client() as client:
        client.change_password("old", "new")
    assert len(set(proofs)) == refused + 1
