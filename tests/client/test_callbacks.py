"""Code of the application that runs beside a call: what it throws is its own, and harms no session."""

import logging
from typing import Any

import httpx2
import pytest

from gatepass.client import AsyncClient, Client, MemoryStorage, SessionEndedError
from tests.client.fake_api import SID, URL, Api, problem, signed_in


def raising(_error: SessionEndedError) -> None:
    raise KeyError("a bug of the application")


def ended() -> Api:
    api = Api()
    api.refreshing = lambda _request: problem(401, "session-ended", sid=SID, reason="revoked")
    return api


def test_an_error_of_on_ended_is_logged_and_the_caller_gets_the_end(caplog: pytest.LogCaptureFixture) -> None:
    api = ended()
    with api.client(storage=signed_in(expired=True), on_ended=raising) as client:
        with pytest.raises(SessionEndedError) as over:
            client.get("/notes")
        assert (over.value.reason, client.session.status) == ("revoked", "ended")
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [KeyError]


async def test_of_an_async_client_too() -> None:
    api = ended()
    options: dict[str, Any] = {"transport": api, "storage": signed_in(expired=True), "on_ended": raising, "retry": None}
    async with AsyncClient(URL, **options) as client:
        with pytest.raises(SessionEndedError):
            await client.get("/notes")


def test_a_sign_out_reaches_the_server_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    api = Api()
    with caplog.at_level(logging.ERROR), api.client(on_ended=raising) as client:
        client.sign_out()
    assert [request.url.path for request in api.requests] == ["/auth/logout"]


def refuse(response: httpx2.Response) -> None:
    response.raise_for_status()


async def refuse_async(response: httpx2.Response) -> None:
    response.raise_for_status()


def superseded_once(api: Api) -> None:
    answers = iter([problem(409, "refresh-superseded", sid=SID, refresh_generation=3, refresh_challenge="A" * 11)])
    api.refreshing = lambda _request: next(answers, None)


def test_a_hook_that_raises_for_a_status_is_about_the_calls_and_not_about_a_refresh() -> None:
    api = Api()
    superseded_once(api)
    storage: MemoryStorage = signed_in(expired=True)
    with Client(URL, transport=api, storage=storage, event_hooks={"response": [refuse]}) as client:
        assert client.get("/notes").status_code == 200
        api.answering = lambda _request: httpx2.Response(404)
        with pytest.raises(httpx2.HTTPStatusError):
            client.get("/nowhere")
    assert len(api.refreshes) == 2


async def test_nor_is_one_of_an_async_client() -> None:
    api = Api()
    superseded_once(api)
    hooks = {"response": [refuse_async]}
    async with AsyncClient(URL, transport=api, storage=signed_in(expired=True), event_hooks=hooks) as client:
        assert (await client.get("/notes")).status_code == 200
    assert len(api.refreshes) == 2
