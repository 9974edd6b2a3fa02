"""`gatepass accounts`."""

import asyncio
import json
from pathlib import Path

import click

from gatepass.cli.group import env_file_option, json_option, read_password
from gatepass.gate import Gatepass
from gatepass.settings import Settings
from gatepass.wire.bodies import parse_email


@click.group()
def accounts() -> None:
    """Make accounts."""


@accounts.command()
@click.argument("email")
@env_file_option
@json_option
def add(email: str, env_file: Path | None, as_json: bool) -> None:
    """Make an account. The password comes from a prompt, or from one line of standard input."""
    settings = Settings.load(env_file=env_file, public_url="http://localhost")
    gate = Gatepass(**settings.arguments())
    display, email_key = parse_email(email)
    password = read_password(confirm=True)

    async def make() -> dict[str, object]:
        async with gate.running():
            account = await gate.accounts.add(display, password, email_key=email_key)
        return {"id": account.id, "email": account.email}

    made = asyncio.run(make())
    click.echo(json.dumps(made) if as_json else f"made account {made['id']} for {made['email']}")
