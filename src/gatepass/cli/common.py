"""What all commands share: errors as one sentence, the settings file option, a password typed or piped."""

import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from gatepass.errors import GatepassError, Problem
from gatepass.settings import ENV_FILE

env_file_option = click.option(
    "--env-file", type=click.Path(path_type=Path), help=f"Settings file instead of ./{ENV_FILE}."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


class Commands(click.Group):
    """Turns every error that we raise on purpose into one sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Problem as problem:
            fail(_sentence(problem))
        except GatepassError as error:
            fail(str(error))


def fail(sentence: str) -> NoReturn:
    """Say why, and end with exit code 1."""
    click.echo(sentence, err=True)
    raise SystemExit(1)


def read_password(*, confirm: bool = False) -> str:
    """From a prompt, or from one line of standard input where that is no terminal."""
    if sys.stdin.isatty():
        prompted: str = click.prompt("Password", hide_input=True, confirmation_prompt=confirm)
        return prompted
    try:
        return sys.stdin.buffer.readline().decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        fail("The password on standard input is not UTF-8 text.")


def _sentence(problem: Problem) -> str:
    """What is wrong with a named value, if the problem has that; else its detail."""
    errors = problem.facts.get("errors")
    if errors is None or isinstance(errors, str | int):
        return problem.detail
    return " ".join(error["message"] for error in errors)
