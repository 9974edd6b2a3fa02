"""`gatepass accounts`. Running servers notice each change at once: the store tells them which sessions were revoked."""

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import click

from gatepass.accounts.import_files import read_records
from gatepass.accounts.importing import Refusal, import_accounts
from gatepass.cli.audit import actor
from gatepass.cli.common import (
    CommandOfIds,
    duration,
    env_file_option,
    find_account,
    format_time,
    json_option,
    load_settings,
    read_password,
    with_gate,
)
from gatepass.cli.factors import factors
from gatepass.cli.group import fail
from gatepass.core.account import Account
from gatepass.core.identity import LinkedIdentity
from gatepass.gate import Gatepass
from gatepass.sessions.changed_claims import SPREAD
from gatepass.system import SystemClock, SystemEntropy
from gatepass.wire.answers import identity_json
from gatepass.wire.bodies import email_key, parse_email

PAGE_SIZE = 500


@click.group()
def accounts() -> None:
    """Make, list, show, disable, unlink, delete and import accounts."""


accounts.add_command(factors)


@accounts.command(cls=CommandOfIds)
@click.argument("email")
@env_file_option
@json_option
def add(email: str, env_file: Path | None, as_json: bool) -> None:
    """Make an account. The password comes from a prompt, or from one line of standard input."""
    load_settings(env_file)  # a fault in them is shown before the password is asked for
    parse_email(email)
    password = read_password(confirm=True)
    made = with_gate(env_file, lambda gate: gate.administration.add_account(email, password, by=actor()))
    click.echo(
        json.dumps({"id": made.id, "email": made.email}) if as_json else f"made account {made.id} for {made.email}"
    )


@accounts.command(name="list")
@env_file_option
@json_option
def list_(env_file: Path | None, as_json: bool) -> None:
    """Show all accounts; with --json one object per line, for programs.

    Stopped: too many failures in a row; `enable` opens it.
    """

    async def show(gate: Gatepass) -> None:
        after = ""
        while page := await gate.store.list_accounts(after=after, limit=PAGE_SIZE):
            for account in page:
                stopped = await gate.accounts.is_stopped(account)
                click.echo(
                    json.dumps({**_as_json(account), "stopped": stopped}) if as_json else _line(account, stopped)
                )
            after = page[-1].id

    with_gate(env_file, show)


@accounts.command(cls=CommandOfIds)
@click.argument("account", metavar="EMAIL|ID")
@env_file_option
@json_option
def show(account: str, env_file: Path | None, as_json: bool) -> None:
    """Show an account, and how it can be signed in to: with a password, and by which identities at providers."""

    async def read(gate: Gatepass) -> tuple[Account, bool, Sequence[LinkedIdentity]]:
        found = await find_account(gate, account)
        return found, await gate.accounts.is_stopped(found), await gate.identities.list_for_account(found.id)

    found, stopped, identities = with_gate(env_file, read)
    if as_json:
        linked = [identity_json(each) for each in identities]
        facts = {"stopped": stopped, "password": found.has_password, "identities": linked}
        click.echo(json.dumps({**_as_json(found), **facts}))
        return
    click.echo(_line(found, stopped))
    click.echo("password  yes" if found.has_password else "password  none")
    for each in identities:
        used = format_time(each.last_used_at)
        click.echo(f"identity  {each.id}  {each.provider}  {each.email or '-'}  last used {used}")


@accounts.command(cls=CommandOfIds)
@click.argument("account", metavar="EMAIL|ID")
@click.argument("identity", metavar="IDENTITY")
@click.option("--last", is_flag=True, help="Also if the account cannot be signed in to any more then.")
@env_file_option
def unlink(account: str, identity: str, last: bool, env_file: Path | None) -> None:
    """End that an identity at a provider signs in to an account. IDENTITY is the id that `accounts show` prints."""

    async def act(gate: Gatepass) -> None:
        found = await find_account(gate, account)
        await gate.administration.unlink_identity(found.id, identity, by=actor(), is_last_allowed=last)

    with_gate(env_file, act)
    click.echo(f"unlinked {identity} from {account}")


@accounts.command(cls=CommandOfIds)
@click.argument("account", metavar="EMAIL|ID")
@env_file_option
def disable(account: str, env_file: Path | None) -> None:
    """Refuse sign-ins to an account, and revoke its sessions."""
    _act(account, env_file, "disabled", lambda gate, found: gate.administration.disable_account(found.id, by=actor()))


