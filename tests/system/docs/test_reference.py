"""The reference pages say what the code says: settings and their defaults, commands, endpoints, problem codes."""

import ast
import functools
import importlib
import math
import pkgutil
import re
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from starlette.testclient import TestClient

from gatepass import Gatepass, Passkeys, Policy
from gatepass.cli import main
from gatepass.core.keyring import compose_secret
from gatepass.core.policy import DAY, HOUR, MINUTE
from gatepass.core.rate import Rate
from gatepass.environment import LINK_NAME, PREFIX
from gatepass.oidc.environment import OPTIONS, is_of_provider
from gatepass.settings import Settings
from gatepass.wire.browsers import Browsers

ROOT = Path(__file__).resolve().parents[3]
SECRET = compose_secret(b"reference-pages-secret-0123456789ab")
REFERENCE = ROOT / "docs" / "reference"
_SETTING = re.compile(r"^\| `([A-Z_]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_COMMAND = re.compile(r"^\| `gatepass ([a-z -]+?)(?: [A-Z\[][^`]*)?` \|([^|]*)\|[^|]*\|$", re.MULTILINE)
_ENDPOINT = re.compile(r"^\| `(GET|POST|PATCH|DELETE) (/[^`]+)` \| (.*) \|$", re.MULTILINE)
_PYTHON = re.compile(r"^```python[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FORM = re.compile(r"^\| [^|]+ \| `([A-Z]+ /[^`]+)` \| (.*) \|$", re.MULTILINE)
_CODE = re.compile(r"`([a-z]+(?:-[a-z]+)*)`")


def page(name: str) -> str:
    return (REFERENCE / name).read_text("utf-8")


def spelt(default: Any, name: str) -> str:
    """A default as an operator would write it."""
    if default is PydanticUndefined or default is None or default == ():
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, SecretStr):
        return f"`{default.get_secret_value()}`"
    if isinstance(default, Rate):
        return f"`{default.count}/{spelt(default.seconds, 'ttl').strip('`')}`"
    if isinstance(default, int | float) and name.endswith(
        ("ttl", "leeway", "skew", "age", "request", "timeout", "recent_sign_in", "admission", "grace", "wait")
    ):
        if default in (0, math.inf):
            return "`off`" if default == 0 else "`never`"
        unit, size = next((u, s) for u, s in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", 1)) if default % s == 0)
        return f"`{int(default // size)}{unit}`"
    return f"`{default}`"


class TestSettings:
    def test_every_setting_is_listed_once_with_its_default(self) -> None:
        rows = {name: default for name, default, _ in _SETTING.findall(page("settings.md"))}
        assert set(rows) == {name.upper() for name in Settings.model_fields}
        wrong = {
            name: (rows[name.upper()], spelt(field.default, name))
            for name, field in Settings.model_fields.items()
            if not rows[name.upper()].startswith(spelt(field.default, name))
        }
        assert wrong == {}

    def test_every_setting_of_a_provider_is_listed(self) -> None:
        rows = re.findall(r"`…([A-Z_]+)`", page("settings.md"))
        assert sorted(rows) == sorted(OPTIONS)

    def test_no_page_names_a_setting_that_does_not_exist(self) -> None:
        known = {PREFIX + name.upper() for name in Settings.model_fields} | {"GATEPASS_FULL", "GATEPASS_SEED"}
        known |= {"GATEPASS_USERS", "GATEPASS_DJANGO_PATHS"}  # of Django's settings, not of the environment
        pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        named = {
            (word, path.name) for path in pages for word in re.findall(r"GATEPASS_[A-Z_]+", path.read_text("utf-8"))
        }
        named = {pair for pair in named if not (LINK_NAME.fullmatch(pair[0]) or is_of_provider(pair[0]))}
        assert sorted(pair for pair in named if pair[0] not in known and not pair[0].endswith("_")) == []


def commands(group: click.Group, path: str = "") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= commands(command, f"{path}{name} ")
        else:
            found[path + name] = command
    return found


def test_every_command_is_listed_with_all_its_options() -> None:
    assert isinstance(main, click.Group)
    listed = {
        name: set(re.findall(r"`(--[a-z-]+)`", options)) for name, options in _COMMAND.findall(page("command-line.md"))
    }
    there = {
        name: {max(part.opts, key=len) for part in command.params if isinstance(part, click.Option)} - {"--help"}
        for name, command in commands(main).items()
    }
    assert listed == there


@functools.cache
def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """(Method, path) → its description, as a gate serves it."""
    browsers = Browsers(device_bound="allow")  # all endpoints that there can be
    passkeys = Passkeys(rp_id="gate.example")
    more: dict[str, Any] = {"browsers": browsers, "passkeys": passkeys, "mail": "console"}
    more["policy"] = Policy(mail_codes=True)
    gate = Gatepass(secrets=[SECRET], public_url="https://gate.example", store="memory://", **more)
    document = TestClient(gate.asgi).get("/openapi.json").json()
    return {
        (method.upper(), path): facts
        for path, item in document["paths"].items()
        for method, facts in item.items()
        if method != "parameters"
    }


class TestEndpoints:
    def test_every_operation_is_listed_and_none_besides(self) -> None:
        listed = {(method, path) for method, path, _ in _ENDPOINT.findall(page("http-api.md"))}
        assert listed - {("GET", "/revocations")} == set(operations())

    def test_each_names_its_success_and_its_own_codes(self) -> None:
        everywhere = set(_CODE.findall(page("http-api.md").partition("## On every endpoint")[2]))
        everywhere |= {"token-required", "invalid-token"}
        described = operations()
        for method, path, cells in _ENDPOINT.findall(page("http-api.md")):
            answers = described.get((method, path), {"responses": {}})["responses"]
            codes = {code for status, answer in answers.items() if status >= "400" for code in _words(answer)}
            assert codes - everywhere <= set(_CODE.findall(cells.rpartition("|")[2])) <= codes, path
            assert all(status in cells for status in answers if status < "300"), path

    def test_the_table_of_forms_names_all_codes_of_each_and_no_others(self) -> None:
        for_developers = {"cross-site", "malformed-json", "malformed-request", "not-offered", "invalid-token"}
        for_developers.add("invalid-binding-secret")
        everywhere = set(_CODE.findall(page("http-api.md").partition("## On every endpoint")[2]))
        everywhere |= for_developers | {"token-required"}
        rows = dict(_FORM.findall(page("errors.md").partition("## By form")[2]))
        for called, cell in rows.items():
            method, path = called.split()
            answers = operations()[method, path]["responses"]
            codes = {code for status, answer in answers.items() if status >= "400" for code in _words(answer)}
            own = codes - everywhere | ({"invalid-body", "not-found"} & codes & set(_CODE.findall(cell)))
            assert own - {"invalid-body"} <= set(_CODE.findall(cell)) <= codes, called
        of_programs = ("/refresh", "/links", "/oidc/{name}/back-channel-logout", "/login/passkey/options")
        forms = {pair for pair, facts in operations().items() if "requestBody" in facts and pair[1] not in of_programs}
        assert {f"{method} {path}" for method, path in forms} - set(rows) <= {"POST /logout", "DELETE /account"}


def _words(answer: dict[str, Any]) -> list[str]:
    return [word.strip() for word in answer["description"].split(",")]


def directives() -> dict[str, set[str]]:
    """Each name that the pages of the Python reference show → the members that are shown, if they are named."""
    text = page("python-server.md") + page("python-client.md")
    found = re.findall(r"^::: ([\w.]+)\n(?:    options:\n      members: \[([\w, ]+)\]\n)?", text, flags=re.MULTILINE)
    return {name: set(members.split(", ")) if members else set() for name, members in found}


class TestPython:
    def test_every_name_of_the_reference_is_there(self) -> None:
        for name, members in directives().items():
            found = pkgutil.resolve_name(name)
            assert {member for member in members if not hasattr(found, member)} == set(), name

    @pytest.mark.parametrize("module", ["gatepass", "gatepass.client", "gatepass.remote", "gatepass.testing"])
    def test_every_public_name_is_in_the_reference(self, module: str) -> None:
        names = importlib.import_module(module).__all__
        assert [name for name in names if not is_shown(module, name)] == []

    def test_every_name_that_a_page_or_an_example_imports_is_in_the_reference(self) -> None:
        pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        code = [text for path in pages for text in _PYTHON.findall(path.read_text("utf-8"))]
        code += [path.read_text("utf-8") for path in (ROOT / "examples").rglob("*.py")]
        imports = {
            (node.module or "", name.name)
            for text in code
            for node in ast.walk(compile(text, "page", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gatepass")
            for name in node.names
        }
        assert sorted(pair for pair in imports if not is_shown(*pair)) == []


def is_shown(module: str, name: str) -> bool:
    """Whether the reference shows a name: itself, what it is, or a module that it is a member of or exported by."""
    shown = directives()
    found = getattr(importlib.import_module(module), name)
    home, kind = getattr(found, "__module__", ""), getattr(found, "__qualname__", "")
    homes = {module, home}
    package = home.rpartition(".")[0]
    if package and kind in getattr(importlib.import_module(package), "__all__", ()):
        homes.add(package)
    paths = {f"{module}.{name}", *(f"{each}.{kind}" for each in homes)}
    modules = homes & set(shown)
    return bool(paths & set(shown)) or any(not shown[each] or name in shown[each] for each in modules)
