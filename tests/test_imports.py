"""What a program loads when it imports a part of the package, and that it imports without any extra."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import gatepass
import gatepass.client
from tools.services.patience import PATIENCE

SOURCE = Path(gatepass.__file__).parents[1]
DEPENDENCIES = {"argon2", "cryptography", "email_validator", "pydantic", "pydantic_settings"}
EXTRAS = {
    *("asyncpg", "bcrypt", "click", "django", "fastapi", "flask", "httptools", "httpx", "httpx2", "hypothesis"),
    *("joserfc", "keyring", "litestar", "opentelemetry", "pytest", "redis", "rest_framework", "rich", "sentry_sdk"),
    *("starlette", "tqdm", "uvicorn", "uvloop", "werkzeug"),
}
NEED_AN_EXTRA = (
    "cli",
    "client",
    "demo",
    "guards",
    "oidc.github",
    "oidc.id_token",
    "oidc.key_set",
    "oidc.relying_party",
    "serving",
    "stores.postgres",
    "stores.redis",
    "testing",
)
WITHOUT_EXTRAS = """
import importlib, json, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in extras:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

extras, modules = json.load(sys.stdin)
sys.meta_path.insert(0, Missing())
failures = {}
for name in modules:
    try:
        importlib.import_module(name)
    except (ImportError, SystemExit) as error:
        failures[name] = str(error)
