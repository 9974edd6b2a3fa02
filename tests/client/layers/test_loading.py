"""The indicator: never a flicker, never stuck, one count for one call."""

import asyncio
import io
import threading
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gatepass.client import AsyncClient, Client, call_options
from gatepass.client.layers.indicators import callback, progress_line, spinner
from gatepass.client.layers.loading import IDLE_TIMEOUT, Loading, Visibility
from gatepass.client.layers.retry import Budget, Retry
from tests.client.fake_api import URL, Api, signed_in
from tools.services.patience import PATIENCE


class TestVisibility:
    """The state machine alone, by a clock of the test's."""

    def test_a_quick_call_shows_nothing(self) -> None:
        state = Visibility(delay=0.2, minimum=0.4)
        state.begin(0.0)
        assert state.tick(0.1) is None
        state.end(0.1)
        assert state.tick(9.0) is None

    def test_a_slow_call_shows_after_the_delay_and_stays_for_the_minimum(self) -> None:
        state = Visibility(delay=0.2, minimum=0.4)
        state.begin(0.0)
        assert state.tick(0.2) == "show"
        state.end(0.3)
        assert state.tick(0.59) is None
        assert state.tick(0.61) == "hide"

    def test_a_call_in_the_gap_keeps_it(self) -> None:
        state = Visibility(delay=0.2, minimum=0.4)
        state.begin(0.0)
        assert state.tick(0.2) == "show"
        state.end(0.3)
        state.begin(0.5)
        assert state.tick(5.0) is None
        state.end(6.0)
        assert state.tick(6.0) == "hide"

    @given(st.lists(st.tuples(st.sampled_from(["begin", "end", "tick"]), st.floats(0, 1)), max_size=60))
    def test_it_never_sticks_never_flickers_and_never_hides_what_is_not_shown(
        self, moves: list[tuple[str, float]]
    ) -> None:
        state, now, shown_at = Visibility(delay=0.2, minimum=0.4), 0.0, None
        for move, passed in [*moves, *[("end", 0.0)] * len(moves), ("tick", 1.0), ("tick", 1.0)]:
            now += passed
            if move == "begin":
                state.begin(now)
            elif move == "end" and state.count:
                state.end(now)
            match state.tick(now):
                case "show":
                    assert shown_at is None
                    shown_at = now
                case "hide":
                    assert shown_at is not None
                    assert now - shown_at >= 0.4 - 1e-9
                    assert state.count == 0
                    shown_at = None
        assert (state.count, state.phase, shown_at) == (0, "idle", None)


class Watched:
    """An indicator that records its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.changed = threading.Condition()

    def _note(self, what: str, count: int) -> None:
        with self.changed:
            self.calls.append((what, count))
            self.changed.notify_all()

    def show(self, count: int) -> None:
        self._note("show", count)

    def update(self, count: int) -> None:
        self._note("update", count)

    def hide(self) -> None:
        self._note("hide", 0)

    def until(self, *calls: tuple[str, int]) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.calls == list(calls), PATIENCE), self.calls


def test_one_call_counts_once_through_refresh_and_retries_and_is_over_in_the_end() -> None:
    watched, api = Watched(), Api()
    loading = Loading(watched, delay=0, minimum=0)
    counts: list[int] = []
    failures = [503, 503]

    def answer(_request: httpx2.Request) -> httpx2.Response | None:
        counts.append(loading.count)
        watched.until(("show", 1))
        return httpx2.Response(failures.pop()) if failures else None

    api.answering = answer
    retry = Retry(budget=Budget()).without_wait()
    client = api.client(storage=signed_in(expired=True), loading=loading, retry=retry)
    assert client.get("/").status_code == 200
    assert counts == [1, 1, 1]
    watched.until(("show", 1), ("hide", 0))


@pytest.mark.parametrize("failure", [httpx2.ConnectError, KeyboardInterrupt])
def test_whatever_a_call_comes_to_it_stops_counting(failure: type[BaseException]) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise failure("lost")

    loading = Loading(Watched(), delay=9)
    client = Client(URL, transport=httpx2.MockTransport(fail), loading=loading)
    with pytest.raises(failure):
        client.get("/")
    assert loading.count == 0


async def test_a_cancelled_call_stops_counting() -> None:
    loading, begun = Loading(Watched(), delay=9), asyncio.Event()

    async def hang(_request: httpx2.Request) -> httpx2.Response:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with AsyncClient(URL, transport=httpx2.MockTransport(hang), loading=loading) as client:
        call = asyncio.create_task(client.get("/"))
        await begun.wait()
        assert loading.count == 1
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    assert loading.count == 0


def test_a_silent_call_does_not_count() -> None:
    counts: list[int] = []
    loading = Loading(Watched(), delay=9)

    def note(_request: httpx2.Request) -> httpx2.Response:
        counts.append(loading.count)
        return httpx2.Response(200)

    client = Client(URL, transport=httpx2.MockTransport(note), loading=loading)
    client.get("/", extensions=call_options(loading="silent"))
    client.get("/")
    assert counts == [0, 1]


def test_an_indicator_that_fails_harms_no_call_and_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    asked = threading.Event()

    class Broken(Watched):
        def show(self, count: int) -> None:
            asked.set()
            raise RuntimeError("no terminal")

    loading = Loading(Broken(), delay=0, minimum=0)

    def wait(_request: httpx2.Request) -> httpx2.Response:
        assert asked.wait(PATIENCE)
        return httpx2.Response(200)

    assert Client(URL, transport=httpx2.MockTransport(wait), loading=loading).get("/").status_code == 200


def test_no_thread_stays_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepass.client.layers.loading.IDLE_TIMEOUT", 0.01)
    loading = Loading(Watched(), delay=9)
    Client(URL, transport=httpx2.MockTransport(lambda _: httpx2.Response(200)), loading=loading).get("/")
    thread = loading._counts.here.thread
    if thread is not None:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_call_that_begins_as_the_thread_is_about_to_end_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched()
    loading = Loading(watched, delay=0, minimum=0)
    counted = loading._counts.here
    changed, wait = counted.changed, counted.changed.wait
    begun = threading.Event()

    def run_out(timeout: float | None = None) -> bool:
        if timeout != IDLE_TIMEOUT or begun.is_set():
            return wait(timeout)
        changed.release()  # as a wait does that has run out and has not got the lock back yet
        other = threading.Thread(target=lambda: loading._move(counted, counted.state.begin))
        other.start()
        other.join()
        begun.set()
        changed.acquire()
        return False

    monkeypatch.setattr(changed, "wait", run_out)
    loading._move(counted, lambda _now: None)
    watched.until(("show", 1))
    loading._move(counted, counted.state.end)
    watched.until(("show", 1), ("hide", 0))


class TestIndicators:
    def drive(self, indicator: Any) -> None:
        indicator.show(1)
        indicator.update(3)
        indicator.hide()

    def test_a_function_gets_the_count_and_zero_in_the_end(self) -> None:
        counts: list[int] = []
        self.drive(callback(counts.append))
        assert counts == [1, 3, 0]

    def test_the_spinner_shows_its_text_and_goes(self) -> None:
        out = io.StringIO()
        self.drive(spinner("Asking the server", console=Console(file=out, force_terminal=True, width=60)))
        assert "Asking the server (3)" in out.getvalue()

    def test_the_progress_line_shows_the_count_and_goes(self) -> None:
        out = io.StringIO()
        self.drive(progress_line("Calls", file=out))
        assert "Calls: 3" in out.getvalue()


@pytest.mark.parametrize("arguments", [{"delay": -1}, {"minimum": -1}])
def test_negative_times_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Loading(Watched(), **arguments)
