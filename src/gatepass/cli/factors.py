"""`gatepass accounts factors`: what an account has beside its password, and removing it for an owner who lost it."""

import json
from pathlib import Path

import click

from gatepass.cli.audit import actor
from gatepass.cli.common import CommandOfIds, env_file_option, find_account, format_time, json_option, with_gate
from gatepass.cli.group import fail
from gatepass.factors.service import Factors
from gatepass.gate import Gatepass
from gatepass.wire.answers import passkey_json, recovery_json


@click.group()
def factors() -> None:
    """List or reset the passkeys, the authenticator app and the recovery codes of an account."""


@factors.command(name="list", cls=CommandOfIds)
@click.argument("account", metavar="EMAIL|ID")
@env_file_option
@json_option
def list_(account: str, env_file: Path | None, as_json: bool) -> None:
    """Show the factors of an account."""

    async def read(gate: Gatepass) -> Factors:
        return await gate.factors.of((await find_account(gate, account)).id)

    found = with_gate(env_file, read)
    if as_json:
        members = {
            "passkeys": [passkey_json(each) for each in found.passkeys],
            "totp": None if found.totp is None else {"created_at": found.totp.created_at},
            "recovery_codes": found.summary.recovery_codes,
            "enrol_by": found.summary.enrol_by,
            "recovery": None if found.recovery is None else recovery_json(found.recovery),
        }
        click.echo(json.dumps(members))
        return
    for each in found.passkeys:
        used = "never" if each.last_used_at is None else format_time(each.last_used_at)
        click.echo(f"passkey         {each.id}  {each.name or '-'}  last used {used}")
    if found.totp is not None:
        click.echo(f"app             since {format_time(found.totp.created_at)}")
    click.echo(f"recovery codes  {found.summary.recovery_codes}")
    if not found.summary.has_second:
        click.echo("no second factor")
    if found.summary.enrol_by is not None:
        click.echo(f"must have a second factor by {format_time(found.summary.enrol_by)}")
    if found.recovery is not None:
        asked, ready = format_time(found.recovery.requested_at), format_time(found.recovery.ready_at)
        click.echo(f"said to be lost on {asked}: removable by mail from {ready}, unless cancelled")


@factors.command(cls=CommandOfIds)
@click.argument("account", metavar="EMAIL|ID")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@env_file_option
def reset(account: str, yes: bool, env_file: Path | None) -> None:
    """Remove all factors of an account whose owner has lost them. The password alone signs in then.

    The owner is told by mail, and the sessions stay.
    """
    if not yes:
        click.confirm(f"Have you made sure that the owner of {account} asks for it?", abort=True)

    async def act(gate: Gatepass) -> bool:
        return await gate.administration.reset_factors((await find_account(gate, account)).id, by=actor())

    if not with_gate(env_file, act):
        fail("The account was deleted meanwhile.")
    click.echo(f"reset the factors of {account}")


@factors.command(name="cancel-recovery", cls=CommandOfIds)
@click.argument("account", metavar="EMAIL|ID")
@env_file_option
def cancel_recovery(account: str, env_file: Path | None) -> None:
    """Cancel what was asked for lost factors: they stay. The owner is told by mail."""

    async def act(gate: Gatepass) -> bool:
        account_id = (await find_account(gate, account)).id
        return await gate.administration.cancel_factor_recovery(account_id, by=actor())

    if not with_gate(env_file, act):
        fail("Nothing was asked for, or it was cancelled already.")
    click.echo(f"the factors of {account} stay")
