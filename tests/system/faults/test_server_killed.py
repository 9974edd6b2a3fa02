"""The server dies in the middle of the load, again and again, and comes back on the same store."""

from pathlib import Path

from tests.system.faults.harness import ROUNDS, Server, serving, under_load
from tests.system.faults.load import Verdict
from tests.system.faults.scenario import scenario


@scenario("server killed (SQLite)")
async def test_nothing_is_lost_when_the_server_is_killed_on_sqlite(folder: Path) -> Verdict:
    async with serving(Server(folder, "sqlite:///gate.db")) as server, under_load(server) as load:
        load.steal()
        for _ in range(3 * ROUNDS):
            await load.progress()
            await server.kill()
            load.faults += 1
            await server.start()
        load.steal()
        await load.progress()
        load.steal()
        return await load.verdict()
