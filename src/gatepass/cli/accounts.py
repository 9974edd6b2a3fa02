"""`gatepass accounts`. What it changes, running servers know at once: sessions end and guards are told by the store."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from gatepass.accounts.importing import Refusal, import_accounts, read_records
from gatepass.cli.common import env_file_option, fail, json_option, read_password
from gatepass.core.account import Account
from gatepass.gate import Gatepass
from gatepass.settings import Settings
from gatepass.system import SystemClock, SystemEntropy
from gatepass.wire.bodies import email_key, parse_email

Result = TypeVar("Result")
PAGE = 500


@click.group()
def accounts() -> None:
    """Make, list and close accounts."""


@accounts.command()
@click.argument("email")
@env_file_option
@json_option
def add(email: str, env_file: Path | None, as_json: bool) -> None:
    """Make an account. The password comes from a prompt, or from one line of standard input."""
    settings = Settings.load(env_file=env_file, public_url="http://localhost")
    display, key = parse_email(email)
    password = read_password(confirm=True)
    made = _run(settings, lambda gate: gate.accounts.add(display, password, email_key=key))
    click.echo(
        json.dumps({"id": made.id, "email": made.email}) if as_json else f"made account {made.id} for {made.email}"
    )


@accounts.command(name="list")
@env_file_option
@json_option
def list_(env_file: Path | None, as_json: bool) -> None:
    """Show every account; with --json one object per line, for programs."""

    async def show(gate: Gatepass) -> None:
        after = ""
        while page := await gate.store.list_accounts(after=after, limit=PAGE):
            for account in page:
                click.echo(json.dumps(_facts(account)) if as_json else _line(account))
            after = page[-1].id

    _run(Settings.load(env_file=env_file, public_url="http://localhost"), show)


@accounts.command()
@click.argument("account", metavar="EMAIL|ID")
@env_file_option
def disable(account: str, env_file: Path | None) -> None:
    """Close an account to sign-in; its sessions end."""
    _act(account, env_file, "disabled", lambda gate, found: gate.accounts.disable(found.id))


@accounts.command()
@click.argument("account", metavar="EMAIL|ID")
@env_file_option
def enable(account: str, env_file: Path | None) -> None:
    """Open a disabled account again."""
    _act(account, env_file, "enabled", lambda gate, found: gate.accounts.enable(found.id))


@accounts.command()
@click.argument("account", metavar="EMAIL|ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@env_file_option
def delete(account: str, yes: bool, env_file: Path | None) -> None:
    """Delete an account and all that is known of its owner."""
    if not yes:
        click.confirm(f"Delete {account} for good?", abort=True)
    _act(account, env_file, "deleted", lambda gate, found: gate.accounts.delete(found.id))


@accounts.command()
@click.argument("email")
@env_file_option
def verify(email: str, env_file: Path | None) -> None:
    """Vouch for an address: of an account, or of who registered last and waits for the mail."""
    settings = Settings.load(env_file=env_file, public_url="http://localhost")
    account = _run(settings, lambda gate: gate.accounts.verify_address(email_key(email)))
    if account is None:
        fail("There is no account with this address, and nobody waits for one.")
    click.echo(f"verified {account.email}")


@accounts.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@env_file_option
@json_option
def import_(file: Path, env_file: Path | None, as_json: bool) -> None:
    """Take accounts with their password hashes from FILE, a .jsonl or a .csv. Exit code 1 if any was refused."""
    if file.suffix not in (".jsonl", ".csv"):
        raise click.UsageError("FILE must end in .jsonl or .csv")
    made = refused = 0

    async def take(gate: Gatepass) -> None:
        nonlocal made, refused
        with file.open(encoding="utf-8", errors="replace", newline="") as text:
            records = read_records(text, is_csv=file.suffix == ".csv")
            clock, entropy = SystemClock(), SystemEntropy()
            async for refusal in import_accounts(records, store=gate.store, clock=clock, entropy=entropy):
                made, refused = made + (refusal is None), refused + (refusal is not None)
                if refusal is not None:
                    _tell(refusal, as_json)

    _run(Settings.load(env_file=env_file, public_url="http://localhost"), take)
    click.echo(json.dumps({"made": made, "refused": refused}) if as_json else f"made {made}, refused {refused}")
    raise SystemExit(1 if refused else 0)


def _tell(refusal: Refusal, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"line": refusal.line, "refused": refusal.why}))
    else:
        click.echo(f"line {refusal.line}: {refusal.why}", err=True)


def _act(text: str, env_file: Path | None, done: str, verb: Callable[[Gatepass, Account], Awaitable[bool]]) -> None:
    """Find an account by address or id, and do something to it."""

    async def act(gate: Gatepass) -> bool:
        found = await gate.store.find_account_by_email(email_key(text)) or await gate.store.find_account(text)
        return found is not None and await verb(gate, found)

    if not _run(Settings.load(env_file=env_file, public_url="http://localhost"), act):
        fail("There is no account with this address or id.")
    click.echo(f"{done} {text}")


def _run(settings: Settings, work: Callable[[Gatepass], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        async with Gatepass(**settings.arguments()).running() as gate:
            return await work(gate)

    return asyncio.run(run())


def _facts(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "email": account.email,
        "created_at": account.created_at,
        "verified_at": account.verified_at,
        "disabled_at": account.disabled_at,
    }


def _line(account: Account) -> str:
    state = "disabled" if account.disabled_at else "verified" if account.verified_at else "-"
    return f"{account.id}  {state:8}  {account.email}"
