"""`gatepass sessions`: list and revoke the sessions of an account, or end all of all accounts.

Running servers refuse a revoked session at once: the store tells them, as it tells them of each other's sign-outs.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import click

from gatepass.cli.audit import actor
from gatepass.cli.common import env_file_option, fail, find_account, format_time, json_option, with_gate
from gatepass.core.session import Session
from gatepass.gate import Gatepass

_SID = re.compile(r"[0-9a-f]{32}", re.ASCII)
account_option = click.option("--account", metavar="EMAIL|ID", help="The account whose sessions are meant.")


class SessionId(click.ParamType[bytes]):
    """The id of a session, as in the output of `list` and in access tokens (`sid`)."""

    name = "SID"

    def convert(self, value: str | bytes, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """The 16 bytes of 32 hexadecimal digits."""
        if isinstance(value, bytes):
            return value
        if not _SID.fullmatch(value.lower()):
            self.fail("a session id is 32 hexadecimal digits: see gatepass sessions list", param, ctx)
        return bytes.fromhex(value)


@click.group()
def sessions() -> None:
    """List and revoke the sessions of an account, or end all of all accounts."""


@sessions.command(name="list")
@click.argument("named", metavar="[EMAIL|ID]", required=False)
@account_option
@env_file_option
@json_option
def list_(named: str | None, account: str | None, env_file: Path | None, as_json: bool) -> None:
    """Show the live sessions of an account, newest sign-in first; with --json one object per line, for programs."""
    if (named is None) == (account is None):
        raise click.UsageError("name one account: EMAIL, or --account ID")

    async def read(gate: Gatepass) -> Sequence[Session]:
        return await gate.sessions.list_for_account((await find_account(gate, named or account or "")).id)

    for session in with_gate(env_file, read):
        click.echo(json.dumps(_as_json(session)) if as_json else _line(session))


@sessions.command()
@click.argument("sids", metavar="[SID]...", nargs=-1, type=SessionId())
@account_option
@click.option("--others-than", metavar="SID", type=SessionId(), help="With --account: all except this one.")
@env_file_option
@json_option
def revoke(
    sids: Sequence[bytes], account: str | None, others_than: bytes | None, env_file: Path | None, as_json: bool
) -> None:
    """Revoke the sessions with these ids, or all of an account. Exit code 1 if a SID is unknown."""
    if bool(sids) == (account is not None):
        raise click.UsageError("name sessions, or --account EMAIL")
    if account is None and others_than is not None:
        raise click.UsageError("--others-than needs --account EMAIL")
    if account is not None:
        count = with_gate(env_file, lambda gate: _revoke_all(gate, account, others_than))
        click.echo(json.dumps({"ended": count}) if as_json else f"ended {count}")
        return
    found = with_gate(env_file, lambda gate: _revoke(gate, sids))
    for sid, done in found.items():
        if as_json:
            click.echo(json.dumps({"id": sid.hex(), "result": done}))
        else:
            click.echo(f"{sid.hex()}  {done}", err=done == "unknown")
    raise SystemExit(1 if "unknown" in found.values() else 0)


@sessions.command(name="end-all")
@click.option("--yes", is_flag=True, help="Do not ask.")
@env_file_option
@json_option
def end_all(yes: bool, env_file: Path | None, as_json: bool) -> None:
    """End every session of every account, for good: after a leak, or when a backup was restored."""
    if not yes:
        click.confirm("Everybody must sign in again. End every session?", abort=True, err=True)
    epoch = with_gate(env_file, lambda gate: gate.administration.end_all_sessions(by=actor()))
    begun = format_time(epoch, with_seconds=True)
    click.echo(json.dumps({"epoch": epoch}) if as_json else f"every session that began before {begun} is over")


async def _revoke(gate: Gatepass, sids: Sequence[bytes]) -> dict[bytes, str]:
    """For each id: `ended` by this call, `over` before it, or `unknown`: guards refuse that one too from now on."""
    found = {}
    for sid in dict.fromkeys(sids):
        is_known = await gate.store.find(sid) is not None
        has_ended = await gate.administration.end_session(sid, by=actor())
        found[sid] = "ended" if has_ended else "over" if is_known else "unknown"
    return found


async def _revoke_all(gate: Gatepass, text: str, keep: bytes | None) -> int:
    account = await find_account(gate, text)
    if keep is not None:
        # With a mistyped id even the one session that was to stay would be revoked.
        kept = await gate.store.find(keep)
        if kept is None or kept.account_id != account.id:
            fail("--others-than is not a session of this account. Nothing was ended.")
    return await gate.administration.end_sessions(account.id, by=actor(), keep=keep)


def _as_json(session: Session) -> dict[str, object]:
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
    used, begun = format_time(session.committed_at), format_time(session.created_at)
    return f"{session.sid.hex()}  used {used}  since {begun}  {session.client}  {session.last_ip_prefix or '-'}"
