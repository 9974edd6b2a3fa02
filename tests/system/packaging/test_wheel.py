"""What is published works where nothing of the repository is: the sdist, and the wheel that is made from it."""

import os
import subprocess
import sys
import tarfile
import tomllib
import urllib.request
import zipfile
from collections.abc import Mapping
from email.parser import Parser
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from tests.support.process import serving
from tools.environment import BUNDLED
from tools.services.patience import PATIENCE

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NO_NETWORK = ("--quiet", "--no-index", "--no-deps", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    (packed,) = SdistBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with tarfile.open(packed) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # since Python 3.11.4
        archive.extractall(folder)
    (unpacked,) = folder.glob("gatepass-*/")
    return unpacked


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> Path:
    """As `python -m build` makes it: from the source distribution."""
    (packed,) = WheelBuilder(str(sdist)).build(directory=str(sdist.parent), versions=["standard"])
    return Path(packed)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables under which `import gatepass` finds what pip made of the wheel, before the repository's sources."""
    folder = tmp_path_factory.mktemp("installed")
    pip = subprocess.run([sys.executable, "-c", BUNDLED], capture_output=True, text=True, check=True).stdout.strip()
    command = [sys.executable, "-m", "pip", "install", *NO_NETWORK, "--target", str(folder), str(wheel)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": pip}, check=True)
    return {**os.environ, "PYTHONPATH": str(folder)}


def typed(code: str, variables: Mapping[str, str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_sdist_is_what_the_wheel_is_built_from_and_no_more(sdist: Path) -> None:
    """Tests need the repository: those that cannot run are no proof of anything."""
    assert {path.name for path in sdist.iterdir()} == {
        "src", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md", "pyproject.toml", "PKG-INFO", ".gitignore",
    }  # fmt: skip


def test_the_wheel_carries_all_sources_and_what_is_built_and_ignored_by_git(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if name.startswith("gatepass/")}
    listed = subprocess.run(["git", "ls-files", "src/gatepass"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {name.removeprefix("src/") for name in listed.stdout.splitlines() if (ROOT / name).exists()} <= names
    assert "gatepass/demo/page/index.html" in names
    assert [name for name in names if name.endswith("/gatepass.js")] != []


def test_the_metadata_say_what_runs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        (name,) = (name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(packed.read(name).decode())
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    assert set(metadata.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])
    assert f"Programming Language :: Python :: {sys.version_info[0]}.{sys.version_info[1]}" in PROJECT["classifiers"]


def test_an_installed_wheel_has_all_that_it_needs(
    installed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It serves, with the browser's script and the demo's page, from where it was installed."""
    monkeypatch.setenv("PYTHONPATH", installed["PYTHONPATH"])
    place = Path(installed["PYTHONPATH"])
    assert typed("import gatepass; print(gatepass.__file__)", installed, tmp_path).startswith(str(place))
    secret = typed("from gatepass.cli import main; main(['secret'])", installed, tmp_path)
    page = "from importlib.resources import files; print((files('gatepass.demo') / 'page/index.html').is_file())"
    assert typed(page, installed, tmp_path) == "True"
    with serving(tmp_path, {"SECRET": secret}) as server:
        for path in ("/healthz", "/auth/gatepass.js"):
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=PATIENCE) as answer:
                assert answer.status == 200
