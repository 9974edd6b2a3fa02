"""`AsyncClient` behaves as `Client` does, against the real server."""

import asyncio
import contextlib
from collections.abc import Iterator

import httpx2
import pytest

from gatepass.client import AsyncClient, Client, FileStorage, MemoryStorage
from gatepass.client.errors import RefreshUnavailableError, SessionEndedError
from tests.client.fake_api import URL, Api, age_token, problem, signed_in
from tests.client.harness import PASSWORD, Harness, expire
from tools.services.patience import PATIENCE

REFRESH = "/auth/refresh"


async def test_a_whole_day(real: Harness) -> None:
    async with AsyncClient(real.url, retry=None) as api:
        account = await api.sign_up("async@example.com", PASSWORD)
        assert account is not None
        age_token(api.session, token="ey.of.yesterday")
        assert (await api.get("/auth/me")).json()["email"] == account.email
        await api.sign_out()
        assert api.session.status == "ended"
        assert (await api.get("/auth/me")).status_code == 401
        assert await api.sign_in("async@example.com", PASSWORD) == account
        assert (await api.get("/auth/me")).status_code == 200
        assert list(api.cookies.jar) == []


@pytest.mark.parametrize("loss", ["lose_answers", "lose_requests", "cut_answers"])
async def test_a_lost_refresh_keeps_the_session(real: Harness, loss: str) -> None:
    async with AsyncClient(real.url, retry=None) as api:
        await api.sign_up(f"{loss}@example.com", PASSWORD)
        age_token(api.session, left=-1)
        getattr(real.proxy, loss)(REFRESH)
        with pytest.raises(RefreshUnavailableError):
            await api.get("/auth/me")
        seen = [api.session.status]
        assert (await api.get("/auth/me")).status_code == 200
        assert [*seen, api.session.status] == ["degraded", "active"]


async def test_it_goes_on_with_a_file_that_a_sync_client_wrote(real: Harness) -> None:
    storage = await asyncio.to_thread(real.sign_up, "colours")
    expire(storage)
    async with AsyncClient(real.url, storage=FileStorage(storage.path)) as api:
        assert (await api.get("/auth/me")).status_code == 200

    def later() -> int:
        with Client(real.url, storage=FileStorage(storage.path)) as client:
            return client.get("/auth/me").status_code

    assert await asyncio.to_thread(later) == 200


async def test_the_refresh_beside_a_call_is_waited_for_at_the_end() -> None:
    api = Api()
    api.seconds = 0.05
    storage = signed_in()
    async with AsyncClient(URL, transport=api, storage=storage) as client:
        age_token(client.session, left=55)
        answer = await client.get("/x")
        assert answer.request.headers["Authorization"] == "Bearer ey.0"
    assert storage.load().access_token == "ey.1"


async def test_an_end_is_told_to_every_caller_that_waited() -> None:
    api = Api()
    api.seconds = 0.02
    api.refreshing = lambda _request: problem(401, "session-ended", sid="ab" * 16, reason="revoked")
    async with AsyncClient(URL, transport=api, storage=signed_in(expired=True)) as client:
        results = await asyncio.gather(*[client.get("/x") for _ in range(5)], return_exceptions=True)
    assert [type(result) for result in results] == [SessionEndedError] * 5
    assert len(api.refreshes) == 1


async def test_a_stream_is_refreshed_too_and_stays_a_stream() -> None:
    api = Api()
    async with AsyncClient(URL, transport=api, storage=signed_in()) as client:
        age_token(client.session, token="ey.worn")
        async with client.stream("POST", "/x", content=b"body") as answer:
            assert await answer.aread() == b"body"


async def test_whoever_is_cancelled_while_waiting_for_the_lock_does_not_keep_it() -> None:
    api, waiting, loop = Api(), asyncio.Event(), asyncio.get_running_loop()

    class Watched(MemoryStorage):
        @contextlib.contextmanager
        def locked(self, timeout: float) -> Iterator[bool]:
            loop.call_soon_threadsafe(waiting.set)
            with super().locked(timeout) as held:
                yield held

    storage = Watched()
    storage.save(signed_in(expired=True).load())
    async with AsyncClient(URL, transport=api, storage=storage) as client:
        with MemoryStorage.locked(storage, 1):
            signing = asyncio.create_task(client.sign_in("ann@example.com", PASSWORD))
            await asyncio.wait_for(waiting.wait(), PATIENCE)
            signing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await signing

        def lock() -> bool:
            with storage.locked(5) as held:
                return held

        assert await asyncio.to_thread(lock)
        assert (await client.get("/x")).status_code == 200


async def test_httpx2_features_stay() -> None:
    api = Api()
    api.answering = lambda call: httpx2.Response(302, headers={"Location": "/x"}) if call.url.path == "/r" else None
    async with AsyncClient(URL, transport=api, storage=signed_in(), follow_redirects=True) as client:
        answer = await client.post("/r", json={"a": 1})
    assert [past.status_code for past in answer.history] == [302]
    assert answer.request.headers["Authorization"] == "Bearer ey.0"
