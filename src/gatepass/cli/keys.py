"""`gatepass keys`: the signing keys that are kept in the store. Running servers pick every change up by themselves."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from gatepass.cli.common import env_file_option, json_option
from gatepass.core.stored_key import State, StoredKey
from gatepass.gate import Gatepass
from gatepass.sessions.signing_keys import PUBLISHED_BEFORE_USE, SigningKeys
from gatepass.settings import Settings, parse_duration

Result = TypeVar("Result")


def _seconds(_ctx: click.Context, _param: click.Parameter, text: str) -> int:
    try:
        return int(str(parse_duration(text)))
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from None


@click.group()
def keys() -> None:
    """Rotate the keys that sign access tokens."""


@keys.command()
@env_file_option
@click.option(
    "--after",
    callback=_seconds,
    default=f"{PUBLISHED_BEFORE_USE // 60}m",
    show_default=True,
    help="How long the key is published before it signs: time for others to fetch it.",
)
@json_option
def rotate(env_file: Path | None, after: int, as_json: bool) -> None:
    """Make a new signing key; it takes over by itself, and the old one verifies as long as its tokens live."""
    made = _on_store(env_file, lambda signing: signing.rotate(after=after))
    if as_json:
        click.echo(json.dumps(_facts(made, "published" if after else "signs")))
    else:
        click.echo(f"made {made.kid}; it signs from {_time(made.active_from)} on")


@keys.command(name="list")
@env_file_option
@click.option("--all", "with_gone", is_flag=True, help="Also those that are gone.")
@json_option
def list_(env_file: Path | None, with_gone: bool, as_json: bool) -> None:
    """Show the stored keys, newest first. Without any, the keys derived from the secrets sign."""
    found = _on_store(env_file, lambda signing: signing.listed())
    shown = [(row, state) for row, state in found if with_gone or state != "gone"]
    if as_json:
        click.echo(json.dumps([_facts(row, state) for row, state in shown]))
        return
    for row, state in shown:
        click.echo(f"{row.kid}  {row.algorithm:6} {state:10} signs from {_time(row.active_from)}")
    if not any(state == "signs" for _, state in shown):
        click.echo("The key derived from the secret signs. Make one of its own: gatepass keys rotate", err=True)


@keys.command()
@click.argument("kid")
@click.option("--at-once", is_flag=True, help="It leaked: refuse its tokens everywhere from now on.")
@env_file_option
def retire(kid: str, at_once: bool, env_file: Path | None) -> None:
    """Call a published key off, or with --at-once end any key; a new one signs then where it was the signing one."""
    successor = _on_store(env_file, lambda signing: signing.retire(kid, at_once=at_once))
    click.echo(f"retired {kid}" + (f"; {successor.kid} signs now" if successor else ""))


def _on_store(env_file: Path | None, act: Callable[[SigningKeys], Awaitable[Result]]) -> Result:
    """Act on the keys of the configured store, without starting anything else."""
    gate = Gatepass(**Settings.load(env_file=env_file, public_url="http://localhost").arguments())

    async def run() -> Result:
        await gate.store.open()
        try:
            return await act(gate.keys)
        finally:
            await gate.store.close()

    return asyncio.run(run())


def _facts(row: StoredKey, state: State) -> dict[str, object]:
    return {
        "kid": row.kid,
        "algorithm": row.algorithm,
        "state": state,
        "created_at": row.created_at,
        "active_from": row.active_from,
        "retired_at": row.retired_at,
    }


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
