"""Too many connections, and a server that stops: which ones are answered, refused and closed."""

import asyncio
import contextlib
from collections.abc import Callable

from gatepass.serving.admission import MAX_REFUSED, NETWORK_SHARE, Admission
from gatepass.serving.http_protocol import DRAIN_GRACE
from gatepass.wire.address import Proxies
from tests.serving.world import GET, paths, problem, serving
from tools.services.patience import patience


class TestAdmission:
    def test_one_network_has_a_share_and_unknown_ones_have_none_in_common(self) -> None:
        admission = Admission(10 * NETWORK_SHARE, Proxies.parse(["192.0.2.1"]))
        assert [admission.enter(f"198.51.100.{n}")[1] for n in range(11)] == [0] * 10 + [1]
        assert admission.enter("203.0.113.1") == ("203.0.113.0/24", 0)
        for peer in ("192.0.2.1", "10.0.0.1", "127.0.0.1", None):
            assert [admission.enter(peer) for _ in range(12)] == [(None, 0)] * 12

    def test_who_leaves_makes_room(self) -> None:
        admission = Admission(NETWORK_SHARE)
        network, excess = admission.enter("198.51.100.1")
        assert (admission.enter("198.51.100.2")[1], excess) == (1, 0)
        admission.leave(network)
        admission.leave(network)
        assert (admission.open, dict(admission.by_network)) == (0, {})

    async def test_beyond_the_number_the_answer_is_a_problem_with_a_time_to_wait(self) -> None:
        async with serving(Admission(1)) as world:
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(GET % b"first")
            await reader.readuntil(b"/first")
            raw = await world.say(GET % b"second")
            assert raw.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: 1\r\n" in raw
            assert (problem(raw)["code"], problem(raw)["retry_after"]) == ("overloaded", 1)
            writer.write(GET % b"again")
            await reader.readuntil(b"/again")
            writer.close()

    async def test_far_beyond_it_a_connection_is_closed_unheard(self) -> None:
        async with serving(Admission(1)) as world:
            opened = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(1 + MAX_REFUSED)]
            with contextlib.suppress(ConnectionError):
                assert await world.say(GET % b"x") == b""
            assert len(world.state.connections) == 1 + MAX_REFUSED
            for _, writer in opened:
                writer.close()


class TestDraining:
    """The server stops: `Connection: close` says which response is the last one."""

    async def test_the_response_under_way_is_announced_as_the_last_and_so_is_one_that_comes_then(self) -> None:
        for is_under_way in (True, False):
            admission = Admission(10)
            async with serving(admission) as world:
                reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
                writer.write(GET % b"first")
                await reader.readuntil(b"/first")
                if is_under_way:
                    writer.write(GET % b"slow")
                    await world.until_asked(2)
                admission.is_draining = True
                world.connection().shutdown()
                if not is_under_way:
                    writer.write(GET % b"slow")
                world.gate.set()
                async with patience():
                    raw = await reader.read()
                assert (paths(raw), raw.count(b"\r\nconnection: close\r\n")) == (["/slow"], 1)
                writer.close()

    async def test_an_idle_connection_is_closed_after_the_grace_and_not_before(self) -> None:
        async with serving(Admission(10)) as world:
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(GET % b"first")
            await reader.readuntil(b"/first")
            connection = world.connection()
            due: list[tuple[float, Callable[[], None]]] = []
            connection.loop = Later(due)  # type: ignore[assignment]
            connection.shutdown()
            ((seconds, drain),) = due
            assert (seconds, connection.transport.is_closing()) == (DRAIN_GRACE, False)
            drain()
            async with patience():
                assert await reader.read() == b""
            writer.close()

    async def test_a_stream_of_events_is_ended_after_the_grace_with_its_last_chunk(self) -> None:
        async with serving(Admission(10)) as world:
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(GET % b"events")
            await reader.readuntil(b"event\r\n")
            connection = world.connection()
            connection._drain()
            async with patience():
                assert await reader.read() == b"0\r\n\r\n"
                await world.left.wait()
            writer.close()


class Later:
    """A loop that notes what is to be called later."""

    def __init__(self, due: list[tuple[float, Callable[[], None]]]) -> None:
        self._due = due

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        self._due.append((seconds, call))
