"""The application with a real gate in memory: sign up, write, sign out."""

from pathlib import Path

import pytest
from app import create_app
from flask.testing import FlaskClient

from gatepass.testing import memory_gate

ANN = {"email": "ann@example.com", "password": "seven green bottles"}
PAGE = {"Gatepass-Client": "1"}  # the header of every call to /auth, as the browser client sends it


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.chdir(tmp_path)  # its own notes.db
    client: FlaskClient = create_app(memory_gate()).test_client()
    return client


@pytest.fixture
def bearer(client: FlaskClient) -> dict[str, str]:
    answer = client.post("/auth/register", json=ANN, headers=PAGE)
    return {"Authorization": f"Bearer {answer.get_json()['access_token']}"}


def test_notes_need_a_sign_in(client: FlaskClient) -> None:
    refused = client.get("/api/notes")
    assert (refused.status_code, refused.get_json()["code"]) == (401, "token-required")


def test_people_see_their_own_notes(client: FlaskClient, bearer: dict[str, str]) -> None:
    assert client.post("/api/notes", json={"text": "milk"}, headers=bearer).status_code == 201
    assert [note["text"] for note in client.get("/api/notes", headers=bearer).get_json()] == ["milk"]


def test_a_sign_out_ends_the_access_token_too(client: FlaskClient, bearer: dict[str, str]) -> None:
    assert client.post("/auth/logout", headers={**bearer, **PAGE}).status_code == 204
    assert client.get("/api/notes", headers=bearer).status_code == 401
