"""The stores under measurement, each started in a folder of its own, with its floors and its counters."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks._browsers import Slice
from benchmarks._floors import Pgbench, RawRedis, raw_sqlite
from benchmarks._processes import cpu_of
from tools.services import valkey
from tools.services.postgres import PostgresServer, new_database, private_server, query

Floor = Callable[[float], Awaitable[Slice]]


def _no_cpu() -> float:
    return 0.0


async def _no_wal() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Engine:
    """A running store. `floors`: what to measure beside it; the first is what the goals are stated against."""

    name: str
    store: str
    sessions: str = ""
    store_cpu: Callable[[], float] = _no_cpu
    wal: Callable[[], Awaitable[int]] = _no_wal
    floors: Mapping[str, Floor] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Engine]:
    """A file, WAL, NORMAL for refreshes; its thread is part of the server's CPU."""
    alone, grouped = raw_sqlite(folder, per_commit=1), raw_sqlite(folder, per_commit=50)

    def floor(run: Callable[[float], Slice]) -> Floor:
        async def measured(seconds: float) -> Slice:
            return run(seconds / 2)

        return measured

    floors = {"raw UPDATE, one a commit": floor(alone), "raw UPDATE, 50 a commit": floor(grouped)}
    yield Engine("sqlite", f"sqlite:///{folder / 'bench.db'}", floors=floors)


@contextlib.asynccontextmanager
async def memory(folder: Path) -> AsyncIterator[Engine]:
    """Nothing is stored: what everything else costs."""
    yield Engine("memory", "memory://")


@contextlib.asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[Engine]:
    """A server with its defaults: every commit is flushed."""
    with private_server() as server:
        url = await new_database(server)
        floors: dict[str, Floor] = {}
        if Pgbench.find():
            bench = Pgbench(url, folder)
            await bench.prepare()
            floors = {f"pgbench, {n} clients": _pgbench(bench, n) for n in (32, 1)}
        yield Engine("postgres", url, store_cpu=lambda: cpu_of(server.pid), wal=_wal(server), floors=floors)


@contextlib.asynccontextmanager
async def redis(folder: Path) -> AsyncIterator[Engine]:
    """Sessions on a server with an append-only file that is flushed every second; accounts in a SQLite file."""
    with valkey.private_server() as server:
        raw = RawRedis(server.port)

        def floor(callers: int) -> Floor:
            async def measured(seconds: float) -> Slice:
                return await raw.run(callers, seconds / 2)

            return measured

        floors = {"raw script, 32 at a time": floor(32), "raw script, one at a time": floor(1)}
        accounts = f"sqlite:///{folder / 'accounts.db'}"
        yield Engine("redis", accounts, sessions=server.url, store_cpu=lambda: cpu_of(server.pid), floors=floors)


def _pgbench(bench: Pgbench, clients: int) -> Floor:
    async def measured(seconds: float) -> Slice:
        return await bench.run(clients, max(1, round(seconds)))

    return measured


def _wal(server: PostgresServer) -> Callable[[], Awaitable[int]]:
    async def position() -> int:
        (position,) = await query(server.url(), "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
        return int(position)

    return position


ENGINES: Mapping[str, Callable[[Path], contextlib.AbstractAsyncContextManager[Engine]]] = {
    "memory": memory,
    "postgres": postgres,
    "redis": redis,
    "sqlite": sqlite,
}
