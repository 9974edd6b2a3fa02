"""At most one refresh at a time, for any number of threads, tasks and event loops."""

import asyncio
import os
import threading
import time
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from gatepass.client import AsyncClient, Client
from gatepass.client.errors import RefreshUnavailableError, SessionEndedError
from gatepass.client.flow import drive
from gatepass.client.session import clock
from gatepass.client.session.single_flight import SingleFlight
from tests.client.fake_api import URL, Api, age_token, problem, signed_in, together
from tests.client.harness import PASSWORD, Harness
from tools.services.patience import PATIENCE

REFRESH = "/auth/refresh"


def test_fifty_threads_with_a_refused_token_make_one_refresh_and_all_succeed(real: Harness) -> None:
    limits = httpx2.Limits(max_connections=50)
    with Client(real.url, limits=limits) as client:
        client.sign_up("threads@example.com", PASSWORD)
        age_token(client.session, token="ey.of.yesterday")
        real.proxy.exchanges.clear()
        answers = together(50, lambda: client.get("/auth/me").status_code)
    assert answers == [200] * 50
    assert real.proxy.count(REFRESH) == 1


@pytest.mark.slow
async def test_five_hundred_tasks_with_an_expired_token_make_one_refresh_and_all_succeed(real: Harness) -> None:
    async with AsyncClient(real.url, limits=httpx2.Limits(max_connections=20)) as client:
        await client.sign_up("tasks@example.com", PASSWORD)
        age_token(client.session, left=-1)
        real.proxy.exchanges.clear()
        answers = await asyncio.gather(*[client.get("/auth/me") for _ in range(500)])
        assert {answer.status_code for answer in answers} == {200}
        assert real.proxy.count(REFRESH) == 1


async def test_five_hundred_tasks_whose_tokens_are_refused_make_one_refresh() -> None:
    api = Api()
    api.seconds = 0.01
    async with AsyncClient(URL, transport=api, storage=signed_in()) as client:
        age_token(client.session, token="ey.worn")
        answers = await asyncio.gather(*[client.get("/x") for _ in range(500)])
    assert {answer.status_code for answer in answers} == {200}
    assert len(api.refreshes) == 1


def test_all_who_wait_for_a_refresh_that_fails_are_told_and_none_asks_again() -> None:
    api = Api()
    api.seconds = 0.2
    api.refreshing = lambda _request: problem(503, "overloaded", {"Retry-After": "60"})
    with api.client(storage=signed_in(expired=True)) as client:
        failures = together(20, lambda: client.get("/x"))
    assert {type(failure) for failure in failures} == {RefreshUnavailableError}
    assert len({id(failure) for failure in failures}) == 20, "each caller gets its own exception: tracebacks do not mix"
    assert (len(api.refreshes), api.calls) == (1, [])


async def test_a_cancelled_caller_leaves_alone_and_the_refresh_goes_on() -> None:
    release = asyncio.Event()
    arrived: list[str] = []

    class Held(Api):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.url.path == REFRESH:
                arrived.append(request.headers["Gatepass-Proof"])
                await release.wait()
            return await super().handle_async_request(request)

    api = Held()
    async with AsyncClient(URL, transport=api, storage=signed_in(expired=True)) as client:
        leader = asyncio.create_task(client.get("/first"))
        await _until(lambda: arrived)
        others = [asyncio.create_task(client.get("/other")) for _ in range(3)]
        await asyncio.sleep(0)
        leader.cancel()
        others[0].cancel()
        results = await asyncio.gather(leader, others[0], return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] * 2
        release.set()
        assert [answer.status_code for answer in await asyncio.gather(*others[1:])] == [200, 200]
    assert len(arrived) == len(api.refreshes) == 1


def test_two_event_loops_and_a_thread_share_a_session_and_one_refresh() -> None:
    api = Api()
    api.seconds = 0.1
    with api.client(storage=signed_in(expired=True)) as client:
        session = client.session

        async def in_a_loop() -> int:
            async with AsyncClient(URL, transport=api, session=session) as mine:
                answers = await asyncio.gather(*[mine.get("/x") for _ in range(10)])
                return sum(answer.status_code == 200 for answer in answers)

        acts: list[Any] = [lambda: asyncio.run(in_a_loop())] * 2 + [lambda: int(client.get("/x").is_success)]
        turns = iter(acts)
        lock = threading.Lock()

        def act() -> int:
            with lock:
                mine = next(turns)
            return int(mine())

        assert sorted(together(3, act)) == [1, 10, 10]
    assert len(api.refreshes) == 1


def test_a_loop_that_goes_down_with_the_refresh_leaves_it_to_those_who_wait() -> None:
    api = Api()
    started, down = threading.Event(), threading.Event()

    class Stuck(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, _request: httpx2.Request) -> httpx2.Response:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

    with api.client(storage=signed_in(expired=True)) as client:

        async def lead_and_die() -> None:
            mine = AsyncClient(URL, transport=Stuck(), session=client.session)
            call = asyncio.create_task(mine.get("/x"))
            await asyncio.to_thread(down.wait, PATIENCE)
            call.cancel()

        leader = threading.Thread(target=lambda: asyncio.run(lead_and_die()))
        leader.start()
        assert started.wait(PATIENCE)
        waiter: list[int] = []
        waiting = threading.Thread(target=lambda: waiter.append(client.get("/x").status_code))
        waiting.start()
        down.set()
        leader.join()
        waiting.join(PATIENCE)
    assert waiter == [200]


def test_an_error_in_a_flight_reaches_all_and_the_next_one_flies() -> None:
    flights: SingleFlight[int] = SingleFlight()
    flight, leads = flights.enter()
    other, also = flights.enter()
    assert (leads, also, other is flight) == (True, False, True)
    flights.finish(flight, None, ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        other.result(0)
    assert flights.enter()[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks only where there is fork")
def test_a_forked_child_does_not_wait_for_a_flight_of_its_parent() -> None:
    flights: SingleFlight[int] = SingleFlight()
    flights.enter()
    child = os.fork()
    if child == 0:
        os._exit(0 if flights.enter()[1] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


async def _until(holds: Any) -> None:
    while not holds():
        await asyncio.sleep(0)


def test_a_refresh_that_ends_while_a_refused_call_looks_at_its_token_is_not_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The token source reads the clock after it has read its token: another thread brings a newer one just then."""
    api = Api()
    with api.client() as client:
        assert client.get("/x").status_code == 200
        age_token(client.session, token="ey.worn")
        real, others = clock.now, [lambda: drive(client.session.refresh(), client)]

        def now() -> float:
            if api.calls[-1].headers["Authorization"] == "Bearer ey.worn" and others:
                others.pop()()
            return real()

        monkeypatch.setattr(clock, "now", now)
        assert client.get("/x").status_code == 200
    assert (len(api.refreshes), others) == (1, [])


def test_a_call_of_one_user_fails_if_another_signs_in_while_it_looks_at_its_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api = Api()
    with api.client() as client:
        age_token(client.session, token="ey.worn")
        real, storage = clock.now, client.session._saved.storage
        others = [replace(storage.load(), sid="cd" * 16, access_token="ey.9", expires_at=time.time() + 900)]

        def now() -> float:
            if api.calls and others:
                storage.save(others.pop())
                client.session._saved.refresh_if_changed()
            return real()

        monkeypatch.setattr(clock, "now", now)
        with pytest.raises(SessionEndedError):
            client.get("/x")
    assert [call.headers["Authorization"] for call in api.calls] == ["Bearer ey.worn"]
