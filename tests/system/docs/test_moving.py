"""The exports of the page on moving: their lines are imported, and people sign in with the passwords that they had."""

import json
import sqlite3
import sys
import textwrap
from pathlib import Path

import httpx2
import pytest
from argon2 import PasswordHasher
from werkzeug.security import generate_password_hash

from tests.support import preloaded
from tests.support.process import environment, gatepass, serving
from tests.support.tutorial import ROOT, blocks
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

PAGE = ROOT / "docs" / "guides" / "moving.md"
PASSWORD = "the password of old"
pytestmark = pytest.mark.slow


def export(name: str, folder: Path, *command: str) -> str:
    """What a program of the page prints: run by `command`, or fed to it."""
    (text,) = [block.text for block in blocks(PAGE) if block.title == name]
    (folder / name).write_text(text, "utf-8")
    done = preloaded.run(
        [sys.executable, *command],
        cwd=folder,
        env={**environment(), "PYTHONWARNINGS": ""},
        input=text,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def import_and_sign_in(people: str, folder: Path, *, identity: str) -> None:
    """Import the lines; ann signs in with her old password under her old id."""
    port = free_port()
    assert gatepass(folder, "init", "--public-url", f"http://localhost:{port}").returncode == 0
    (folder / "people.jsonl").write_text(people, "utf-8")
    imported = gatepass(folder, "accounts", "import", "people.jsonl")
    assert imported.stdout == f"made {len(people.splitlines())}, refused 0\n", imported.stdout
    with serving(folder, port=port), httpx2.Client(base_url=f"http://localhost:{port}") as client:
        body = {"email": "ann@example.com", "password": PASSWORD}
        answer = client.post("/auth/login", json=body, headers={"Gatepass-Client": "1"})
        assert answer.json()["account"]["id"] == identity, answer.text


def test_the_people_of_a_django_project_move(tmp_path: Path) -> None:
    project = textwrap.dedent("""
        import django, sys
        from django.conf import settings
        settings.configure(
            SECRET_KEY="x", INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"], USE_TZ=True,
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
        django.setup()
        from django.contrib.auth.models import User
        from django.core.management import call_command, execute_from_command_line
        call_command("migrate", verbosity=0)
        User.objects.create_user("ann", "ann@example.com", "the password of old")
        User.objects.create_user("bob", "bob@example.com", is_active=False)
        execute_from_command_line(sys.argv)
    """)
    (tmp_path / "manage.py").write_text(project, "utf-8")
    people = export("export_django.py", tmp_path, "manage.py", "shell", "-v", "0")
    assert [json.loads(line)["disabled"] for line in people.splitlines()] == [False, True]
    import_and_sign_in(people, tmp_path, identity="1")


def test_the_people_of_fastapi_users_move(tmp_path: Path) -> None:
    columns = (
        "id CHAR(36), email TEXT, hashed_password TEXT, is_active BOOLEAN, is_superuser BOOLEAN, is_verified BOOLEAN"
    )
    identity = "2f1e1b0a-6f0e-4a43-9d3a-0b1a0c2d3e4f"
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.execute(f'CREATE TABLE "user" ({columns})')
        hashed = PasswordHasher(time_cost=1).hash(PASSWORD)
        connection.execute('INSERT INTO "user" VALUES (?, ?, ?, 1, 0, 1)', (identity, "ann@example.com", hashed))
    connection.close()
    people = export("export_fastapi_users.py", tmp_path, "export_fastapi_users.py", "sqlite:///app.db")
    import_and_sign_in(people, tmp_path, identity=identity)


def test_the_people_of_a_flask_application_move(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.execute("CREATE TABLE user (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT)")
        hashed = generate_password_hash(PASSWORD)
        connection.execute("INSERT INTO user VALUES (7, 'ann@example.com', ?)", (hashed,))
    connection.close()
    import_and_sign_in(export("export_flask.py", tmp_path, "export_flask.py"), tmp_path, identity="7")
