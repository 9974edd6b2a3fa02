"""The outermost group: it imports the file of a command when that command is asked for.

So `gatepass --version` answers without importing servers, stores and pydantic, which takes ten times as long.
"""

import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any, NoReturn

import click

from gatepass.errors import GatepassError, Problem


class Later(MutableMapping[str, click.Command]):
    """Commands by name, each imported when it is read. `homes`: the module in which each is, under its own name."""

    def __init__(self, homes: Mapping[str, str]) -> None:
        self._homes = dict(homes)
        self._added: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._added:
            self._added[name] = getattr(import_module(self._homes[name]), name)
        return self._added[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._added[name] = command

    def __delitem__(self, name: str) -> None:
        self._homes.pop(name, None)
        self._added.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter({**self._homes, **self._added})

    def __len__(self) -> int:
        return len({**self._homes, **self._added})


def fail(sentence: str) -> NoReturn:
    """Print the sentence on standard error and exit with code 1."""
    click.echo(sentence, err=True)
    raise SystemExit(1)


class Commands(click.Group):
    """Shows an error of Gatepass as one sentence on standard error, with exit code 1."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse what is neither text nor the name of a file: Python passes other bytes on as surrogates."""
        if any(re.search("[\ud800-\udfff]", arg) and not os.path.exists(arg) for arg in args):
            fail("An argument is not text in UTF-8.")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. An error of Gatepass ends it with exit code 1."""
        try:
            return super().invoke(ctx)
        except Problem as problem:
            fail(_sentence(problem))
        except GatepassError as error:
            fail(str(error))


def _sentence(problem: Problem) -> str:
    """The messages about invalid members, if the problem has any; else its detail."""
    errors = problem.facts.get("errors")
    if errors is None or isinstance(errors, str | int):
        return problem.detail
    return " ".join(error["message"] for error in errors if not isinstance(error, str))
