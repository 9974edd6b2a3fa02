"""The server's clock jumps by an hour, either way, in the middle of the load."""

from pathlib import Path

from tests.support.file_clock import FileClock
from tests.system.faults.harness import ROUNDS, WITH_CLOCK, Record, Server, conclude, serving
from tests.system.faults.load import Load

HOUR = 3_600


async def test_nothing_is_lost_when_the_clock_jumps(tmp_path: Path, record_property: Record) -> None:
    file = tmp_path / "offset"
    server = Server(tmp_path, "sqlite:///gate.db", command=(*WITH_CLOCK, str(file)))
    async with serving(server), Load(server.port) as load:
        for offset in (HOUR, -HOUR, 0, HOUR) * ROUNDS:
            await load.progress(8)
            if load.faults < 3:
                load.steal()
            FileClock(file).set(offset)
            load.faults += 1
        await load.progress(8)
        load.steal()
        await conclude(load, "clock jumps ±1 h", record_property)
