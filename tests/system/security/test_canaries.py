"""No secret in any place that may be looked at later: stores, logs, events, documents, reprs (P6, EL-04, RC-04)."""

import base64
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gatepass.core.claims import Tokens
from gatepass.ports import Store
from gatepass.stores.combined.store import CombinedStore
from gatepass.stores.memory.store import MemoryStore
from gatepass.stores.postgres.store import PostgresStore
from gatepass.stores.redis.store import RedisStore
from gatepass.stores.sqlite.store import SQLiteStore
from tests.support.asgi import call
from tests.support.browser import RT
from tests.support.gates import WatchedStore, open_gate
from tests.system.security.lifetimes import EMAIL, Life, live
from tools.services import postgres, valkey

Dump = Callable[[], Awaitable[bytes]]


@contextlib.asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[tuple[Store, Dump]]:
    """The file, its log and its index of the log, as they lie on the disk."""
    store = SQLiteStore(str(folder / "gate.db"))

    async def dump() -> bytes:
        return b"".join(file.read_bytes() for file in sorted(folder.glob("gate.db*")))

    await store.open()
    yield store, dump
    await store.close()


@contextlib.asynccontextmanager
async def on_memory(_folder: Path) -> AsyncIterator[tuple[Store, Dump]]:
    """There is nothing outside the process to copy."""

    async def dump() -> bytes:
        return b""

    yield MemoryStore(), dump


@contextlib.asynccontextmanager
async def on_postgres(_folder: Path) -> AsyncIterator[tuple[Store, Dump]]:
    """Every row of every table, bytes as hexadecimal, and what the server wrote to its log."""
    url = await postgres.empty_database()
    store = PostgresStore(url)
    tables = await postgres.query(url, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'gatepass'")

    async def dump() -> bytes:
        found = [
            row for table in tables for row in await postgres.query(url, f"SELECT t::text FROM gatepass.{table} t")
        ]
        return "\n".join([*found, postgres.shared_server().log()]).encode()

    await store.open()
    yield store, dump
    await store.close()


@contextlib.asynccontextmanager
async def on_redis(_folder: Path) -> AsyncIterator[tuple[Store, Dump]]:
    """Every key with its value as the server would copy it to another one, and its append-only file."""
    server = valkey.shared_server()
    valkey.flush([server])
    server.ask("CONFIG", "SET", "rdbcompression", "no")  # in a compressed copy nothing would be found
    store = CombinedStore(sessions=RedisStore(server.url), accounts=MemoryStore())

    async def dump() -> bytes:
        names: list[bytes] = server.ask("KEYS", "*")
        values = [server.ask("DUMP", name.decode()) for name in names]
        logged = [file.read_bytes() for file in server.folder.rglob("*.aof")]
        return b"\n".join([*names, *values, *logged])

    await store.open()
    yield store, dump
    await store.close()


STORES = {"sqlite": sqlite, "postgres": on_postgres, "redis": on_redis}


@pytest.mark.parametrize("kind", STORES)
async def test_a_copy_of_the_store_holds_nothing_to_present_and_nothing_to_make_it_from(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with STORES[kind](tmp_path) as (store, dump):
        with caplog.at_level(logging.DEBUG):
            async with open_gate(store=WatchedStore(store)) as at:
                life = await live(at)
        stored = await dump()
    assert len(stored) > 500, "the store was looked into while something was there"
    assert life.leaks(stored) == []
    assert life.leaks(caplog.text.encode()) == [], "nor do we or a driver say it, down to DEBUG"


async def lived(caplog: pytest.LogCaptureFixture) -> tuple[Life, dict[str, bytes]]:
    """A life over a store in memory, and the sinks of its process."""
    with caplog.at_level(logging.DEBUG):
        async with open_gate(tokens=Tokens(algorithm="ES256")) as at:
            life = await live(at)
            documents = [(await call(at.gate.asgi, "GET", path)).body for path in ("/openapi.json", "/jwks.json")]
            things = (at.gate, at.gate.sessions, at.gate.accounts, at.gate.keys, at.gate.check, at.gate.cookies)
    records = [str({**vars(record), "msg": ""}) for record in caplog.records]
    return life, {
        "log": caplog.text.encode(),
        "the parts of log records": "".join(records).encode(),
        "events": "\n".join(map(repr, at.events)).encode(),
        "documents": b"".join(documents),
        "representations": "\n".join(f"{thing!r}{thing!s}" for thing in things).encode(),
        "heads but Set-Cookie": "\n".join(
            f"{name}: {value}" for answer in life.answers for name, value in answer.headers if name != "set-cookie"
        ).encode(),
        "refusals": b"".join(answer.body for answer in life.answers if answer.status >= 400),
    }


async def test_no_sink_of_the_process_holds_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    life, sinks = await lived(caplog)
    assert all(sinks.values()), "each was in use"
    assert {name: life.leaks(sink) for name, sink in sinks.items() if life.leaks(sink)} == {}
    assert EMAIL.encode() not in sinks["log"] + sinks["events"], "nor whose they are: accounts are told by id"


async def test_refresh_tokens_are_in_their_cookie_and_access_tokens_in_their_body_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    life, _ = await lived(caplog)
    for answer in life.answers:
        leaks = life.leaks(answer.body) if answer.body else []
        assert all(name.startswith(("access token", "its signature")) for name in leaks)
        for cookie in answer.cookies:
            leaks = life.leaks(cookie.value.encode())
            assert not leaks or cookie.name == RT


@pytest.mark.parametrize("form", ["raw", "hex", "base64", "base64url", "json"])
def test_the_search_finds_a_secret_in_every_form(form: str) -> None:
    """A canary that cannot be heard proves nothing."""
    secret = bytes(range(200, 232))
    life = Life(secrets={"it": secret})
    forms = {
        "raw": secret,
        "hex": secret.hex().upper().encode(),
        "base64": base64.b64encode(b"xy" + secret + b"z"),
        "base64url": base64.urlsafe_b64encode(b"x" + secret + b"yz"),
        "json": repr(secret).encode(),
    }
    assert life.leaks(b"before " + forms[form] + b" after") == ["it"]
    assert life.leaks(b"before and after") == []
