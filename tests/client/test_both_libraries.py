"""httpx2 and httpx side by side in one process: what is handed in decides which of them is used (J3)."""

import pickle
from collections.abc import Callable
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest

from gatepass.client import (
    AsyncClient,
    Client,
    GatepassAuth,
    NotFoundError,
    RefreshUnavailableError,
    Retry,
    with_interceptors,
)
from gatepass.client.http import library_among
from tests.client.fake_api import URL, Api, age_token, problem, signed_in

LIBRARIES = pytest.mark.parametrize("library", [httpx2, httpx], ids=["httpx2", "httpx"])
OTHER = {httpx2: httpx, httpx: httpx2}


def over(library: ModuleType, api: Api) -> Any:
    """The API behind a transport of this library."""

    def answer(request: Any) -> Any:
        given = api._answer(request, request.content)
        return library.Response(given.status_code, headers=given.headers.raw, content=given.content)

    return library.MockTransport(answer)


@LIBRARIES
def test_a_client_is_one_of_the_library_whose_transport_it_is_given(library: Any) -> None:
    api = Api()
    with Client(URL, transport=over(library, api), storage=signed_in(expired=True), raise_errors=True) as client:
        assert isinstance(client, Client)
        assert isinstance(client, library.Client)
        assert not isinstance(client, OTHER[library].Client)
        answer = client.post("/x", json={"a": 1})
        assert isinstance(answer, library.Response)
        assert answer.json() == {"a": 1}
        assert len(api.refreshes) == 1
        assert list(client.cookies.jar) == []
        api.answering = lambda _request: problem(404, "not-found")
        with pytest.raises(library.HTTPStatusError) as refused:
            client.get("/gone")
        assert isinstance(refused.value.response, library.Response)


@LIBRARIES
async def test_so_is_an_async_client(library: Any) -> None:
    api = Api()
    mounts = {"all://": over(library, api)}
    async with AsyncClient(URL, mounts=mounts, storage=signed_in(expired=True)) as client:
        assert isinstance(client, AsyncClient)
        assert isinstance(client, library.AsyncClient)
        assert isinstance(await client.get("/x", follow_redirects=True), library.Response)


@LIBRARIES
def test_errors_are_caught_by_the_names_of_either_library(library: Any) -> None:
    for name in (httpx, httpx2):
        client = Client(URL, transport=library.MockTransport(_gone(library)), raise_errors=True)
        with pytest.raises(name.HTTPStatusError) as gone:
            client.get("/gone")
        assert isinstance(gone.value, NotFoundError)
        copy = pickle.loads(pickle.dumps(gone.value))
        assert (type(copy), copy.code, copy.request.url) == (NotFoundError, "gone", f"{URL}/gone")
        offline = Client(
            URL, transport=library.MockTransport(_lost(library)), storage=signed_in(expired=True), retry=None
        )
        with pytest.raises(name.TransportError) as lost:
            offline.get("/x")
        assert isinstance(lost.value, RefreshUnavailableError)
        assert isinstance(lost.value.__cause__, library.ConnectError)


@LIBRARIES
def test_lost_calls_are_repeated_in_either_library(library: Any) -> None:
    asked: list[str] = []
    client = Client(URL, transport=library.MockTransport(_lost(library, asked)), retry=Retry(attempts=3).without_wait())
    with pytest.raises(library.ConnectError):
        client.get("/x")
    assert len(asked) == 3


@LIBRARIES
def test_interceptors_answer_with_responses_of_their_library(library: Any) -> None:
    client = Client(URL, transport=library.MockTransport(_lost(library)))
    client.interceptors.request.use(lambda _request: library.Response(200, text="cached"))
    assert client.get("/x").text == "cached"


@LIBRARIES
def test_an_own_client_of_either_library_gets_our_layers(library: Any) -> None:
    class Own(library.Client):  # type: ignore[misc]
        pass

    own = Own(base_url=URL, transport=over(library, Api()))
    layered = with_interceptors(own, storage=signed_in(expired=True))
    assert isinstance(layered, Client)
    assert isinstance(layered, Own)
    assert layered.get("/x").status_code == 200
    with pytest.raises(TypeError, match="already"):
        with_interceptors(layered)


