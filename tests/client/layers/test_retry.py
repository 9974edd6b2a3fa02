"""What is sent again, when, how often, and what is not."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gatepass.client import AsyncClient, Client, call_options
from gatepass.client.errors import ProblemError, RefreshUnavailableError
from gatepass.client.layers.retry import Budget, Retry
from tests.client.fake_api import URL, Api, signed_in
from tests.support.fake_time import FakeTime

SCHEDULE = json.loads((Path(__file__).parents[3] / "contract" / "retry_schedule.json").read_text())


def at_once() -> Retry:
    """Without waiting, and with a budget of its own."""
    return Retry(budget=Budget()).without_wait()


class Flaky:
    """Fails in the given ways, then answers 200. Reads each body to its end, as a socket does."""

    def __init__(self, *failures: int | type[Exception] | httpx2.Response) -> None:
        self.failures = list(failures)
        self.bodies: list[bytes] = []
        self.keys: list[str | None] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.bodies.append(request.read())
        self.keys.append(request.headers.get("Idempotency-Key"))
        failure = self.failures.pop(0) if self.failures else 200
        if isinstance(failure, int):
            return httpx2.Response(failure)
        if isinstance(failure, httpx2.Response):
            return failure
        raise failure("lost", request=request)  # type: ignore[call-arg]

    @property
    def count(self) -> int:
        return len(self.bodies)

    def client(self, retry: Retry | None = None, **arguments: Any) -> Client:
        return Client(URL, transport=httpx2.MockTransport(self), retry=retry or at_once(), **arguments)


class TestTheContract:
    def test_the_defaults_are_those_of_both_languages(self) -> None:
        retry, defaults = Retry(), SCHEDULE["defaults"]
        assert (retry.attempts, retry.deadline) == (defaults["attempts"], defaults["deadline_s"])
        assert (retry.initial_wait, retry.max_wait) == (defaults["initial_wait_s"], defaults["max_wait_s"])
        assert retry.max_retry_after == defaults["max_retry_after_s"]
        assert retry.budget.left("https://x") == defaults["budget"]["capacity"]

    @pytest.mark.parametrize(("method", "is_sent_again"), SCHEDULE["methods"].items())
    def test_methods(self, method: str, is_sent_again: bool) -> None:
        assert Retry().allows(method, has_key=False) is is_sent_again
        assert Retry().allows(method, has_key=True)

    @pytest.mark.parametrize(("status", "is_sent_again"), SCHEDULE["statuses"].items())
    def test_statuses(self, status: str, is_sent_again: bool) -> None:
        assert Retry().covers(int(status)) is is_sent_again

    @pytest.mark.parametrize("row", SCHEDULE["waits"], ids=str)
    def test_waits(self, row: dict[str, Any]) -> None:
        retry = Retry(draw=lambda: row["drawn"])
        assert retry.wait(row["attempt"], retry_after=row["retry_after_s"]) == pytest.approx(row["wait_s"])

    @pytest.mark.parametrize("row", SCHEDULE["deadlines"], ids=str)
    def test_deadlines(self, row: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        clock, flaky = FakeTime(), Flaky(httpx2.Response(503, headers={"Retry-After": str(row["retry_after_s"])}))

        def slow(request: httpx2.Request) -> httpx2.Response:
            clock.now += row["elapsed_s"]
            return flaky(request)

        monkeypatch.setattr("gatepass.client.layers.retry.time", clock)
        monkeypatch.setattr("gatepass.client.flow.time", clock)
        retry = Retry(budget=Budget(), draw=lambda: 0.0)
        client = Client(URL, transport=httpx2.MockTransport(slow), retry=retry)
        assert client.get("/").status_code == (200 if row["is_sent_again"] else 503)


class TestWhatIsSentAgain:
    @pytest.mark.parametrize("failure", [503, 429, 408, httpx2.ConnectError, httpx2.ReadTimeout, httpx2.ReadError])
    def test_an_idempotent_call_until_it_comes_through(self, failure: int | type[Exception]) -> None:
        flaky = Flaky(failure, failure)
        assert flaky.client().get("/").status_code == 200
        assert flaky.count == 3

    def test_no_more_often_than_it_says_and_then_the_caller_gets_what_there_was(self) -> None:
        flaky = Flaky(*[503] * 9)
        assert flaky.client().get("/").status_code == 503
        assert flaky.count == 4
        flaky = Flaky(*[httpx2.ConnectError] * 9)
        with pytest.raises(httpx2.ConnectError):
            flaky.client().get("/")
        assert flaky.count == 4

    @pytest.mark.parametrize("status", [400, 401, 404, 409, 501])
    def test_no_answer_that_would_be_the_same_again(self, status: int) -> None:
        flaky = Flaky(status)
        assert flaky.client().get("/").status_code == status
        assert flaky.count == 1

    @pytest.mark.parametrize("failure", [503, httpx2.ReadError, httpx2.ConnectError])
    def test_no_post_without_a_key(self, failure: int | type[Exception]) -> None:
        flaky = Flaky(failure)
        with contextlib.suppress(httpx2.TransportError):
            flaky.client().post("/", json={})
        assert flaky.count == 1

    def test_a_post_with_a_key_which_is_the_same_each_time(self) -> None:
        flaky = Flaky(503, 503)
        answer = flaky.client().post("/", json={"n": 1}, extensions=call_options(idempotency_key="auto"))
        assert answer.status_code == 200
        assert len(set(flaky.keys)) == 1
        assert flaky.keys[0]
        assert flaky.bodies == [b'{"n":1}'] * 3

    def test_a_file_is_sent_whole_each_time(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"x" * 100_000)
        flaky = Flaky(503, httpx2.WriteError)
        with (tmp_path / "x").open("rb") as file:
            assert flaky.client().put("/", content=file).status_code == 200
        assert flaky.bodies == [b"x" * 100_000] * 3

    def test_what_can_be_read_only_once_is_not_sent_again_and_that_is_said(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def once() -> Iterator[bytes]:
            yield b"x"

        api = Api()

        def lose(request: httpx2.Request) -> httpx2.Response:
            raise httpx2.WriteError("lost", request=request)

        api.answering = lose
        with pytest.raises(httpx2.WriteError) as raised:
            api.client(retry=at_once()).put("/", content=once())
        assert len(api.calls) == 1
        assert raised.value.__notes__ == ["not sent again: its body can be read only once"]
        assert "read only once" in caplog.text

    def test_a_call_may_want_it_otherwise(self) -> None:
        flaky = Flaky(503)
        assert flaky.client().get("/", extensions=call_options(retry=False)).status_code == 503
        flaky = Flaky(503, 503, 503)
        two = Retry(attempts=2, budget=Budget()).without_wait()
        assert flaky.client().get("/", extensions=call_options(retry=two)).status_code == 503
        assert flaky.count == 2

    def test_a_refresh_that_is_unavailable_is_waited_for_whatever_the_method(self) -> None:
        api = Api()
        failures = [httpx2.Response(503, headers={"Retry-After": "0"})]
        api.refreshing = lambda _request: failures.pop() if failures else None
        client = api.client(storage=signed_in(expired=True), retry=Retry(budget=Budget()))
        assert client.post("/", content=b"x").status_code == 200
        assert [len(api.refreshes), len(api.calls)] == [2, 1]

    def test_typed_errors_know_how_often_it_was_tried(self) -> None:
        flaky = Flaky(*[503] * 9)
        with pytest.raises(ProblemError) as raised:
            flaky.client(raise_errors=True).get("/")
        assert raised.value.attempts == 4

    async def test_it_is_the_same_for_an_async_client(self) -> None:
        flaky = Flaky(503, httpx2.ConnectError)
        async with AsyncClient(URL, transport=httpx2.MockTransport(flaky), retry=at_once()) as client:
            assert (await client.get("/")).status_code == 200
        assert flaky.count == 3


class TestWaiting:
    def test_what_has_no_chance_within_the_deadline_is_not_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock, flaky = FakeTime(), Flaky(httpx2.Response(503, headers={"Retry-After": "40"}))
        monkeypatch.setattr("gatepass.client.layers.retry.time", clock)
        monkeypatch.setattr("gatepass.client.flow.time", clock)
        assert flaky.client(Retry(budget=Budget())).get("/").status_code == 503
        assert (flaky.count, clock.slept) == (1, [])

    @pytest.mark.parametrize("text", ["1", "Thu, 01 Jan 2099 00:00:00 GMT"])
    def test_retry_after_counts_in_both_forms(self, text: str) -> None:
        waits: list[float] = []

        class Noted(Retry):
            __slots__ = ()

            def wait(self, attempt: int, *, retry_after: float | None) -> float:
                waits.append(super().wait(attempt, retry_after=retry_after))
                return 0.0

        flaky = Flaky(httpx2.Response(429, headers={"Retry-After": text}))
        assert flaky.client(Noted(budget=Budget(), draw=lambda: 0.0)).get("/").status_code == 200
        assert waits == [1.0 if text == "1" else 60.0]

    async def test_a_cancelled_call_waits_no_longer_and_is_not_sent_again(self) -> None:
        flaky = Flaky(503)
        never = Retry(budget=Budget(), initial_wait=20, draw=lambda: 1.0)
        async with AsyncClient(URL, transport=httpx2.MockTransport(flaky), retry=never) as client:
            call = asyncio.create_task(client.get("/"))
            while not flaky.count:
                await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert flaky.count == 1

    def test_a_streamed_answer_that_nobody_will_read_is_let_go(self) -> None:
        thrown_away = httpx2.Response(503, stream=httpx2.ByteStream(b"x"))
        client = Flaky(thrown_away).client()
        with client.stream("GET", "/") as answer:
            assert answer.status_code == 200
        assert thrown_away.is_closed


class TestBudget:
    def test_many_failing_calls_soon_are_sent_once_each(self) -> None:
        flaky = Flaky(*[503] * 1_000)
        client = flaky.client(Retry(budget=Budget(capacity=10)).without_wait())
        for _ in range(100):
            client.get("/")
        assert flaky.count < 100 + 10 + 100 * 0.1 + 1
        assert flaky.count > 110

    def test_it_is_one_for_all_clients_of_an_origin_and_another_for_another_origin(self) -> None:
        budget = Budget(capacity=1, per_call=0)
        retry = Retry(budget=budget).without_wait()
        first, second = Flaky(503, 503), Flaky(503)
        first.client(retry).get("/")
        second.client(retry).get("/")
        assert (first.count, second.count) == (2, 1)
        other = Flaky(503)
        other.client(retry).get("https://other.example.com/")
        assert other.count == 2

    def test_it_fills_again_with_calls_that_come_through(self) -> None:
        budget = Budget(capacity=2, per_call=0.5)
        assert [budget.spend("o") for _ in range(3)] == [True, True, False]
        for _ in range(10):
            budget.fill("o")
        assert budget.left("o") == 2

    def test_threads_never_spend_more_than_there_is(self) -> None:
        budget = Budget(capacity=50)
        spent: list[bool] = []
        threads = [
            threading.Thread(target=lambda: spent.extend(budget.spend("o") for _ in range(50))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(spent) == 50

    def test_it_remembers_a_bounded_number_of_origins(self) -> None:
        budget = Budget()
        for number in range(3_000):
            budget.spend(f"https://{number}.example.com")
        assert len(budget._left) == 1_000


def test_the_bound_of_a_wait_holds_after_any_number_of_attempts() -> None:
    assert Retry(attempts=9_999, draw=lambda: 1.0).wait(5_000, retry_after=None) == 8.0


@pytest.mark.parametrize("arguments", [{"attempts": 0}, {"deadline": -1}, {"initial_wait": -0.1}])
def test_impossible_numbers_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Retry(**arguments)


def test_by_default_a_refresh_that_is_unavailable_is_an_error_that_says_when() -> None:
    error = RefreshUnavailableError(retry_after=3.0)
    assert error.retry_after == 3.0
