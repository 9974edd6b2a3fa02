"""`gatepass sessions`: where an account is signed in, and ending that.

What it ends, running servers know at once: the store tells them, as it tells them of each other's sign-outs.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from gatepass.cli.common import env_file_option, fail, json_option
from gatepass.core.account import Account
from gatepass.core.session import Session
from gatepass.gate import Gatepass
from gatepass.settings import Settings
from gatepass.wire.bodies import email_key

Result = TypeVar("Result")
_SID = re.compile(r"[0-9a-f]{32}", re.ASCII)
account_option = click.option("--account", metavar="EMAIL|ID", help="Whose sessions.")


class SessionId(click.ParamType[bytes]):
    """The id of a session, as `list` and the access tokens (`sid`) show it."""

    name = "SID"

    def convert(self, value: str | bytes, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Sixteen bytes."""
        if isinstance(value, bytes):
            return value
        if not _SID.fullmatch(value.lower()):
            self.fail("a session id is 32 hexadecimal digits: see gatepass sessions list", param, ctx)
        return bytes.fromhex(value)


@click.group()
def sessions() -> None:
    """Show where an account is signed in, and sign it out there."""


@sessions.command(name="list")
@click.argument("who", metavar="[EMAIL|ID]", required=False)
@account_option
@env_file_option
@json_option
def list_(who: str | None, account: str | None, env_file: Path | None, as_json: bool) -> None:
    """Show the live sessions of an account, newest sign-in first; with --json one object per line, for programs."""
    if (who is None) == (account is None):
        raise click.UsageError("name one account: EMAIL, or --account ID")

    async def read(gate: Gatepass) -> Sequence[Session]:
        return await gate.sessions.list_for_account((await _find(gate, who or account or "")).id)

    for session in _run(env_file, read):
        click.echo(json.dumps(_facts(session)) if as_json else _line(session))


@sessions.command()
@click.argument("sids", metavar="[SID]...", nargs=-1, type=SessionId())
@account_option
@click.option("--others-than", metavar="SID", type=SessionId(), help="With --account: all but this one.")
@env_file_option
@json_option
def revoke(
    sids: Sequence[bytes], account: str | None, others_than: bytes | None, env_file: Path | None, as_json: bool
) -> None:
    """End sessions: those of these ids, or all of an account. Exit code 1 where a SID is unknown."""
    if bool(sids) == (account is not None):
        raise click.UsageError("name sessions, or --account EMAIL")
    if account is None and others_than is not None:
        raise click.UsageError("--others-than needs --account EMAIL")
    if account is not None:
        count = _run(env_file, lambda gate: _end_all(gate, account, others_than))
        click.echo(json.dumps({"ended": count}) if as_json else f"ended {count}")
        return
    found = _run(env_file, lambda gate: _end(gate, sids))
    for sid, done in found.items():
        if as_json:
            click.echo(json.dumps({"id": sid.hex(), "result": done}))
        else:
            click.echo(f"{sid.hex()}  {done}", err=done == "unknown")
    raise SystemExit(1 if "unknown" in found.values() else 0)


async def _end(gate: Gatepass, sids: Sequence[bytes]) -> dict[bytes, str]:
    """What became of each: ended now, `over` before, or `unknown`."""
    found = {}
    for sid in dict.fromkeys(sids):
        if await gate.store.find(sid) is None:
            found[sid] = "unknown"
        else:
            found[sid] = "ended" if await gate.sessions.revoke(sid, reason="revoked") else "over"
    return found


async def _end_all(gate: Gatepass, whose: str, keep: bytes | None) -> int:
    account = await _find(gate, whose)
    if keep is not None:
        # A slip of the fingers here would sign out the one device that was to stay.
        kept = await gate.store.find(keep)
        if kept is None or kept.account_id != account.id:
            fail("--others-than is no session of this account. Nothing was ended.")
    return await gate.sessions.revoke_all(account.id, reason="revoked", keep=keep)


async def _find(gate: Gatepass, text: str) -> Account:
    found = await gate.store.find_account_by_email(email_key(text)) or await gate.store.find_account(text)
    return found or fail("There is no account with this address or id.")


def _run(env_file: Path | None, work: Callable[[Gatepass], Awaitable[Result]]) -> Result:
    settings = Settings.load(env_file=env_file, public_url="http://localhost")

    async def run() -> Result:
        async with Gatepass(**settings.arguments()).running() as gate:
            return await work(gate)

    return asyncio.run(run())


def _facts(session: Session) -> dict[str, object]:
    return {
        "id": session.sid.hex(),
        "account_id": session.account_id,
        "client": session.client,
        "created_at": session.created_at,
        "last_used_at": session.committed_at,
        "expires_at": session.expires_at,
        "address": session.last_ip_prefix,
        "remember": session.remember,
    }


def _line(session: Session) -> str:
    used, begun = _time(session.committed_at), _time(session.created_at)
    return f"{session.sid.hex()}  used {used}  since {begun}  {session.client}  {session.last_ip_prefix or '-'}"


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}Z"