def test_what_is_no_client_gets_none() -> None:
    with pytest.raises(TypeError, match=r"no client of httpx2 or httpx: builtins\.str"):
        with_interceptors("a client")  # type: ignore[type-var]


def test_one_auth_serves_clients_of_both_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own calls go over the library of the client that it is used in."""
    api = Api()
    auth = GatepassAuth(f"{URL}/auth", storage=signed_in(expired=True))
    assert isinstance(auth, httpx.Auth)
    assert isinstance(auth, httpx2.Auth)
    used: list[str] = []
    for library in (httpx, httpx2):
        monkeypatch.setattr(library.HTTPTransport, "handle_request", _recording(used, library, api))
    for library in (httpx, httpx2):
        with library.Client(transport=over(library, api), auth=auth) as own:
            assert own.get(f"{URL}/x").status_code == 200
            age_token(auth.session, token="ey.old")
    assert used == ["httpx", "httpx2"]
    assert len(api.refreshes) == 2


async def test_so_it_does_for_async_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api()
    auth = GatepassAuth(f"{URL}/auth", storage=signed_in(expired=True))
    used: list[str] = []
    for library in (httpx, httpx2):
        monkeypatch.setattr(
            library.AsyncHTTPTransport, "handle_async_request", _awaited(_recording(used, library, api))
        )
    for library in (httpx, httpx2):
        async with library.AsyncClient(transport=over(library, api), auth=auth) as own:
            assert (await own.get(f"{URL}/x")).status_code == 200
            age_token(auth.session, token="ey.old")
    assert used == ["httpx", "httpx2"]


@LIBRARIES
def test_the_auths_own_transport_decides_for_its_own_calls(library: Any) -> None:
    api = Api()
    auth = GatepassAuth(f"{URL}/auth", storage=signed_in(expired=True), transport=over(library, api))
    other = OTHER[library]
    with other.Client(transport=over(other, api), auth=auth) as own:
        assert own.get(f"{URL}/x").status_code == 200
    assert isinstance(api.refreshes[0], library.Request)


def test_objects_of_both_libraries_in_one_client_are_refused() -> None:
    with pytest.raises(TypeError, match="of the same library"):
        Client(URL, transport=httpx.MockTransport(_gone(httpx)), timeout=httpx2.Timeout(5))
    with Client(httpx.URL(URL), timeout=httpx.Timeout(5)) as client:
        assert isinstance(client, httpx.Client)
    assert library_among({"timeout": 5, "headers": {}}) is None


def test_a_class_of_your_own_is_of_the_default_library_and_says_so() -> None:
    class Own(Client):
        def __init__(self, tenant: str, **options: Any) -> None:
            super().__init__(URL, **options)
            self.tenant = tenant

    assert Own("t").tenant == "t"
    with pytest.raises(TypeError, match=r"Own is a client of httpx2 .*library\.use\('httpx'\)"):
        Own("t", transport=httpx.MockTransport(_gone(httpx)))


def _gone(library: Any) -> Callable[[Any], Any]:
    return lambda _request: library.Response(404, json={"code": "gone"})


def _lost(library: Any, asked: list[str] | None = None) -> Callable[[Any], Any]:
    def answer(request: Any) -> Any:
        if asked is not None:
            asked.append(str(request.url))
        raise library.ConnectError("lost", request=request)

    return answer


def _recording(used: list[str], library: Any, api: Api) -> Callable[..., Any]:
    def handle(_transport: Any, request: Any) -> Any:
        used.append(library.__name__)
        return over(library, api).handle_request(request)

    return handle


def _awaited(handle: Callable[..., Any]) -> Callable[..., Any]:
    async def awaited(*arguments: Any) -> Any:
        await arguments[1].aread()
        return handle(*arguments)

    return awaited
