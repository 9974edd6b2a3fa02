"""What the processes of this suite have in common: times that fit a test, a clock that can be set, guards that answer.

    POST /ask              a list of access tokens  →  for each guard of the process, what it says of each
    POST /admin/disable    an account is disabled, as an application's own administration does it

Real times would make a test of a token's whole life last a quarter of an hour. So in a short run a token lives `LIFE`
seconds, and all times of the program that matter for it are shorter by about the same factor. A full run changes none.
"""

import argparse
import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from gatepass.access.check import Check
from gatepass.core.policy import Policy
from gatepass.errors import InvalidToken, StoreUnavailable, Unavailable
from gatepass.gate import Gatepass
from gatepass.testing.clock import FastHasher
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send
from tests.support.file_clock import FileClock
from tests.support.full import FULL
from tests.support.gates import OTHER_SECRET

ISSUER = "https://gate.example"
FEED_SECRET = OTHER_SECRET
SKEW = 3
"""Seconds by which clocks may differ: so much longer is a token good at every guard."""
LIFE = 70 if FULL else 8
"""Seconds that an access token lives, without SKEW."""
MAX_AGE = 30.0 if FULL else 2.0
"""Seconds without contact, from a guard to the store, after which it answers 503."""
HURRIED: dict[str, Any] = {
    "remote.connection.RESTART_INTERVAL": (0.1, 0.5),
    "remote.revocations.CONNECT_TIMEOUT": 1.0,
    "remote.revocations.RECONNECT_INTERVAL": (0.05, 0.5),
    "remote.revocations.SILENCE_TIMEOUT": 1.0,
    "runtime.follower.DEEP_INTERVAL": 6.0,
    "runtime.follower.OVERLAP": 2,
    "runtime.follower.POLL_INTERVAL": 0.5,
    "runtime.follower.RECONNECT_INTERVAL": 0.1,
    "runtime.janitor.SWEEP_INTERVAL": 0.5,
    "server.endpoints.revocations.HEARTBEAT": 0.3,
    "supervisor.RESTART_INTERVAL": (0.1, 0.5),
}
"""The times of the program in a short run, in seconds."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a test says to a process, as JSON in its first argument."""

    life: int = LIFE
    max_age: float = MAX_AGE
    hurries: bool = not FULL
    """Told to what a test starts, which has no GATEPASS_FULL."""
    clock: str = ""
    """A file with the seconds by which this process' clock is wrong."""
    poison: str = ""
    """While this file exists, reading revocations fails with an error that no store may raise."""
    mutant: str = ""
    guards: tuple[Mapping[str, str], ...] = ()
    """Of a process that only guards: each a store, or the `url` of a gate to follow."""


def read_arguments() -> tuple[Options, argparse.Namespace]:
    """`OPTIONS --port N [--workers N]`, from the command line. Makes the program hurry and installs the mutant."""
    parser = argparse.ArgumentParser()
    parser.add_argument("options")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    options = Options(**json.loads(arguments.options))
    if options.hurries:
        for name, value in HURRIED.items():
            module, _, constant = name.rpartition(".")
            found = import_module(f"gatepass.{module}")
            if not hasattr(found, constant):
                raise AttributeError(name)
            setattr(found, constant, value)
    if options.mutant:
        from tests.system.faults.mutants import install

        install(options.mutant)
    return options, arguments


def make_gate(options: Options, **settings: Any) -> Gatepass:
    """A gate with these settings, whose tokens live shortly, and whose passwords cost nothing."""
    policy = Policy(access_ttl=options.life, leeway=2, clock_skew=SKEW, demonstration=True)
    clock = FileClock(Path(options.clock)) if options.clock else None
    limits = replace(settings["limits"], revocation_max_age=options.max_age)
    gate = Gatepass(**{**settings, "policy": policy, "limits": limits}, clock=clock, hasher=FastHasher())
    if options.poison:
        _poison(gate, Path(options.poison))
    return gate


def _poison(gate: Gatepass, file: Path) -> None:
    read = gate.store.revoked_since

    async def revoked_since(since: int) -> Any:
        if file.exists():
            raise LookupError("a defect of a driver")
        return await read(since)

    vars(gate.store)["revoked_since"] = revoked_since


class Asked:
    """`app`, and beside it what its guards say."""

    def __init__(self, app: ASGIApp, checks: Mapping[str, Check], *, gate: Gatepass | None = None) -> None:
        self._app = app
        self._checks = checks
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer /ask and /admin/disable; everything else is the application's."""
        path = scope.get("path")
        if path == "/ask":
            tokens = json.loads(await _body(receive))
            await _reply(send, 200, await asyncio.to_thread(self._answers, tokens))
        elif path == "/admin/disable" and self._gate is not None:
            email = json.loads(await _body(receive))
            try:
                account = await self._gate.store.find_account_by_email(email)
                done = account is not None and await self._gate.accounts.disable(account.id)
            except StoreUnavailable:
                await _reply(send, 503, {})
                return
            await _reply(send, 204 if done else 404, {})
        else:
            await self._app(scope, receive, send)

    def _answers(self, tokens: list[str]) -> dict[str, list[str]]:
        return {name: [_answer(check, token) for token in tokens] for name, check in self._checks.items()}


def _answer(check: Check, token: str) -> str:
    try:
        check.principal([f"Bearer {token}"])
    except InvalidToken as refused:
        return refused.why
    except Unavailable:
        return "503"
    return "admitted"


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _reply(send: Send, status: int, content: object) -> None:
    body = b"" if status == 204 else json.dumps(content).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
