"""What `gatepass new` writes works as it is written: its own tests, its server over HTTP, its page."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepass.cli.new import KINDS, contents
from gatepass.client import Client
from gatepass.client.flow import drive
from gatepass.errors import ConfigurationError
from tests.support import preloaded
from tests.support.process import gatepass, until_listening
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
TESTS = {
    "fastapi-react": ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio"],
    "django-react": ["manage.py", "test", "--settings", "project.test_settings"],
    "flask": ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio"],
}
SERVERS = {
    "fastapi-react": ["-m", "uvicorn", "app.main:create_app", "--factory", "--port", "{port}"],
    "django-react": ["manage.py", "runserver", "--noreload", "127.0.0.1:{port}"],
    "flask": ["-m", "flask", "run", "--port", "{port}"],
}
PACKAGES = ROOT / "web" / "node_modules"
PASSWORD = "seven green bottles"


@pytest.fixture(scope="module", params=KINDS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a kind."""
    folder: Path = tmp_path_factory.mktemp("new") / request.param
    done = gatepass(folder.parent, "new", request.param)
    assert done.returncode == 0, done.stderr
    return folder


def variables(**more: str) -> dict[str, str]:
    """Those of a person's terminal: nothing about Gatepass, which reads .env."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("GATEPASS_", "PYTEST_"))}
    return {**clean, **more}


def link_packages(folder: Path, *, gatepass: Path) -> None:
    """node_modules with the packages of this repository, and one `gatepass`."""
    (folder / "node_modules").mkdir()
    for package in PACKAGES.iterdir():
        if package.name != "gatepass" and not package.name.startswith(".vite"):
            (folder / "node_modules" / package.name).symlink_to(package)
    shutil.copytree(gatepass, folder / "node_modules" / "gatepass")  # a link would look for React beside its target


def run(command: list[str], *, folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, env=variables(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of its server, started as its README says."""
    port = free_port()
    if (folder / "manage.py").is_file():
        run([sys.executable, "manage.py", "migrate"], folder=folder)
    url = f"http://localhost:{port}"
    command = [sys.executable, *(word.format(port=port) for word in SERVERS[folder.name])]
    log = folder.parent / "log"
    with log.open("w") as said:
        environment = variables(GATEPASS_PUBLIC_URL=url)
        process = preloaded.start(command, cwd=folder, env=environment, stdout=said, stderr=said)
    try:
        until_listening(process, port)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE)


def test_its_own_tests_pass(written: Path) -> None:
    run([sys.executable, *TESTS[written.name]], folder=written)
    assert list(written.rglob("*.db")) == [], "its tests leave nothing in the stores of .env"


def test_its_server_signs_in_refreshes_and_signs_out(written: Path) -> None:
    with served(written) as url, Client(url) as ann:
        assert ann.get("/api/notes").status_code == 401
        ann.sign_up("ann@example.com", PASSWORD)
        note = ann.post("/api/notes", json={"text": "water the hedge"}).json()
        drive(ann.session.refresh(), ann)
        assert ann.get("/api/notes").json() == [note]
        ann.sign_out()
        assert ann.get("/api/notes").status_code == 401
        ann.sign_in("ann@example.com", PASSWORD)
        assert ann.get("/api/notes").json() == [note]


def test_without_its_env_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy from version control has no secret."""
    assert gatepass(tmp_path, "new", "flask").returncode == 0
    (tmp_path / "flask" / ".env").unlink()
    done = subprocess.run(
        [sys.executable, "-m", "flask", "run"],
        cwd=tmp_path / "flask", env=variables(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert ConfigurationError.__name__ in done.stderr
    assert "GATEPASS_SECRET" in done.stderr


def test_both_front_ends_are_one() -> None:
    one, other = (
        {name: content for name, content in contents(kind) if name.parts[0] == "web"}
        for kind in ("fastapi-react", "django-react")
    )
    assert one == other


def test_the_front_end_passes_its_types_its_tests_and_its_build(tmp_path: Path, npm_package: Path) -> None:
    """With the packages of this repository, and the client as npm installs it."""
    assert gatepass(tmp_path, "new", "fastapi-react").returncode == 0
    web = tmp_path / "fastapi-react" / "web"
    link_packages(web, gatepass=npm_package)
    for program in (["tsc"], ["vitest", "run"], ["vite", "build"]):
        run([str(PACKAGES / ".bin" / program[0]), *program[1:]], folder=web)
    assert (web / "dist" / "index.html").is_file()


def test_the_front_end_is_written_in_the_style_of_our_own() -> None:
    templates = ROOT / "src" / "gatepass" / "templates"
    run(
        [str(ROOT / "web" / "node_modules" / ".bin" / "biome"), "ci", "--error-on-warnings", str(templates)],
        folder=ROOT / "web",
    )
