"""`gatepass audit`: who administered what, and when. And who acts here, for the entries of all other commands."""

import getpass
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from gatepass.cli.common import env_file_option, format_time, json_option, with_store
from gatepass.core.audit import MAX_ACTOR, AuditEntry
from gatepass.gate import Gatepass

PAGE_SIZE = 1_000


def actor() -> str:
    """Who runs this command: the user of the machine, behind `sudo` the one who called it."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container with a random user id
        name = f"uid {os.geteuid()}" if hasattr(os, "geteuid") else "unknown"
    text = f"{name}@{socket.gethostname()}, by command"
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:MAX_ACTOR]


@click.command()
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="How many entries.")
@json_option
@env_file_option
def audit(limit: int, as_json: bool, env_file: Path | None) -> None:
    """Show what administrators did, newest first; with --json one object per line, for programs."""

    async def read(gate: Gatepass) -> Sequence[AuditEntry]:
        found: list[AuditEntry] = []
        while len(found) < limit:
            before = found[-1].number if found else None
            page = await gate.administration.entries(before=before, limit=min(PAGE_SIZE, limit - len(found)))
            if not page:
                break
            found += page
        return found

    for entry in with_store(env_file, read):
        click.echo(json.dumps(asdict(entry)) if as_json else _line(entry))


def _line(entry: AuditEntry) -> str:
    facts = (format_time(entry.at, with_seconds=True), f"{entry.action:18}", entry.target, entry.detail)
    return f"{'  '.join(fact for fact in facts if fact)}  ({entry.actor})"
