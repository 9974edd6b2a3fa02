"""Interceptors: order, what they may do, and how they leave."""

from typing import Any

import httpx2
import pytest

from gatepass.client import AsyncClient, Client
from tests.client.fake_api import URL, Api, age_token, signed_in


def echo(request: httpx2.Request) -> httpx2.Response:
    if request.url.path == "/lost":
        raise httpx2.ConnectError("lost", request=request)
    return httpx2.Response(200, json={"url": str(request.url), "headers": dict(request.headers)})


@pytest.fixture
def client() -> Client:
    return Client(URL, transport=httpx2.MockTransport(echo))


def test_requests_pass_in_the_order_of_adding_and_responses_in_reverse(client: Client) -> None:
    seen: list[str] = []
    for name in ("a", "b"):
        client.interceptors.request.use(lambda _request, name=name: seen.append(f"{name} out"))
        client.interceptors.response.use(lambda _response, name=name: seen.append(f"{name} back"))
    client.get("/")
    assert seen == ["a out", "b out", "b back", "a back"]


def test_an_ejected_interceptor_is_gone_and_a_second_time_does_nothing(client: Client) -> None:
    seen: list[str] = []
    first = client.interceptors.request.use(lambda _request: seen.append("first"))
    client.interceptors.request.use(lambda _request: seen.append("second"))
    first.eject()
    first.eject()
    client.get("/")
    assert seen == ["second"]


def test_a_request_is_changed_in_place_or_replaced(client: Client) -> None:
    def rename(request: httpx2.Request) -> None:
        request.headers["X-Tenant"] = "t1"
        request.url = request.url.copy_with(host="other.example.com", path="/v2")

    def replace(request: httpx2.Request) -> httpx2.Request:
        return httpx2.Request("PUT", request.url, headers=request.headers, content=b"x")

    client.interceptors.request.use(rename)
    client.interceptors.request.use(replace)
    answer = client.get("/", extensions={"timeout": {"read": 7}})
    echo = answer.json()
    assert echo["url"] == "https://other.example.com/v2"
    assert echo["headers"]["host"] == "other.example.com"
    assert echo["headers"]["x-tenant"] == "t1"
    assert answer.request.method == "PUT"
    assert answer.request.extensions["timeout"] == {"read": 7}


def test_a_request_interceptor_may_answer_in_the_networks_place(client: Client) -> None:
    seen: list[int] = []
    client.interceptors.request.use(lambda _request: httpx2.Response(418))
    client.interceptors.response.use(lambda response: seen.append(response.status_code))
    answer = client.get("/lost")
    assert answer.status_code == 418
    assert answer.request.url.path == "/lost"
    assert seen == [418]


def test_an_error_can_be_recovered_from_and_the_outer_ones_see_a_response(client: Client) -> None:
    seen: list[object] = []
    client.interceptors.response.use(lambda response: seen.append(response.status_code))

    def recover(error: Exception) -> httpx2.Response:
        seen.append(type(error))
        return httpx2.Response(203)

    client.interceptors.response.use(None, recover)
    assert client.get("/lost").status_code == 203
    assert seen == [httpx2.ConnectError, 203]


def test_an_error_that_is_not_recovered_goes_on_and_another_may_take_its_place(client: Client) -> None:
    def other(_error: Exception) -> None:
        raise LookupError("another")

    client.interceptors.response.use(None, other)
    client.interceptors.response.use(None, lambda _error: None)
    with pytest.raises(LookupError, match="another"):
        client.get("/lost")


def test_what_a_request_interceptor_raises_reaches_on_error(client: Client) -> None:
    def refuse(_request: httpx2.Request) -> None:
        raise ValueError("not this one")

    seen: list[str] = []
    client.interceptors.request.use(refuse)
    client.interceptors.response.use(None, lambda error: seen.append(str(error)))
    with pytest.raises(ValueError, match="not this one"):
        client.get("/")
    assert seen == ["not this one"]


def test_when_lets_a_call_pass_by(client: Client) -> None:
    seen: list[str] = []
    client.interceptors.request.use(
        lambda request: seen.append(request.url.path), when=lambda request: request.url.path == "/a"
    )
    client.get("/a")
    client.get("/b")
    assert seen == ["/a"]


def test_use_is_a_decorator_and_the_function_stays_callable(client: Client) -> None:
    @client.interceptors.response.use
    def teapot(_response: httpx2.Response) -> httpx2.Response:
        return httpx2.Response(418)

    assert client.get("/").status_code == 418
    assert teapot(httpx2.Response(200)).status_code == 418
    teapot.eject()
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("given", ["text", 7, {}])
def test_anything_else_is_refused_by_name(client: Client, given: Any) -> None:
    handle = client.interceptors.request.use(lambda _request: given)
    with pytest.raises(TypeError, match=f"not {type(given).__name__}"):
        client.get("/")
    handle.eject()
    client.interceptors.response.use(lambda _response: given)
    with pytest.raises(TypeError, match=f"not {type(given).__name__}"):
        client.get("/")
    with pytest.raises(TypeError, match="is a function"):
        client.interceptors.request.use(given)
    with pytest.raises(TypeError, match="on_response, on_error or both"):
        client.interceptors.response.use()


def test_they_run_once_for_each_call_whatever_is_sent_below() -> None:
    api, seen = Api(), []
    with api.client() as client:
        age_token(client.session, token="ey.worn")
        client.interceptors.request.use(lambda request: seen.append("Authorization" in request.headers))
        client.interceptors.response.use(lambda response: seen.append(response.status_code))
        assert client.get("/x").status_code == 200
    assert seen == [False, 200]
    assert (len(api.calls), len(api.refreshes)) == (2, 1)


async def test_async_clients_take_both_kinds_of_functions() -> None:
    api, seen = Api(), []

    async def later(request: httpx2.Request) -> None:
        seen.append(request.url.path)

    async with AsyncClient(URL, transport=api, storage=signed_in()) as client:
        client.interceptors.request.use(later)
        client.interceptors.response.use(lambda response: seen.append(response.status_code))
        await client.get("/x")
    assert seen == ["/x", 200]


def test_a_sync_client_says_that_it_cannot_await(client: Client) -> None:
    async def later(_request: httpx2.Request) -> None: ...

    client.interceptors.request.use(later)
    with pytest.raises(TypeError, match="later is async"):
        client.get("/")
