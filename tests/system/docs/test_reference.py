"""The reference pages say what the code says: settings and their defaults, commands, endpoints, problem codes."""

import functools
import math
import re
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from starlette.testclient import TestClient

from gatepass import Gatepass, errors
from gatepass.cli import main
from gatepass.core.keyring import compose_secret
from gatepass.core.policy import DAY, HOUR, MINUTE
from gatepass.core.rate import Rate
from gatepass.environment import LINK_NAME, PREFIX
from gatepass.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
SECRET = compose_secret(b"reference-pages-secret-0123456789ab")
REFERENCE = ROOT / "docs" / "reference"
_SETTING = re.compile(r"^\| `([A-Z_]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_COMMAND = re.compile(r"^\| `gatepass ([a-z -]+?)(?: [A-Z\[][^`]*)?` \|([^|]*)\|[^|]*\|$", re.MULTILINE)
_ENDPOINT = re.compile(r"^\| `(GET|POST|DELETE) (/[^`]+)` \| (.*) \|$", re.MULTILINE)
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
        ("ttl", "leeway", "skew", "age", "request", "recent_sign_in")
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

    def test_no_page_names_a_setting_that_does_not_exist(self) -> None:
        known = {PREFIX + name.upper() for name in Settings.model_fields} | {"GATEPASS_EXPLORE", "GATEPASS_SEED"}
        pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        named = {
            (word, path.name) for path in pages for word in re.findall(r"GATEPASS_[A-Z_]+", path.read_text("utf-8"))
        }
        named = {pair for pair in named if not LINK_NAME.fullmatch(pair[0])}
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
    gate = Gatepass(secrets=[SECRET], public_url="http://localhost:8000", store="memory://")
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


def _words(answer: dict[str, Any]) -> list[str]:
    return [word.strip() for word in answer["description"].split(",")]


def test_every_code_of_the_source_and_of_the_document_is_explained() -> None:
    answers = [answer for facts in operations().values() for answer in facts["responses"].items()]
    codes = {code for status, answer in answers if status >= "400" for code in _words(answer)}
    files = [path for path in (ROOT / "src" / "gatepass").rglob("*.py") if not {"demo", "templates"} & {*path.parts}]
    source = "".join(path.read_text("utf-8") for path in files)
    kinds = [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.Problem)]
    kinds += ["PasswordViolation", "super().__init__"]
    codes |= set(re.findall(rf"(?:{'|'.join(map(re.escape, kinds))})\(\s*\"([a-z]+(?:-[a-z]+)+)\",", source))
    rows = set(_CODE.findall("".join(re.findall(r"^\| (`[^|]+) \| \d{3}", page("errors.md"), flags=re.MULTILINE))))
    assert codes <= rows
    assert {code for code in rows if f'"{code}"' not in source} == set()


def test_the_tree_of_errors_is_that_of_the_code() -> None:
    tree = page("errors.md").partition("```text\n")[2].partition("```")[0]
    kinds = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.GatepassError)
    }
    assert set(re.findall(r"\b([A-Z][a-z]+[A-Za-z]*)\b", tree)) >= kinds