print(json.dumps(failures))
"""


def modules() -> list[str]:
    names = [".".join(path.relative_to(SOURCE).with_suffix("").parts) for path in SOURCE.glob("gatepass/**/*.py")]
    ours = (name for name in names if not name.endswith("__main__") and ".templates." not in name)
    return sorted(name.removesuffix(".__init__") for name in ours)


def loaded(*program: str) -> set[str]:
    """The modules that a Python process imports, by its own account of the time that each takes."""
    command = [sys.executable, "-X", "importtime", *program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


def ours(names: set[str]) -> set[str]:
    return {name for name in names if name.partition(".")[0] == "gatepass"}


def rooms(names: set[str]) -> set[str]:
    return {name.split(".")[1] for name in ours(names) if "." in name}


def others(names: set[str]) -> set[str]:
    """The packages of others; but for bcrypt, which cryptography imports if it is there."""
    return {name.partition(".")[0] for name in names} & (DEPENDENCIES | EXTRAS) - {"bcrypt"}


def test_the_front_door_loads_nothing_behind_it() -> None:
    names = loaded("-c", "import gatepass")
    assert (ours(names), others(names)) == ({"gatepass", "gatepass._lazy"}, set())


@pytest.mark.slow
def test_the_client_loads_neither_the_server_nor_its_dependencies() -> None:
    names = loaded("-c", "import sys; sys.modules['httpx'] = None; from gatepass.client import Client")
    assert rooms(names) == {"_extras", "_lazy", "client", "core", "errors", "per_process", "problem_codes", "wire"}
    core = {f"gatepass.core.{name}" for name in ("base64url", "binding", "mac", "secret")}
    assert {name for name in names if name.startswith("gatepass.core.")} == core
    assert others(names) == {"httpx2"}
    assert len(ours(names)) <= 59
    unused = {"aio", "auth", "layers.indicators", "layers.loading", "storage.file", "storage.keyring"}
    assert not {f"gatepass.client.{name}" for name in unused} & names
    with_both = others(loaded("-c", "from gatepass.client import Client"))
    assert with_both - {"click", "rich"} == {"httpx2", "httpx"}, "httpx itself loads its command line"


@pytest.mark.slow
def test_verifying_tokens_loads_neither_a_server_nor_a_hasher() -> None:
    names = loaded("-c", "import gatepass.access.check")
    assert rooms(names) == {"_lazy", "access", "core", "errors", "ports", "problem_codes", "wire"}
    assert others(names) == {"cryptography"}
    names = loaded("-c", "import gatepass.remote.gate")
    assert rooms(names) == {
        "_lazy",
        "access",
        "core",
        "errors",
        "outgoing",
        "per_process",
        "ports",
        "problem_codes",
        "remote",
        "system",
        "wire",
    }
    assert others(names) == {"cryptography"}


@pytest.mark.slow
def test_a_gate_loads_no_driver_no_framework_and_no_http_client() -> None:
    assert others(loaded("-c", "from gatepass import Gatepass")) == DEPENDENCIES


@pytest.mark.parametrize(("package", "files"), [("client", {"client", "client.call_options"}), ("access", {"access"})])
def test_a_package_alone_loads_nothing_of_what_is_in_it(package: str, files: set[str]) -> None:
    names = loaded("-c", f"import gatepass.{package}")
    assert ours(names) == {"gatepass", "gatepass._lazy", *(f"gatepass.{file}" for file in files)}
    assert others(names) == set()


def test_the_version_is_said_without_any_command() -> None:
    names = loaded("-m", "gatepass", "--version")
    assert rooms(names) == {"_lazy", "cli", "errors", "problem_codes"}
    assert {name for name in names if name.startswith("gatepass.cli")} == {"gatepass.cli", "gatepass.cli.group"}
    assert others(names) == {"click"}


@pytest.mark.slow
def test_a_command_loads_its_own_file_when_it_runs_and_no_other() -> None:
    # Python's account has no line for what `import_module` itself is asked for: the file of the command.
    names = loaded("-m", "gatepass", "audit", "--help")
    shared = {"gatepass.cli.common", "gatepass.cli.group"}
    assert {name for name in names if name.startswith("gatepass.cli.")} == shared
    assert others(names) <= {*DEPENDENCIES, "click"}
    assert not rooms(names) & {"client", "demo", "guards", "remote", "testing"}


@pytest.mark.slow
def test_without_extras_everything_imports_but_what_an_extra_is_for() -> None:
    command = [sys.executable, "-c", WITHOUT_EXTRAS]
    given = json.dumps([sorted(EXTRAS), modules()])
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=PATIENCE)
    failures: dict[str, str] = json.loads(done.stdout)
    unexpected = [name for name in failures if not name.removeprefix("gatepass.").startswith(NEED_AN_EXTRA)]
    assert unexpected == []
    assert [text for text in failures.values() if not text.startswith("No module") and "pip install" not in text] == []
    assert len(modules()) - len(failures) > 100
    for name, text in failures.items():
        if name.startswith("gatepass.guards."):
            framework = name.split(".")[2]
            assert text.endswith(f"pip install 'gatepass[{framework}]'"), name


@pytest.mark.parametrize("package", ["gatepass", "gatepass.client"])
def test_a_type_checker_sees_the_names_that_a_program_gets(package: str) -> None:
    module = importlib.import_module(package)
    stub = ast.parse((Path(module.__path__[0]) / "__init__.pyi").read_text("utf-8"))
    seen = {
        alias.asname: (node.module, alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(seen, key=str) == module.__all__
    for name, (home, original) in seen.items():
        assert name == original, "an import without `as` is none for others (PEP 484)"
        assert getattr(module, name) is getattr(importlib.import_module(str(home)), name)
    assert {*module.__all__} <= {*dir(module)}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'gatepass' has no attribute 'Gatepas'"):
        _ = gatepass.Gatepas  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="cannot import name"):
        exec("from gatepass.client import Clint")


@pytest.mark.parametrize("package", ["gatepass", "gatepass.client"])
def test_no_lazy_name_is_that_of_a_submodule(package: str) -> None:
    """The import system would put the module in the place of the name."""
    module = importlib.import_module(package)
    submodules = {path.stem for path in Path(module.__path__[0]).iterdir() if path.suffix in ("", ".py")}
    assert submodules & {*module.__all__} <= {"call_options"}
    assert callable(gatepass.client.call_options)
