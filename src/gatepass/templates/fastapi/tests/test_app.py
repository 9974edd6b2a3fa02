"""The application from outside: a real gate in memory, and clients that sign in as people do."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from gatepass import Gatepass
from gatepass.client import AsyncClient
from httpx2 import ASGITransport

from app.main import create_app
from app.store import Notes

pytestmark = pytest.mark.anyio
URL = "http://localhost"
PASSWORD = "seven green bottles"


@pytest.fixture
def anyio_backend() -> str:
    """Gatepass runs on asyncio."""
    return "asyncio"


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Any]:
    """The application with nothing in it."""
    gate = Gatepass(secrets=[secrets.token_urlsafe(32)], public_url=URL, store="memory://")
    async with gate.running():  # in the place of the lifespan, which ASGITransport does not run
        yield gate.guard(create_app(gate, Notes(tmp_path / "notes.db")))


@pytest.fixture
async def ann(app: Any) -> AsyncIterator[AsyncClient]:
    """A person who has just signed up."""
    async with AsyncClient(URL, transport=ASGITransport(app)) as client:
        await client.sign_up("ann@example.com", PASSWORD)
        yield client


async def test_without_a_session_there_are_no_notes(app: Any) -> None:
    async with AsyncClient(URL, transport=ASGITransport(app)) as client:
        assert (await client.get("/api/notes")).status_code == 401


async def test_a_note_is_added_listed_and_deleted(ann: AsyncClient) -> None:
    note = (await ann.post("/api/notes", json={"text": "water the hedge"})).json()
    assert (await ann.get("/api/notes")).json() == [note]
    assert (await ann.delete(f"/api/notes/{note['id']}")).status_code == 204
    assert (await ann.get("/api/notes")).json() == []


async def test_an_empty_note_is_refused(ann: AsyncClient) -> None:
    assert (await ann.post("/api/notes", json={"text": "  "})).status_code == 422


async def test_nobody_sees_or_deletes_the_notes_of_another_account(app: Any, ann: AsyncClient) -> None:
    note = (await ann.post("/api/notes", json={"text": "mine"})).json()
    async with AsyncClient(URL, transport=ASGITransport(app)) as ben:
        await ben.sign_up("ben@example.com", PASSWORD)
        assert (await ben.get("/api/notes")).json() == []
        assert (await ben.delete(f"/api/notes/{note['id']}")).status_code == 404


async def test_who_signs_out_is_out(ann: AsyncClient) -> None:
    await ann.sign_out()
    assert (await ann.get("/api/notes")).status_code == 401
