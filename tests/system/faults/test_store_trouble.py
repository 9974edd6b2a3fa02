"""A store that is full, locked, empty or shouted at, and a follower that meets an unexpected error."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from tests.system.faults.browser_profile import Profile
from tests.system.faults.harness import Guards, Server, hosting, serving, under_load
from tests.system.faults.leaving import How
from tests.system.faults.load import Load, Verdict
from tests.system.faults.scenario import scenario
from tests.system.faults.test_clocks import BY_A_STRANGER
from tests.system.faults.test_redis import accounts
from tests.system.faults.test_redis import private_load as on_private_redis
from tools.services.postgres import connected
from tools.services.valkey import ValkeyServer, private_server

BY_THE_OWNER = (How.SIGN_OUT, How.BEARER)
"""The ends that a token proves, whatever the store knows."""
LOCKED = 3
"""Sessions whose rows another program holds."""
REFUSALS = 20
"""Tries after which an end counts as refused. A store that is only slow gives an answer of its own to one of them."""
SID = "ab" * 16
MESSAGES = (
    "x",
    " ",
    "zz 1",
    f"{SID} x",
    f"{SID} -5",
    f"{SID} 99999999999999999999",
    f"{SID[:8]} 1",
    f"{SID} 1,,",
    "é 1",
)
"""What no server sends: any role that may connect can."""


@scenario("Redis has no memory left")
async def test_sessions_end_when_redis_is_full(folder: Path) -> Verdict:
    async with on_private_redis(folder) as (redis, _, load):
        load.steal()
        await load.progress()
        await load.committed()
        await load.renew()
        await asyncio.to_thread(redis.ask, "CONFIG", "SET", "maxmemory", "1")
        load.faults += 1
        unended = await load.tried(load.leave(), times=REFUSALS)
        load.remarks += [
            f"full memory: {leaver.how.value} is refused" for leaver in unended if leaver.how is not How.REPLACED
        ]
        await asyncio.to_thread(redis.ask, "CONFIG", "SET", "maxmemory", "0")
        await load.progress()
        load.steal()
        return await load.verdict()


@scenario("rows locked by another program")
async def test_locked_rows_stop_nobody_else(folder: Path) -> Verdict:
    url = await accounts()
    async with serving(Server(folder, url)) as server, under_load(server) as load, connected(url) as psql:
        load.steal()
        await load.progress()
        await load.committed()
        locked = load.honest[:LOCKED]
        async with psql.transaction():
            sids = [bytes.fromhex(profile.sid) for profile in locked]
            await psql.execute("SELECT 1 FROM gatepass.session WHERE sid = ANY($1) FOR UPDATE", sids)
            load.faults += 1
            others = [profile for profile in load.honest if profile not in locked]
            before = counted(others)
            await load.progress(but=locked)
            answered, unanswered = (now - then for now, then in zip(counted(others), before, strict=True))
        if unanswered > answered / 4:  # a busy machine leaves one or the other without an answer
            load.remarks.append(f"locked rows: {unanswered} refreshes of other sessions had no answer, {answered} had")
        load.steal()
        return await load.verdict()


def counted(profiles: Sequence[Profile]) -> tuple[int, int]:
    """The refreshes of these sessions that had an answer, and those that had none."""
    return sum(len(each.definite) for each in profiles), sum(each.repeated for each in profiles)


@scenario("malformed notifications (PostgreSQL)")
async def test_malformed_notifications_harm_no_guard(folder: Path) -> Verdict:
    url = await accounts()
    async with serving(Server(folder, url)) as server, under_load(server) as load:
        return await shouting(load, MESSAGES, lambda text: notify(url, text))


@pytest.mark.full
@scenario("forged notifications (PostgreSQL)")
async def test_forged_notifications_end_nothing(folder: Path) -> Verdict:
    url = await accounts()
    async with serving(Server(folder, url)) as server, under_load(server) as load:
        forged = [f"{profile.sid} {time}" for profile in load.honest for time in (1, 2_000_000_000)]
        return await shouting(load, forged, lambda text: notify(url, text))


@pytest.mark.full
@scenario("malformed messages (Redis)")
async def test_malformed_messages_harm_no_guard(folder: Path) -> Verdict:
    async with on_private_redis(folder) as (redis, _, load):
        return await shouting(load, MESSAGES, lambda text: publish(redis, text))


@scenario("forged messages (Redis)")
async def test_forged_messages_end_nothing(folder: Path) -> Verdict:
    async with on_private_redis(folder) as (redis, _, load):
        forged = [f"{profile.sid} {time}" for profile in load.honest for time in (1, 2_000_000_000)]
        return await shouting(load, forged, lambda text: publish(redis, text))


@scenario("followers meet an unknown error")
async def test_a_follower_that_meets_an_unknown_error_begins_again(folder: Path) -> Verdict:
    poison = folder / "poison"
    async with (
        serving(Server(folder, await accounts(), poison=str(poison))) as server,
        under_load(server, Guards(folder, server, poison=str(poison)), hows=BY_A_STRANGER) as load,
    ):
        load.steal()
        await load.progress()
        await load.committed()
        poison.touch()
        load.faults += 1
        load.steal()
        await load.committed()
        await load.outlive()
        poison.unlink()
        return await load.verdict()


@scenario("the store has lost sessions (PostgreSQL)")
async def test_a_sign_out_of_a_lost_session_is_heard_on_postgres(folder: Path) -> Verdict:
    url = await accounts()

    async def lose(sids: list[str]) -> None:
        async with connected(url) as psql:
            raw = [bytes.fromhex(sid) for sid in sids]
            await psql.execute("DELETE FROM gatepass.session WHERE sid = ANY($1)", raw)

    async with serving(Server(folder, url)) as server, under_load(server, hows=BY_THE_OWNER) as load:
        return await losing(load, lose)


@pytest.mark.full
@scenario("the store has lost sessions (Redis)")
async def test_a_sign_out_of_a_lost_session_is_heard_on_redis(folder: Path) -> Verdict:
    async with (
        hosting(private_server()) as redis,
        serving(Server(folder, await accounts(), sessions=redis.url)) as server,
        under_load(server, hows=BY_THE_OWNER) as load,
    ):

        async def lose(sids: list[str]) -> None:
            for sid in sids:
                names = await asyncio.to_thread(redis.ask, "KEYS", f"*:{sid}")
                await asyncio.to_thread(redis.ask, "DEL", *(name.decode() for name in names))

        return await losing(load, lose)


async def losing(load: Load, lose: Callable[[list[str]], Awaitable[None]]) -> Verdict:
    """The store loses the rows of sessions, which then sign out."""
    await load.progress()
    await lose([profile.sid for leaver in load.prepared for profile in leaver.ending])
    load.faults += 1
    load.leave()
    await load.committed()
    load.steal()
    return await load.verdict()


async def shouting(
    load: Load, messages: tuple[str, ...] | list[str], shout: Callable[[str], Awaitable[None]]
) -> Verdict:
    """Send these messages on the channel of revocations."""
    load.steal()
    await load.progress()
    await load.committed()
    for message in messages:
        await shout(message)
        load.faults += 1
    await load.watch.answered(5)
    load.steal()
    return await load.verdict()


async def notify(url: str, text: str) -> None:
    async with connected(url) as psql:
        await psql.execute("SELECT pg_notify('gatepass_revoked', $1)", text)


async def publish(redis: ValkeyServer, text: str) -> None:
    await asyncio.to_thread(redis.ask, "PUBLISH", "gatepass:revoked", text)
