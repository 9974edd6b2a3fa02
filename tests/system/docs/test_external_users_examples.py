"""The examples with external users: each over its own table, as its first lines say."""

import runpy
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.support import preloaded
from tests.support.process import environment, gatepass, until_listening
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
CREDENTIALS = {"email": "ann@example.com", "password": "the password of old"}
NATIVE = {"Gatepass-Client": "1"}
MAKE = (
    "from django.core.management import call_command; call_command('migrate', verbosity=0);"
    "from django.contrib.auth.models import User;"
    "User.objects.create_user('ann@example.com', 'ann@example.com', 'the password of old')"
)


def prepare(folder: Path, name: str, port: int) -> None:
    assert gatepass(folder, "init", "--public-url", f"http://localhost:{port}").returncode == 0
    (folder / "app.py").write_text((ROOT / "examples" / name / "app.py").read_text("utf-8"), "utf-8")


def use(client: httpx2.Client, identity: str) -> None:
    """Sign in with the old password, call, and be refused with another one."""
    assert client.post("/auth/login", json={**CREDENTIALS, "password": "wrong"}, headers=NATIVE).status_code == 401
    assert client.post("/auth/register", json=CREDENTIALS, headers=NATIVE).json()["code"] == "registration-closed"
    answer = client.post("/auth/login", json=CREDENTIALS, headers=NATIVE)
    assert answer.status_code == 200
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert client.get("/me", headers=bearer).json() == {"account": identity}


USER = "from django.contrib.auth.models import User; user = User.objects.get(); "
OUTDATED = USER + (
    "from django.contrib.auth.hashers import PBKDF2PasswordHasher as H;"
    "User.objects.update(password=H().encode('the password of old', 'saltsaltsaltsaltsaltsa', 1))"
)
IS_RENEWED = USER + "assert user.password.split('$')[1] != '1', user.password"
CHANGED = USER + "user.set_password('another password of old'); user.save()"


def stays_through_a_renewed_hash_and_ends_with_the_password(
    client: httpx2.Client, shell: Callable[[str], object]
) -> None:
    """Django renews an outdated hash at a sign-in: other devices stay. A change of the password ends them (J5)."""
    first = client.post("/auth/login", json=CREDENTIALS, headers=NATIVE).json()["access_token"]
    client.cookies.clear()
    shell(OUTDATED)
    assert client.post("/auth/login", json=CREDENTIALS, headers=NATIVE).status_code == 200
    shell(IS_RENEWED)
    of_first = {"Authorization": f"Bearer {first}"}
    assert client.get("/me", headers=of_first).status_code == 200
    shell(CHANGED)
    until(lambda: client.get("/me", headers=of_first).status_code == 401)


def test_the_users_of_a_django_project_sign_in(tmp_path: Path) -> None:
    port = free_port()
    prepare(tmp_path, "external_users_django", port)
    run = {"cwd": tmp_path, "env": {**environment(), "PYTHONWARNINGS": ""}}
    preloaded.run([sys.executable, "app.py", "shell", "-c", MAKE], check=True, **run)
    with (tmp_path / "said").open("wb") as said:
        server = preloaded.start(
            [sys.executable, "app.py", "runserver", "--noreload", str(port)], stdout=said, stderr=said, **run
        )
        try:
            until_listening(server, port)
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
                use(client, "1")
                stays_through_a_renewed_hash_and_ends_with_the_password(
                    client,
                    lambda code: preloaded.run([sys.executable, "app.py", "shell", "-c", code], check=True, **run),
                )
        finally:
            server.terminate()
            server.wait(PATIENCE)


def test_the_people_of_a_table_sign_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path, "external_users_sqlalchemy", 8000)
    example = runpy.run_path("app.py")
    example["Base"].metadata.create_all(example["engine"])
    hashed = example["bcrypt"].hashpw(CREDENTIALS["password"].encode(), example["bcrypt"].gensalt(4)).decode()
    with sqlite3.connect("people.db") as connection:
        connection.execute("INSERT INTO person VALUES (7, 'ann@example.com', ?, 1)", (hashed,))
    connection.close()
    with TestClient(example["app"], base_url="http://localhost:8000") as client:
        use(client, "7")
    example["engine"].dispose()
