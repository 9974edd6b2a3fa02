"""The server dies in the middle of the load, again and again, and comes back on the same store."""

from pathlib import Path

from tests.system.faults.harness import ROUNDS, Record, Server, conclude, serving
from tests.system.faults.load import Load


async def test_nothing_is_lost_when_the_server_is_killed_on_sqlite(tmp_path: Path, record_property: Record) -> None:
    async with serving(Server(tmp_path, "sqlite:///gate.db")) as server, Load(server.port) as load:
        load.steal()
        for _ in range(3 * ROUNDS):
            await load.progress()
            await server.kill()
            load.faults += 1
            await server.start()
        load.steal()
        await load.progress()
        load.steal()
        await conclude(load, "server killed (SQLite)", record_property)
