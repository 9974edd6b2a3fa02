"""Whom a process connects to: its store and what it was told to call, nothing else (EL-08, ASVS 14.2.3)."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from gatepass.client import AsyncClient, Client
from gatepass.client.errors import UnauthenticatedError
from tests.support.gates import WatchedStore, open_gate
from tests.support.process import Serving
from tests.system.security.lifetimes import live
from tests.system.security.test_canaries import sqlite

_heard: list[list[str]] = []
"""The lists that note now. An audit hook cannot be removed, so there is one, which notes into none afterwards."""


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if not _heard:
        return
    match event, arguments:
        case ("socket.connect", (_, tuple() as address)):
            _heard[-1].append(f"{address[0]}:{address[1]}")
        case ("socket.connect", (_, address)):
            _heard[-1].append(str(address))
        case ("socket.getaddrinfo", (host, *_)):
            _heard[-1].append(f"the address of {host}")
        case ("socket.sendto", (_, address)):
            _heard[-1].append(str(address))


sys.addaudithook(_hook)


@pytest.fixture
def destinations() -> Iterator[list[str]]:
    """All that this process connects to, asks the address of, or sends to, while a test runs."""
    noted: list[str] = []
    _heard.append(noted)
    yield noted
    _heard.remove(noted)


async def test_a_whole_life_at_a_gate_connects_to_nothing(tmp_path: Path, destinations: list[str]) -> None:
    async with sqlite(tmp_path) as (store, _), open_gate(store=WatchedStore(store)) as at:
        life = await live(at)
    assert len(life.answers) > 10
    assert destinations == []


def test_the_python_client_connects_to_its_own_server_alone(server: Serving, destinations: list[str]) -> None:
    with Client(f"http://127.0.0.1:{server.port}") as client:
        with pytest.raises(UnauthenticatedError):
            client.sign_in("ann@example.com", "wrong wrong wrong wrong")
        client.get("/healthz")

    async def on_a_loop() -> None:
        async with AsyncClient(f"http://127.0.0.1:{server.port}") as client:
            await client.get("/healthz")

    asyncio.run(on_a_loop())
    assert {place.removeprefix("the address of ") for place in destinations} <= {
        "127.0.0.1",
        f"127.0.0.1:{server.port}",
    }
    assert f"127.0.0.1:{server.port}" in destinations


def test_a_call_elsewhere_would_be_noticed(server: Serving, destinations: list[str]) -> None:
    """Guards the tests above, which would pass too if nothing were noted."""
    with urlopen(f"http://localhost:{server.port}/healthz") as answer:
        assert answer.status == 200
    assert "the address of localhost" in destinations
    assert any(place.endswith(f":{server.port}") for place in destinations)
