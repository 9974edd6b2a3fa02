"""The application with a real gate in memory: sign up, write, sign out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from app import create_app
from fastapi.testclient import TestClient

from gatepass.testing import memory_gate

ANN = {"email": "ann@example.com", "password": "seven green bottles"}
PAGE = {"Gatepass-Client": "1"}  # the header of every call to /auth, as the browser client sends it


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.chdir(tmp_path)  # its own notes.db
    with TestClient(create_app(memory_gate()), base_url="https://testserver") as client:
        yield client


@pytest.fixture
def bearer(client: TestClient) -> dict[str, str]:
    answer = client.post("/auth/register", json=ANN, headers=PAGE)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_notes_need_a_sign_in(client: TestClient) -> None:
    refused = client.get("/api/notes")
    assert (refused.status_code, refused.json()["code"]) == (401, "token-required")


def test_people_see_their_own_notes(client: TestClient, bearer: dict[str, str]) -> None:
    assert client.post("/api/notes", json={"text": "milk"}, headers=bearer).status_code == 201
    assert [note["text"] for note in client.get("/api/notes", headers=bearer).json()] == ["milk"]
    bob = client.post("/auth/register", json={**ANN, "email": "bob@example.com"}, headers=PAGE).json()
    assert client.get("/api/notes", headers={"Authorization": f"Bearer {bob['access_token']}"}).json() == []


def test_a_sign_out_ends_the_access_token_too(client: TestClient, bearer: dict[str, str]) -> None:
    assert client.post("/auth/logout", headers={**bearer, **PAGE}).status_code == 204
    assert client.get("/api/notes", headers=bearer).status_code == 401
