"""Guards whose paths to the store and to the server are cut, stalled or half-open while sessions end."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.system.faults.harness import Guards, Server, hosting, serving, under_load
from tests.system.faults.load import Load, Verdict
from tests.system.faults.proxy import Proxy, proxying
from tests.system.faults.scenario import scenario
from tests.system.faults.test_redis import accounts
from tools.services.postgres import shared_server
from tools.services.valkey import private_server


@pytest.mark.full
@scenario("guards cut off PostgreSQL and the server")
async def test_guards_that_reach_nothing_refuse_on_postgres(folder: Path) -> Verdict:
    async with on_postgres(folder) as (load, proxies):
        return await breaking(load, proxies, "isolate")


@scenario("guards cut off Redis and the server")
async def test_guards_that_reach_nothing_refuse_on_redis(folder: Path) -> Verdict:
    async with on_redis(folder) as (load, proxies):
        return await breaking(load, proxies, "isolate")


@scenario("guards' paths to PostgreSQL and the server stalled")
async def test_guards_whose_paths_stall_refuse_on_postgres(folder: Path) -> Verdict:
    async with on_postgres(folder) as (load, proxies):
        return await breaking(load, proxies, "stall")


@pytest.mark.full
@scenario("guards' paths to Redis and the server stalled")
async def test_guards_whose_paths_stall_refuse_on_redis(folder: Path) -> Verdict:
    async with on_redis(folder) as (load, proxies):
        return await breaking(load, proxies, "stall")


@pytest.mark.full
@scenario("guards' connections to PostgreSQL and the server half-open")
async def test_guards_notice_half_open_connections_on_postgres(folder: Path) -> Verdict:
    async with on_postgres(folder) as (load, proxies):
        return await breaking(load, proxies, "abandon")


@scenario("guards' connections to Redis and the server half-open")
async def test_guards_notice_half_open_connections_on_redis(folder: Path) -> Verdict:
    async with on_redis(folder) as (load, proxies):
        return await breaking(load, proxies, "abandon")


@pytest.mark.full
@scenario("server's path to PostgreSQL stalled")
async def test_a_server_goes_on_after_its_path_to_postgres_was_stalled(folder: Path) -> Verdict:
    postgres = shared_server()
    url = await accounts()
    async with proxying(postgres.port) as proxy:
        through = url.replace(f":{postgres.port}/", f":{proxy.port}/")
        async with (
            serving(Server(folder, through)) as server,
            under_load(server, Guards(folder, server, store=url)) as load,
        ):
            return await stalling(load, proxy)


@scenario("server's path to Redis stalled")
async def test_a_server_goes_on_after_its_path_to_redis_was_stalled(folder: Path) -> Verdict:
    async with hosting(private_server()) as redis, proxying(redis.port) as proxy:
        through = f"redis://127.0.0.1:{proxy.port}"
        async with (
            serving(Server(folder, await accounts(), sessions=through)) as server,
            under_load(server, Guards(folder, server, sessions=redis.url)) as load,
        ):
            return await stalling(load, proxy)


async def breaking(load: Load, proxies: tuple[Proxy, ...], how: str) -> Verdict:
    """End sessions while the paths of the guards are broken, and wait until all their tokens have expired."""
    load.steal()
    await load.progress()
    await load.committed()
    for proxy in proxies:
        getattr(proxy, how)()
        load.faults += 1
    load.steal()
    await load.committed()
    await load.outlive()
    for proxy in proxies:
        proxy.heal()
    return await load.verdict()


async def stalling(load: Load, proxy: Proxy) -> Verdict:
    """Nothing passes between server and store, while many requests arrive."""
    load.steal()
    await load.progress()
    await load.committed()
    proxy.stall()
    load.faults += 1
    load.leave()
    await load.flood(700)
    proxy.heal()
    await load.progress()
    load.steal()
    return await load.verdict()


@contextlib.asynccontextmanager
async def on_postgres(folder: Path) -> AsyncIterator[tuple[Load, tuple[Proxy, ...]]]:
    """A server on PostgreSQL, and guards behind proxies: to the store, and to the server."""
    postgres = shared_server()
    url = await accounts()
    async with (
        serving(Server(folder, url)) as server,
        proxying(postgres.port) as store,
        proxying(server.port) as stream,
    ):
        through = url.replace(f":{postgres.port}/", f":{store.port}/")
        async with under_load(server, Guards(folder, server, store=through, stream=stream.port)) as load:
            yield load, (store, stream)


@contextlib.asynccontextmanager
async def on_redis(folder: Path) -> AsyncIterator[tuple[Load, tuple[Proxy, ...]]]:
    """The same with sessions in Redis. The path to the accounts stays whole."""
    async with (
        hosting(private_server()) as redis,
        proxying(redis.port) as store,
        serving(Server(folder, await accounts(), sessions=redis.url)) as server,
        proxying(server.port) as stream,
    ):
        through = f"redis://127.0.0.1:{store.port}"
        async with under_load(server, Guards(folder, server, sessions=through, stream=stream.port)) as load:
            yield load, (store, stream)
