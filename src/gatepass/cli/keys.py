"""`gatepass keys`: the signing keys in the store. Running servers notice every change by themselves."""

import json
from pathlib import Path

import click

from gatepass.cli.audit import actor
from gatepass.cli.common import CommandOfIds, duration, env_file_option, format_time, json_option, with_store
from gatepass.core.stored_key import State, StoredKey
from gatepass.sessions.signing_keys import PUBLISHED_BEFORE_USE


@click.group()
def keys() -> None:
    """Make, list and retire the keys that sign access tokens."""


@keys.command()
@env_file_option
@click.option(
    "--after",
    callback=duration,
    default=f"{PUBLISHED_BEFORE_USE // 60}m",
    show_default=True,
    help="How long the key is published before it signs, so that other services can fetch it.",
)
@json_option
def rotate(env_file: Path | None, after: int, as_json: bool) -> None:
    """Make a new signing key. It takes over by itself; the old one verifies until its last token has expired."""
    made = with_store(env_file, lambda gate: gate.administration.rotate_key(by=actor(), after=after))
    if as_json:
        click.echo(json.dumps(_as_json(made, "published" if after else "signs")))
    else:
        click.echo(f"made {made.kid}; it signs from {format_time(made.active_from, with_seconds=True)} on")


@keys.command(name="list")
@env_file_option
@click.option("--all", "with_gone", is_flag=True, help="Include keys that no longer verify.")
@json_option
def list_(env_file: Path | None, with_gone: bool, as_json: bool) -> None:
    """Show the stored keys, newest first. Without stored keys, those derived from the secrets sign."""
    found = with_store(env_file, lambda gate: gate.keys.listed())
    shown = [(row, state) for row, state in found if with_gone or state != "gone"]
    if as_json:
        click.echo(json.dumps([_as_json(row, state) for row, state in shown]))
        return
    for row, state in shown:
        click.echo(
            f"{row.kid}  {row.algorithm:6} {state:10} signs from {format_time(row.active_from, with_seconds=True)}"
        )
    if not any(state == "signs" for _, state in shown):
        derived = "a key that is derived from the secret signs"
        coming = any(state == "published" for _, state in shown)
        click.echo(
            f"Until then {derived}." if coming else f"{derived.capitalize()}. Make one: gatepass keys rotate", err=True
        )


@keys.command(cls=CommandOfIds)
@click.argument("kid")
@click.option("--at-once", is_flag=True, help="For a key that leaked: refuse its tokens everywhere from now on.")
@env_file_option
def retire(kid: str, at_once: bool, env_file: Path | None) -> None:
    """Withdraw a key that does not sign yet, or any key with --at-once; a signing key is replaced by a new one."""
    successor = with_store(env_file, lambda gate: gate.administration.retire_key(kid, by=actor(), at_once=at_once))
    click.echo(f"retired {kid}" + (f"; {successor.kid} signs now" if successor else ""))


def _as_json(row: StoredKey, state: State) -> dict[str, object]:
    return {
        "kid": row.kid,
        "algorithm": row.algorithm,
        "state": state,
        "created_at": row.created_at,
        "active_from": row.active_from,
        "retired_at": row.retired_at,
    }
