"""How a call travels through layers."""

from collections.abc import Generator
from typing import Any

import httpx2
import pytest

from gatepass.client.flow import (
    Call,
    Finished,
    Flow,
    Invoke,
    Layer,
    Next,
    Pause,
    Step,
    Work,
    advance,
    advance_async,
    compose,
    drive,
    drive_async,
)


class Network:
    """Answers with its arguments, one after the other."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)

    def _transmit(self, _call: Call) -> httpx2.Response:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class LaterNetwork(Network):
    async def _transmit(self, call: Call) -> httpx2.Response:  # type: ignore[override]
        return super()._transmit(call)


def call() -> Call:
    return Call(httpx2.Request("GET", "https://api.example.com/"))


def noting(name: str, seen: list[str]) -> Layer:
    def layer(call: Call, next_layer: Next) -> Flow:
        seen.append(f"{name} out")
        response = yield from next_layer(call)
        seen.append(f"{name} back")
        return response

    return layer


def test_the_first_layer_is_the_outermost() -> None:
    seen: list[str] = []
    drive(compose([noting("a", seen), noting("b", seen)])(call()), Network(httpx2.Response(200)))
    assert seen == ["a out", "b out", "b back", "a back"]


def twice(call: Call, next_layer: Next) -> Flow:
    try:
        return (yield from next_layer(call))
    except httpx2.ConnectError:
        return (yield from next_layer(call))


async def test_a_layer_can_catch_and_run_the_rest_again_in_both_clients() -> None:
    for_sync, for_async = call(), call()
    lost = httpx2.ConnectError("lost")
    assert drive(compose([twice])(for_sync), Network(lost, httpx2.Response(200))).status_code == 200
    answer = await drive_async(compose([twice])(for_async), LaterNetwork(lost, httpx2.Response(200)))
    assert answer.status_code == 200
    assert for_sync.attempts == for_async.attempts == 2


def test_what_no_layer_catches_reaches_the_caller() -> None:
    with pytest.raises(httpx2.ConnectError, match="lost"):
        drive(compose([noting("a", [])])(call()), Network(httpx2.ConnectError("lost")))


def steps() -> Generator[Step, Any, list[Any]]:
    yield Pause(0)
    return [(yield Work(lambda: 1)), (yield Invoke(lambda number: number + 1, 1))]


async def test_steps_give_their_results_in_both_clients() -> None:
    assert drive(steps(), Network()) == [1, 2]
    assert await drive_async(steps(), LaterNetwork()) == [1, 2]


async def test_a_flow_can_be_run_to_a_step_that_the_caller_takes_over() -> None:
    flow, network = steps(), Network()
    assert isinstance(advance(flow, network, until=Work), Work)
    assert advance(flow, network, 5, until=Work) == Finished([5, 2])
    later_flow, later_network = steps(), LaterNetwork()
    assert isinstance(await advance_async(later_flow, later_network, until=Work), Work)
    assert await advance_async(later_flow, later_network, 5, until=Work) == Finished([5, 2])


async def later(number: int) -> int:
    return number


def invoke() -> Generator[Step, Any, Any]:
    return (yield Invoke(later, 3))


async def test_an_async_function_needs_an_async_client_and_says_so() -> None:
    assert await drive_async(invoke(), LaterNetwork()) == 3
    with pytest.raises(TypeError, match="later is async: only an AsyncClient"):
        drive(invoke(), Network())
