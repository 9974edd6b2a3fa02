"""`gatepass sessions`: list and revoke the sessions of an account, or revoke everybody's.

Running servers refuse a revoked session at once: the store tells them, as it tells them of each other's sign-outs.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import click

from gatepass.cli.audit import actor
from gatepass.cli.common import CommandOfIds, env_file_option, find_account, format_time, json_option, with_gate
from gatepass.cli.group import fail
from gatepass.core.session import Session
from gatepass.gate import Gatepass
from gatepass.settings import parse_moment
from gatepass.wire.answers import bound_of, session_facts

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


class Moment(click.ParamType[int]):
    """A time, as `gatepass.settings.parse_moment` reads it."""

    name = "TIME"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Unix seconds."""
        try:
            return parse_moment(value)
        except ValueError as fault:
            self.fail(str(fault), param, ctx)


@click.group()
def sessions() -> None:
    """List and revoke the sessions of an account, or revoke everybody's."""


@sessions.command(name="list", cls=CommandOfIds)
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
@click.option("--everybody", is_flag=True, help="Every session of every account, for good: after a leak or a restore.")
@click.option(
    "--begun-before", metavar="TIME", type=Moment(), help="With --everybody: those that began before, not before now."
)
@click.option("--yes", is_flag=True, help="With --everybody: do not ask.")
@env_file_option
@json_option
def revoke(
    sids: Sequence[bytes],
    account: str | None,
    others_than: bytes | None,
    everybody: bool,
    begun_before: int | None,
    yes: bool,
    env_file: Path | None,
    as_json: bool,
) -> None:
    """Revoke the sessions with these ids, all of an account, or everybody's. Exit code 1 if a SID is unknown."""
    if [bool(sids), account is not None, everybody].count(True) != 1:
        raise click.UsageError("name sessions, or --account EMAIL, or --everybody")
    if account is None and others_than is not None:
        raise click.UsageError("--others-than needs --account EMAIL")
    if not everybody and (begun_before is not None or yes):
        raise click.UsageError("--begun-before and --yes need --everybody")
    if everybody:
        _revoke_everybody(env_file, begun_before, is_sure=yes, as_json=as_json)
        return
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


def _revoke_everybody(env_file: Path | None, begun_before: int | None, *, is_sure: bool, as_json: bool) -> None:
    if not is_sure:
        when = "" if begun_before is None else f" that began before {format_time(begun_before, with_seconds=True)}"
        click.confirm(f"Everybody must sign in again. End every session{when}?", abort=True, err=True)
    epoch = with_gate(
        env_file, lambda gate: gate.administration.end_all_sessions(by=actor(), begun_before=begun_before)
    )
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
    return {"account_id": session.account_id, **session_facts(session)}


def _line(session: Session) -> str:
    used, begun = format_time(session.committed_at), format_time(session.created_at)
    where = f"{session.client}  {session.last_ip_prefix or '-'}"
    return f"{session.sid.hex()}  used {used}  since {begun}  bound {bound_of(session):6}  {where}"
