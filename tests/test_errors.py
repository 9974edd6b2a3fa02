"""The tree of errors is complete: what is drawn is what is defined, and `except GatepassError` catches all of it."""

import ast
import importlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import gatepass.client.errors
import gatepass.errors
import gatepass.testing.battery  # before the walk below imports its parts: it has their assertions rewritten
from gatepass.errors import GatepassError

SOURCE = Path(gatepass.errors.__file__).parents[2]
SHARED_NAMES = {"Denied": 3}
"""One in each guard whose framework has an HTTPException: an application uses one framework."""
_LINE = re.compile(r"(?P<indent>[ │]*)[├└]── (?P<names>\w+(?:, \w+)*) *(?P<rest>.*)")


def classes() -> Iterator[type]:
    """Every class that a module of the package defines at its top."""
    files = [path for path in (SOURCE / "gatepass").rglob("*.py") if "templates" not in path.parts]
    for path in sorted(files):
        names = [node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef)]
        if names:
            module = importlib.import_module(".".join(path.relative_to(SOURCE).with_suffix("").parts))
            yield from (getattr(module, name) for name in names)


EXCEPTIONS = [each for each in classes() if issubclass(each, BaseException)]
PUBLIC = [each for each in EXCEPTIONS if not each.__name__.startswith("_")]


def drawn(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, parent and remark of each class in a drawing."""
    parents = [""]
    for line in text.splitlines():
        if (found := _LINE.fullmatch(line)) is not None:
            depth = len(found["indent"]) // 4
            for name in found["names"].split(", "):
                yield name, parents[depth - 1], found["rest"]
            parents[depth:] = [name]
        elif re.fullmatch(r" {4}\w+", line):
            parents = [line.strip()]


DRAWN = [entry for module in (gatepass.errors, gatepass.client.errors) for entry in drawn(module.__doc__ or "")]


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_exception_of_the_package_is_a_gatepass_error(kind: type[BaseException]) -> None:
    assert issubclass(kind, GatepassError)


def test_the_drawings_show_every_error_once_below_its_base() -> None:
    def base(kind: type[BaseException]) -> str:
        return next(each.__name__ for each in kind.__mro__[1:] if issubclass(each, GatepassError))

    defined = {(kind.__name__, base(kind)) for kind in PUBLIC if kind is not GatepassError}
    assert sorted({(name, parent) for name, parent, _ in DRAWN}) == sorted(defined)
    assert len(DRAWN) == len(defined)


def test_a_drawing_says_in_which_module_an_error_is_that_is_elsewhere() -> None:
    remarks = {name: remark for name, _, remark in DRAWN}
    for kind in PUBLIC:
        if not kind.__module__.startswith(("gatepass.errors.", "gatepass.client.errors")):
            assert kind.__module__.removeprefix("gatepass.") in remarks[kind.__name__], kind


def test_every_error_of_the_folder_is_imported_from_it() -> None:
    for kind in PUBLIC:
        if kind.__module__.startswith("gatepass.errors."):
            assert kind.__name__ in gatepass.errors.__all__


def test_no_two_errors_have_one_name() -> None:
    counts = Counter(kind.__name__ for kind in PUBLIC)
    assert {name: count for name, count in counts.items() if count > 1} == SHARED_NAMES
