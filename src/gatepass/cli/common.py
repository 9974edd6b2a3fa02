"""What commands share: the settings, an open gate, an account by address or id, passwords, times, errors."""

import asyncio
import difflib
import itertools
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from gatepass._extras import missing_extra
from gatepass.accounts.lookup import find_by_email
from gatepass.cli.group import fail
from gatepass.core.account import Account
from gatepass.core.secret import Secret
from gatepass.gate import Gatepass
from gatepass.settings import ENV_FILE, Settings, parse_duration
from gatepass.wire.bodies import email_key

PUBLIC_URL = "http://localhost"
"""For commands that answer no request: a settings file without a public URL is enough for them."""

Result = TypeVar("Result")

env_file_option = click.option(
    "--env-file", type=click.Path(path_type=Path), help=f"Settings file instead of ./{ENV_FILE}."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


class CommandOfIds(click.Command):
    """Takes an id that begins with `-`, such as a key id in base64url, for an argument: `keys retire -Vq8… --at-once`.

    A misspelt option is refused with the right one. Another that does not exist is one argument too many, or the id of
    nothing.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse with the arguments behind `--`, where click looks for no option."""
        return super().parse_args(ctx, args if ctx.resilient_parsing else self._in_order(ctx, args))

    def _in_order(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {
            name: param for param in self.get_params(ctx) for name in param.opts if isinstance(param, click.Option)
        }
        long = [name for name in known if name.startswith("--")]
        options: list[str] = []
        others: list[str] = []
        left = iter(args)
        for arg in left:
            name, has_value, _ = arg.partition("=")
            if arg == "--":
                others += left
            elif name in known:
                options.append(arg)
                values = 0 if has_value or known[name].is_flag else 1
                if len(given := [*itertools.islice(left, values)]) < values:
                    raise click.BadOptionUsage(name, f"Option {name!r} requires an argument.", ctx)
                options += given
            elif arg.startswith("-") and (meant := difflib.get_close_matches(name, long)):
                raise click.NoSuchOption(name, possibilities=meant, ctx=ctx)
            else:
                others.append(arg)
        return [*options, "--", *others]


def duration(_ctx: click.Context, _param: click.Parameter, text: str) -> int:
    """The callback of an option that is a duration: its seconds."""
    try:
        return int(str(parse_duration(text)))
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from None


def fail_without(missing: ModuleNotFoundError, *packages: str, sentence: str) -> NoReturn:
    """Fail with the sentence if one of the packages of an extra is missing; another missing module is a defect."""
    reason = missing_extra(missing, *packages, sentence=sentence)
    if reason is missing:
        raise missing
    fail(sentence)


def load_settings(env_file: Path | None) -> Settings:
    """The settings for a command that serves nothing. Raises ConfigurationError with every fault found."""
    return Settings.load(env_file=env_file, public_url=PUBLIC_URL)


def project_gate() -> Gatepass | None:
    """The gate of the project whose command runs (`manage.py gatepass`); None for `gatepass` itself."""
    context = click.get_current_context(silent=True)
    found = None if context is None else context.find_root().obj
    return found if isinstance(found, Gatepass) else None


def configured_gate(env_file: Path | None) -> Gatepass:
    """The gate of the project, or of the settings. Raises ConfigurationError with every fault found."""
    given = project_gate() if env_file is None else None
    return given or Gatepass(**load_settings(env_file).arguments())


def with_gate(env_file: Path | None, act: Callable[[Gatepass], Awaitable[Result]]) -> Result:
    """The result of `act` on an open gate, which is closed again."""
    gate = configured_gate(env_file)

    async def run() -> Result:
        async with gate.running():
            return await act(gate)

    return asyncio.run(run())


def with_store(env_file: Path | None, act: Callable[[Gatepass], Awaitable[Result]]) -> Result:
    """As `with_gate`, but only the store is opened: to repair what keeps a gate from opening."""
    gate = configured_gate(env_file)

    async def run() -> Result:
        await gate.store.open()
        try:
            return await act(gate)
        finally:
            await gate.store.close()

    return asyncio.run(run())


async def find_account(gate: Gatepass, text: str) -> Account:
    """The account of an address or an id. Exits with code 1 if there is none."""
    found = await find_by_email(gate.store, email_key(text)) or await gate.store.find_account(text)
    return found or fail("There is no account with this address or id.")


def read_password(what: str = "Password", *, confirm: bool = False) -> Secret:
    """A password from a prompt, or from one line of standard input if that is not a terminal."""
    if sys.stdin.isatty():
        return Secret(click.prompt(what, hide_input=True, confirmation_prompt=confirm))
    try:
        return Secret(sys.stdin.buffer.readline().decode("utf-8").rstrip("\r\n"))
    except UnicodeDecodeError:
        fail(f"The {what.lower()} on standard input is not UTF-8 text.")


def format_time(at: int, *, with_seconds: bool = False) -> str:
    """Unix seconds as `2026-01-31 12:00Z`."""
    return f"{datetime.fromtimestamp(at, UTC):{'%Y-%m-%d %H:%M:%S' if with_seconds else '%Y-%m-%d %H:%M'}}Z"
