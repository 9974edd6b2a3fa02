"""What is published works where nothing of the repository is: the sdist, and the wheel that is made from it."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import urllib.request
import zipfile
from collections.abc import Mapping
from email.parser import Parser
from pathlib import Path, PurePosixPath

import pytest
from hatchling.builders.wheel import WheelBuilder

from hatch_build import BUILT, NODE, package_page
from tests.support.process import serving
from tools import web
from tools.environment import BUNDLED
from tools.services.patience import PATIENCE

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
QUICK = (
    *("cli/test_new.py", "server/test_browser_client.py", "server/test_endpoints.py", "guards/test_same_answers.py"),
    *("client/test_client.py", "demo"),
)
NO_NETWORK = ("--quiet", "--no-index", "--no-deps", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables under which `import gatepass` finds what pip made of the wheel, before the repository's sources."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", *NO_NETWORK, "--target", str(folder), str(wheel)]
    subprocess.run(command, env=with_pip(), check=True)
    return {**os.environ, "PYTHONPATH": str(folder)}


def with_pip() -> dict[str, str]:
    """The variables under which `python -m pip` is the one that Python brings."""
    pip = subprocess.run([sys.executable, "-c", BUNDLED], capture_output=True, text=True, check=True).stdout.strip()
    return {**os.environ, "PYTHONPATH": pip}


def typed(code: str, variables: Mapping[str, str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_sdist_is_what_the_wheel_is_built_from_and_no_more(sdist: Path) -> None:
    """Tests need the repository: those that cannot run are no proof of anything."""
    (packed,) = sdist.parent.glob("*.tar.gz")  # not the folder, where a wheel may have been built meanwhile
    with tarfile.open(packed) as archive:
        names = {PurePosixPath(name).parts[1] for name in archive.getnames()}
    assert names == {
        *("src", "hatch_build.py", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md"),
        *("pyproject.toml", "PKG-INFO", ".gitignore"),
    }


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


def test_the_links_of_the_package_page_lead_somewhere(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        (name,) = (name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        page = str(Parser().parsestr(packed.read(name).decode()).get_payload())
    assert "Sessions for Python back ends" in page
    links = re.findall(r"\]\(([^)\s]+)\)", page)
    assert [link for link in links if not link.startswith("https://")] == []


def test_a_link_of_the_package_page_is_absolute_as_soon_as_there_is_an_address() -> None:
    text = "[Guide](docs/a.md) ![Page](docs/b.png) [Site](https://example.com) [Below](#below)"
    ours = "https://code.example/gatepass"
    assert package_page(text, source=ours) == (
        f"[Guide]({ours}/blob/HEAD/docs/a.md) ![Page]({ours}/raw/HEAD/docs/b.png) "
        "[Site](https://example.com) [Below](#below)"
    )
    assert package_page(text, source=None) == "Guide  [Site](https://example.com) [Below](#below)"


@pytest.mark.full
def test_a_checkout_builds_what_git_does_not_have(tmp_path: Path) -> None:
    """`pip wheel .` and `pip install git+…`: the files of git alone, and node_modules to save the time."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file() and not name.startswith(("docs/", "tests/")):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "web" / "node_modules").symlink_to(ROOT / "web" / "node_modules")
    command = [sys.executable, "-m", "pip", "wheel", *NO_NETWORK, "--no-build-isolation", "--wheel-dir", "made", "."]
    done = subprocess.run(command, cwd=tmp_path, env=with_pip(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (made,) = (tmp_path / "made").glob("*.whl")
    with zipfile.ZipFile(made) as packed:
        script = packed.read("gatepass/server/endpoints/gatepass.js")
        assert "gatepass/demo/page/index.html" in packed.namelist()
    assert script == (ROOT / "src/gatepass/server/endpoints/gatepass.js").read_bytes()


@pytest.mark.parametrize("name", BUILT)
def test_without_what_is_built_no_wheel_is_made(sdist: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(sdist, tmp_path / "sdist")
    (tmp_path / "sdist" / name).unlink()
    with pytest.raises(RuntimeError, match=f"No wheel is made without {name}"):
        list(WheelBuilder(str(tmp_path / "sdist")).build(directory=str(tmp_path), versions=["standard"]))


def test_where_there_is_no_node_it_is_a_build_requirement(sdist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert NODE in WheelBuilder(str(ROOT)).config.dependencies
    assert NODE not in WheelBuilder(str(sdist)).config.dependencies
    monkeypatch.setattr(web, "is_node_enough", lambda: True)
    assert NODE not in WheelBuilder(str(ROOT)).config.dependencies
    nodes = PYPROJECT["dependency-groups"]["node"]
    assert nodes == [NODE], "the tests run with the Node that builds wheels"


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


@pytest.mark.full
def test_our_own_tests_pass_against_the_installed_wheel(installed: dict[str, str], tmp_path: Path) -> None:
    """A part that takes seconds: imports, the command line, endpoints, every guard, the client, the demo."""
    place = installed["PYTHONPATH"]
    (tmp_path / "where.py").write_text(f"import gatepass\nassert gatepass.__file__.startswith({place!r})\n")
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "where", "-m", "not slow"]
    command = [*pytest_, "--rootdir", str(ROOT), *(str(ROOT / "tests" / part) for part in QUICK)]
    variables = {**installed, "PYTHONPATH": os.pathsep.join((place, str(tmp_path)))}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
