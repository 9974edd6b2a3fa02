"""`gatepass new` writes an application once, with secrets of its own. That it works is tests/system/packaging's."""

import json
import re
import stat
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from gatepass import __version__
from gatepass.cli import main
from gatepass.cli.new import KINDS, contents
from gatepass.core.keyring import parse_secret

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "src" / "gatepass" / "templates"


def new(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["new", *map(str, arguments)])


@pytest.fixture(params=KINDS)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of a kind."""
    folder: Path = tmp_path / "made" / request.param
    done = new(request.param, folder)
    assert done.exit_code == 0, done.output
    return folder


def test_what_is_written_can_be_read_tested_and_deployed(written: Path) -> None:
    files = {str(path.relative_to(written)) for path in written.rglob("*") if path.is_file()}
    assert {"README.md", ".env", ".env.example", ".gitignore", "compose.yaml", "nginx.conf", "Containerfile"} <= files
    assert any("test" in name for name in files)
    assert not any("__pycache__" in name or "ruff" in name for name in files)


def test_the_secrets_are_fresh_and_for_their_owner_alone(written: Path, tmp_path: Path) -> None:
    assert new(written.name, tmp_path / "again").exit_code == 0
    ours, others = ((folder / ".env").read_text().splitlines() for folder in (written, tmp_path / "again"))
    differing = {mine.partition("=")[0] for mine, other in zip(ours, others, strict=True) if mine != other}
    assert differing == {line.partition("=")[0] for line in ours if "SECRET" in line and not line.startswith("#")}
    (secret,) = (line.partition("=")[2] for line in ours if line.startswith("GATEPASS_SECRET="))
    assert len(parse_secret(secret)) == 32
    assert stat.S_IMODE((written / ".env").stat().st_mode) == 0o600


def test_version_control_sees_the_settings_without_the_secrets(written: Path) -> None:
    assert ".env" in (written / ".gitignore").read_text().splitlines()
    assert ".env" in (written / ".dockerignore").read_text().splitlines()
    for line in (written / ".env.example").read_text().splitlines():
        assert line.startswith("#") or "SECRET" not in line or line.endswith("=")


@pytest.mark.parametrize("name", ["README.md", ".git"])
def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    done = new("flask", tmp_path)
    assert (done.exit_code, done.output) == (1, f"{tmp_path} is not an empty folder. Nothing was written.\n")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert "is not an empty folder" in new("flask", tmp_path / "file").output
    done = new("flask", tmp_path / "file" / "below")
    assert done.exit_code == 1
    assert done.output.startswith("Cannot write ")


def test_the_folder_is_named_after_the_kind_and_may_be_there_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flask").mkdir()
    assert "Next: cd flask, and follow README.md" in new("flask").output
    assert (tmp_path / "flask" / "app" / "notes.py").is_file()


def test_no_layer_writes_over_a_file_of_another_one() -> None:
    for kind in KINDS:
        names = [name for name, _ in contents(kind)]
        assert len(names) == len(set(names))


def test_every_template_belongs_to_a_kind() -> None:
    used = {layer for layers in KINDS.values() for layer in layers}
    assert {path.name for path in TEMPLATES.iterdir() if path.is_dir() and path.name != "__pycache__"} == used


def test_they_ask_for_this_release_and_for_the_packages_that_this_repository_is_tested_with(written: Path) -> None:
    assert f">={__version__}" in (written / "requirements.txt").read_text()
    if not (written / "web").is_dir():
        return
    asked = json.loads((written / "web" / "package.json").read_text())
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
    for name, version in {**asked["dependencies"], **asked["devDependencies"]}.items():
        tested = __version__ if name == "gatepass" else lock[f"node_modules/{name}"]["version"]
        assert (name, version) == (name, f"^{tested}")


def test_the_containers_fit_together(written: Path) -> None:
    compose = yaml.safe_load((written / "compose.yaml").read_text())
    app, proxy = compose["services"]["app"], compose["services"]["proxy"]
    ((port, served),) = (place.rsplit(":", 2)[1:] for place in proxy["ports"])
    assert app["environment"]["GATEPASS_PUBLIC_URL"] == f"http://localhost:{port}"
    (network,) = compose["networks"]["default"]["ipam"]["config"]
    assert app["environment"]["GATEPASS_TRUSTED_PROXIES"] == network["subnet"]
    nginx = (written / "nginx.conf").read_text()
    assert f"listen {served};" in nginx
    (upstream,) = re.findall(r"proxy_pass http://app:(\d+);", nginx)
    assert upstream in (written / "Containerfile").read_text()
    for build in (app["build"], proxy.get("build")):
        assert build is None or (written / build["dockerfile"]).is_file()
    copied = re.findall(r"^COPY (\S+) ", (written / "Containerfile").read_text(), re.MULTILINE)
    assert all((written / name).exists() for name in copied)
