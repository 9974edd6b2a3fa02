"""`GatepassAuth` and `with_interceptors`: our session and layers for a client that an application already has."""

import asyncio

import httpx2
import pytest

from gatepass.client import AsyncClient, Client, GatepassAuth, with_interceptors
from gatepass.client.errors import NotReplayableError, RefreshUnavailableError
from tests.client.fake_api import URL, Api, age_token, signed_in, together
from tests.client.harness import PASSWORD, Harness


def auth(api: Api, *, expired: bool = False) -> GatepassAuth:
    return GatepassAuth(f"{URL}/auth", storage=signed_in(expired=expired), transport=api, async_transport=api)


def test_an_own_client_with_our_auth_signs_in_and_refreshes(real: Harness) -> None:
    gate = GatepassAuth(f"{real.url}/auth")
    with httpx2.Client(base_url=real.url, auth=gate) as own:
        with pytest.raises(httpx2.HTTPStatusError):
            gate.sign_in("own@example.com", PASSWORD)
        with Client(real.url) as other:
            other.sign_up("own@example.com", PASSWORD)
        gate.sign_in("own@example.com", PASSWORD)
        age_token(gate.session, token="ey.of.yesterday")
        real.proxy.exchanges.clear()
        answer = own.get("/auth/me")
        assert answer.status_code == 200
        assert real.proxy.count("/auth/refresh") == 1
        assert list(own.cookies.jar) == []
        gate.sign_out()
        assert own.get("/auth/me").status_code == 401


def test_threads_with_our_auth_make_one_refresh() -> None:
    api = Api()
    api.seconds = 0.05
    with httpx2.Client(base_url=URL, transport=api, auth=auth(api, expired=True)) as own:
        assert together(20, lambda: own.get("/x").status_code) == [200] * 20
    assert len(api.refreshes) == 1


async def test_tasks_with_our_auth_make_one_refresh() -> None:
    api = Api()
    api.seconds = 0.05
    async with httpx2.AsyncClient(base_url=URL, transport=api, auth=auth(api, expired=True)) as own:
        answers = await asyncio.gather(*[own.get("/x") for _ in range(50)])
    assert {answer.status_code for answer in answers} == {200}
    assert len(api.refreshes) == 1


def test_our_auth_sends_no_token_elsewhere_and_no_broken_body() -> None:
    api = Api()
    with httpx2.Client(transport=api, auth=auth(api)) as own:
        own.get("https://other.example.com/x")
        assert "Authorization" not in api.calls[0].headers
        gate = own.auth
        assert isinstance(gate, GatepassAuth)
        assert own.get(f"{URL}/x").status_code == 200
        age_token(gate.session, token="ey.worn")
        with pytest.raises(NotReplayableError):
            own.post(f"{URL}/x", content=iter([b"a"]))
    assert b"" not in api.bodies[-2:-1]


def test_a_lost_refresh_is_seen_though_httpx_tells_an_auth_nothing(real: Harness) -> None:
    api = Api()

    def lost(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("lost", request=request)

    api.refreshing = lost
    gate = auth(api, expired=True)
    with httpx2.Client(transport=api, auth=gate) as own, pytest.raises(RefreshUnavailableError):
        own.get(f"{URL}/x")
    assert gate.session.status == "degraded"


def test_an_own_client_gets_our_layers_over_its_own_connections() -> None:
    api = Api()

    class Own(httpx2.Client):
        sent = 0

        def send(self, *arguments: object, **named: object) -> httpx2.Response:
            self.sent += 1
            return super().send(*arguments, **named)  # type: ignore[arg-type]

    own = Own(base_url=URL, transport=api, headers={"X-Own": "1"})
    with with_interceptors(own, storage=signed_in(expired=True)) as layered:
        assert isinstance(layered, Client)
        assert isinstance(layered, Own)
        layered.interceptors.request.use(lambda request: request.headers.update({"X-Tenant": "t"}))
        assert layered.get("/x").status_code == 200
        assert (api.calls[0].headers["X-Tenant"], api.calls[0].headers["X-Own"]) == ("t", "1")
        assert layered.sent == 2, "what the own class does goes below the layers: the refresh and the call"
        own.get("/y")
        assert "X-Tenant" not in api.calls[-1].headers
        with pytest.raises(TypeError, match="already"):
            with_interceptors(layered)
    assert own.is_closed


async def test_an_own_async_client_gets_them_too() -> None:
    api = Api()
    own = httpx2.AsyncClient(base_url=URL, transport=api)
    async with with_interceptors(own, storage=signed_in(expired=True)) as layered:
        assert isinstance(layered, AsyncClient)
        assert (await layered.get("/x")).status_code == 200
