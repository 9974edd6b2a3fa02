"""Wrong programs, installed in a process by name: the suite is worth something because it notices each."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.core import refresh_token
from gatepass.core.refresh_token import RefreshToken
from gatepass.core.rotation import Outcome, Repeat, Reuse, decide
from gatepass.sessions import refresh
from gatepass.stores.sqlite.store import SQLiteStore


def _nothing_repeats() -> None:
    """A request that is sent again is taken for a thief's."""

    def wrong(*arguments: Any, **named: Any) -> Outcome:
        outcome = decide(*arguments, **named)
        return Reuse() if isinstance(outcome, Repeat) else outcome

    vars(refresh)["decide"] = wrong


def _no_reuse() -> None:
    """Every party that presents an old token of an unbound session gets a successor."""

    def wrong(session: Any, *arguments: Any, **named: Any) -> Outcome:
        outcome = decide(session, *arguments, **named)
        return Repeat(session, with_access_token=True) if isinstance(outcome, Reuse) else outcome

    vars(refresh)["decide"] = wrong


def _random_successor() -> None:
    """A request that is sent again gets another successor."""
    right = refresh_token.successor_of

    def wrong(token: RefreshToken, *arguments: Any, **named: Any) -> Any:
        return right(replace(token, nonce=os.urandom(16)), *arguments, **named)

    vars(refresh_token)["successor_of"] = wrong


def _no_proof() -> None:
    """Every holder of the cookie may use it."""
    vars(refresh_token)["proven_key"] = lambda token, keys, _: refresh_token.open_key(token, keys)


def _guards_not_told() -> None:
    """A guard learns that it is up to date, and nothing else."""
    _replace(RevokedSessions, "publish", lambda *_: None)


def _guards_forget() -> None:
    """A guard forgets what it has known for a second."""
    load = RevokedSessions.load

    def wrong(self: RevokedSessions, *arguments: Any, **named: Any) -> None:
        load(self, *arguments, **named)
        self._revoked = {sid: at for sid, at in self._revoked.items() if at > time.monotonic() - 1}

    _replace(RevokedSessions, "load", wrong)


def _revoke_skipped() -> None:
    """A sign-out is acknowledged and not written."""

    async def wrong(self: SQLiteStore, sid: bytes, **_: Any) -> Any:
        return await self.find(sid)

    _replace(SQLiteStore, "revoke", wrong)


def _replace(owner: type, name: str, function: Callable[..., Any]) -> None:
    setattr(owner, name, function)


MUTANTS: dict[str, Callable[[], None]] = {
    "nothing repeats": _nothing_repeats,
    "no reuse": _no_reuse,
    "random successor": _random_successor,
    "no proof": _no_proof,
    "guards not told": _guards_not_told,
    "guards forget": _guards_forget,
    "revoke skipped": _revoke_skipped,
}


def install(name: str) -> None:
    """Make the program of this process wrong."""
    MUTANTS[name]()
