"""respx and pytest-httpx with our client, as docs/guides/testing.md says: what they patch is httpx, and httpx alone."""

from typing import Any

import httpx
import httpx2
import pytest
import respx
from pytest_httpx import HTTPXMock

from gatepass.client import AsyncClient, Client, GatepassAuth
from tests.client.fake_api import URL, Api, signed_in
from tests.client.test_both_libraries import LIBRARIES

OLD: dict[str, Any] = {"timeout": httpx.Timeout(5)}


def granting(api: Api) -> Any:
    """What answers a refresh."""

    def answer(_request: Any) -> httpx.Response:
        given = api.grant()
        return httpx.Response(given.status_code, headers=given.headers.raw, content=given.content)

    return answer


def routes(api: Api, router: Any) -> Any:
    router.post(f"{URL}/auth/refresh").mock(side_effect=granting(api))
    return router.get(f"{URL}/x").respond(json={"id": 1})


@pytest.mark.parametrize("using", ["httpx", "httpcore"])
async def test_respx_answers_a_client_that_is_given_an_object_of_httpx(using: str) -> None:
    with respx.mock(using=using) as router:
        route = routes(Api(), router)
        with Client(URL, storage=signed_in(expired=True), **OLD) as client:
            assert client.get("/x").json() == {"id": 1}
        async with AsyncClient(URL, storage=signed_in(expired=True), **OLD) as async_client:
            assert (await async_client.get("/x")).json() == {"id": 1}
        assert [call.request.headers["Authorization"] for call in route.calls] == ["Bearer ey.1", "Bearer ey.2"]


@pytest.mark.parametrize("using", ["httpx", "httpcore"])
def test_respx_answers_a_client_of_httpx_with_our_auth_and_the_auth(using: str) -> None:
    with respx.mock(using=using) as router:
        route = routes(Api(), router)
        with httpx.Client(auth=GatepassAuth(f"{URL}/auth", storage=signed_in(expired=True))) as own:
            assert own.get(f"{URL}/x").json() == {"id": 1}
        assert route.calls.last.request.headers["Authorization"] == "Bearer ey.1"


async def test_a_router_of_respx_as_a_transport_answers_any_client() -> None:
    router = respx.Router()
    routes(Api(), router)
    transport = httpx.MockTransport(router.handler)
    assert Client(URL, transport=transport, storage=signed_in(expired=True)).get("/x").json() == {"id": 1}
    auth = GatepassAuth(f"{URL}/auth", transport=transport, storage=signed_in(expired=True))
    assert httpx2.Client(auth=auth, transport=httpx2.MockTransport(_ok)).get(f"{URL}/x").status_code == 200
    async with AsyncClient(
        URL, transport=httpx.MockTransport(router.async_handler), storage=signed_in(expired=True)
    ) as client:
        assert (await client.get("/x")).json() == {"id": 1}


def test_a_failure_that_respx_plays_is_repeated_and_raised_as_ours() -> None:
    with respx.mock(base_url=URL) as router:
        route = router.get("/x").mock(side_effect=httpx.ConnectTimeout)
        with Client(URL, **OLD) as client, pytest.raises(httpx.ConnectTimeout):
            client.get("/x", extensions={"gatepass": {"retry": False}})
        assert route.call_count == 1


async def test_pytest_httpx_answers_the_same_clients(httpx_mock: HTTPXMock) -> None:
    api = Api()
    for _ in range(3):
        httpx_mock.add_callback(granting(api), url=f"{URL}/auth/refresh")
        httpx_mock.add_response(url=f"{URL}/x", json={"id": 1})
    with Client(URL, storage=signed_in(expired=True), **OLD) as client:
        assert client.get("/x").json() == {"id": 1}
    async with AsyncClient(URL, storage=signed_in(expired=True), **OLD) as async_client:
        assert (await async_client.get("/x")).json() == {"id": 1}
    with httpx.Client(auth=GatepassAuth(f"{URL}/auth", storage=signed_in(expired=True))) as own:
        assert own.get(f"{URL}/x").json() == {"id": 1}
    assert len(httpx_mock.get_requests()) == 6


@LIBRARIES
def test_the_default_library_is_not_patched_and_the_guide_says_so(library: Any) -> None:
    """A client of httpx2 goes past the patch: if this fails one day, the guide's section can be shorter."""
    with respx.mock(assert_all_called=False) as router:
        router.get("http://127.0.0.1:9/x").respond(200)
        client = Client("http://127.0.0.1:9", timeout=library.Timeout(5), retry=None)
        if library is httpx:
            assert client.get("/x").status_code == 200
        else:
            with pytest.raises(httpx2.ConnectError):
                client.get("/x")


def _ok(_request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200)