@accounts.command(cls=CommandOfIds)
@click.argument("account", metavar="EMAIL|ID")
@env_file_option
def enable(account: str, env_file: Path | None) -> None:
    """Accept sign-ins to an account again that was disabled, or that too many failures stopped."""
    _act(account, env_file, "enabled", lambda gate, found: gate.administration.enable_account(found.id, by=actor()))


@accounts.command(cls=CommandOfIds)
@click.argument("account", metavar="EMAIL|ID")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@env_file_option
def delete(account: str, yes: bool, env_file: Path | None) -> None:
    """Delete an account and all personal data in it. Its sessions are revoked."""
    if not yes:
        click.confirm(f"Delete {account} for good?", abort=True)
    _act(account, env_file, "deleted", lambda gate, found: gate.administration.delete_account(found.id, by=actor()))


@accounts.command(cls=CommandOfIds)
@click.argument("email")
@click.option("--registration", metavar="ID", help="Which one, if several wait for the mail to this address.")
@env_file_option
def verify(email: str, registration: str | None, env_file: Path | None) -> None:
    """Take an address as verified: of an account, or of a registration that waits for its mail."""
    key = email_key(email)
    account = with_gate(
        env_file,
        lambda gate: gate.administration.verify_address(key, registration_id=registration, by=actor()),
    )
    if account is None:
        fail("There is no account with this address, and no registration that waits for it.")
    click.echo(f"verified {account.email}")


@accounts.command(name="refresh-claims", cls=CommandOfIds)
@click.argument("account", metavar="[EMAIL|ID]", required=False)
@click.option("--everybody", is_flag=True, help="Every account instead of one.")
@click.option(
    "--within",
    callback=duration,
    default=f"{SPREAD}s",
    show_default=True,
    help="With --everybody: how long it takes until all are refused; 0s for all at once.",
)
@env_file_option
def refresh_claims(account: str | None, everybody: bool, within: int, env_file: Path | None) -> None:
    """Refuse the present access tokens of an account, so that its clients get new ones. No session ends."""
    if (account is None) != everybody:
        raise click.UsageError("name one account: EMAIL or ID, or --everybody")

    async def act(gate: Gatepass) -> None:
        if account is None:
            await gate.administration.refresh_claims_of_all(by=actor(), within=within)
        else:
            await gate.administration.refresh_claims((await find_account(gate, account)).id, by=actor())

    with_gate(env_file, act)
    click.echo(f"refused the present access tokens of {account or 'every account'}")


@accounts.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--ignore", multiple=True, metavar="NAME", help="A member or column that accounts have no use for.")
@env_file_option
@json_option
def import_(file: Path, ignore: tuple[str, ...], env_file: Path | None, as_json: bool) -> None:
    """Import accounts with their password hashes from FILE, a .jsonl or a .csv. Exit code 1 if any was refused."""
    if file.suffix not in (".jsonl", ".csv"):
        raise click.UsageError("FILE must end in .jsonl or .csv")
    made = refused = 0

    async def take(gate: Gatepass) -> None:
        nonlocal made, refused
        await gate.administration.note("accounts-imported", "", by=actor(), detail=ascii(file.name)[1:-1])
        clock, entropy = SystemClock(), SystemEntropy()
        with file.open("rb") as opened:
            records = read_records(opened, is_csv=file.suffix == ".csv")
            async for refusal in import_accounts(
                records, store=gate.store, clock=clock, entropy=entropy, ignore=ignore
            ):
                made, refused = made + (refusal is None), refused + (refusal is not None)
                if refusal is not None:
                    _show_refusal(refusal, as_json)

    with_gate(env_file, take)
    click.echo(json.dumps({"made": made, "refused": refused}) if as_json else f"made {made}, refused {refused}")
    raise SystemExit(1 if refused else 0)


def _show_refusal(refusal: Refusal, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"line": refusal.line, "refused": refusal.why}))
    else:
        click.echo(f"line {refusal.line}: {refusal.why}", err=True)


def _act(text: str, env_file: Path | None, done: str, verb: Callable[[Gatepass, Account], Awaitable[bool]]) -> None:
    async def act(gate: Gatepass) -> bool:
        return await verb(gate, await find_account(gate, text))

    if not with_gate(env_file, act):
        fail("The account was deleted meanwhile.")
    click.echo(f"{done} {text}")


def _as_json(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "email": account.email,
        "created_at": account.created_at,
        "verified_at": account.verified_at,
        "disabled_at": account.disabled_at,
    }


def _line(account: Account, stopped: bool) -> str:
    usual = "verified" if account.verified_at else "-"
    state = "disabled" if account.disabled_at else "stopped" if stopped else usual
    return f"{account.id}  {state:8}  {account.email}"
