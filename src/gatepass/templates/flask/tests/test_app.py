"""The application from outside: a real gate in memory, and clients that sign in as people do."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from gatepass import Gatepass
from gatepass.client import Client
from httpx2 import WSGITransport

from app import create_app
from app.store import Notes

URL = "http://localhost"
PASSWORD = "seven green bottles"


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """The application with nothing in it."""
    gate = Gatepass(secrets=[secrets.token_urlsafe(32)], public_url=URL, store="memory://")
    return create_app(gate, Notes(tmp_path / "notes.db"))


@pytest.fixture
def ann(app: Flask) -> Iterator[Client]:
    """A person who has just signed up."""
    with Client(URL, transport=WSGITransport(app)) as client:
        client.sign_up("ann@example.com", PASSWORD)
        yield client


def test_the_page_is_there(app: Flask) -> None:
    assert "<h1>Notes</h1>" in app.test_client().get("/").text


def test_without_a_session_there_are_no_notes(app: Flask) -> None:
    assert app.test_client().get("/api/notes").status_code == 401


def test_a_note_is_added_listed_and_deleted(ann: Client) -> None:
    note = ann.post("/api/notes", json={"text": "water the hedge"}).json()
    assert ann.get("/api/notes").json() == [note]
    assert ann.delete(f"/api/notes/{note['id']}").status_code == 204
    assert ann.get("/api/notes").json() == []


@pytest.mark.parametrize("body", [{"text": "  "}, {"text": 7}, {}, []])
def test_what_is_no_note_is_refused(ann: Client, body: object) -> None:
    assert ann.post("/api/notes", json=body).status_code == 422


def test_nobody_sees_or_deletes_the_notes_of_another_account(app: Flask, ann: Client) -> None:
    note = ann.post("/api/notes", json={"text": "mine"}).json()
    with Client(URL, transport=WSGITransport(app)) as ben:
        ben.sign_up("ben@example.com", PASSWORD)
        assert ben.get("/api/notes").json() == []
        assert ben.delete(f"/api/notes/{note['id']}").status_code == 404


def test_who_signs_out_is_out(ann: Client) -> None:
    ann.sign_out()
    assert ann.get("/api/notes").status_code == 401
