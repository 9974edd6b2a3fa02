"""A bug in code of the application is itself, wherever the client calls it: no transport error, and not sent again."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from gatepass.client import AsyncClient, Client, Retry, SessionEndedError
from gatepass.client.errors import ClientError
from tests.client.fake_api import URL

BUG = KeyError("title")


def bug(*_: Any, **__: Any) -> Any:
    raise BUG


def ok(_request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, json=[])


def with_transport(client: type[Client]) -> Client:
    return client(URL, transport=httpx2.MockTransport(bug))


def with_hook(client: type[Client]) -> Client:
    return client(URL, transport=httpx2.MockTransport(ok), event_hooks={"response": [bug]})


def with_request_interceptor(client: type[Client]) -> Client:
    made = client(URL, transport=httpx2.MockTransport(ok))
    made.interceptors.request.use(bug)
    return made


def with_response_interceptor(client: type[Client]) -> Client:
    made = client(URL, transport=httpx2.MockTransport(ok))
    made.interceptors.response.use(bug)
    return made


def with_auth(client: type[Client]) -> Client:
    return client(URL, transport=httpx2.MockTransport(ok), auth=bug)


@pytest.mark.parametrize(
    "made", [with_transport, with_hook, with_request_interceptor, with_response_interceptor, with_auth]
)
def test_a_bug_is_what_the_caller_gets(made: Callable[[type[Client]], Client]) -> None:
    with pytest.raises(KeyError) as raised:
        made(Client).get("/notes")
    assert raised.value is BUG
    assert not isinstance(raised.value, ClientError | httpx2.HTTPError | SessionEndedError)


def test_a_bug_is_not_sent_again() -> None:
    sent: list[httpx2.Request] = []

    def transport(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        raise BUG

    client = Client(URL, transport=httpx2.MockTransport(transport), retry=Retry().without_wait())
    with pytest.raises(KeyError):
        client.get("/notes")
    assert len(sent) == 1


async def test_a_bug_in_an_async_client_is_itself_too() -> None:
    client = AsyncClient(URL, transport=httpx2.MockTransport(bug))
    with pytest.raises(KeyError):
        await client.get("/notes")
