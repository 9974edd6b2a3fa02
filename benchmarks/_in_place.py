"""What each stage of a refresh takes while refreshes go through the server: the functions, watched where they are.

    with watching(server.gate) as spent:
        ...                                   refreshes
    spent.microseconds(1000, extra=…)     by stage

Each function of POINTS is replaced for a while by one that calls it and looks at the clock of its thread before and
after. A stage is charged what no stage inside it took; a coroutine, its steps and not its waits. Watching makes a
refresh slower: the difference to refreshes that are not watched is taken off, evenly for each look at the clock.
"""

import contextlib
import dataclasses
import functools
import inspect
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gatepass import Gatepass
from gatepass.core import refresh_token, strict_json
from gatepass.core.claims import Issuer
from gatepass.core.event import SessionRefreshed
from gatepass.runtime.event_log import EventBus
from gatepass.server.app import ServedApp
from gatepass.server.context import Context
from gatepass.server.cookies import refresh_cookie
from gatepass.server.cookies.refresh_cookie import RefreshCookies
from gatepass.server.endpoints import sessions as endpoint
from gatepass.server.http import Reply, Request
from gatepass.server.limits import Limiter
from gatepass.serving.exchange import Exchange
from gatepass.serving.http_protocol import HttpProtocol
from gatepass.sessions import refresh, tokens
from gatepass.sessions.claims import AddedClaims
from gatepass.stores.postgres.swap_batches import SwapBatcher
from gatepass.stores.sqlite import writer
from gatepass.wire import bodies
from gatepass.wire.origin import Origins

CONNECTION, HEADERS, ASGI = "connection: parser, task, exchange", "headers", "ASGI: path, endpoint, checks of all"
CROSS_SITE, COOKIES_IN, TOKEN = "cross-site check", "cookies of the request", "token: text, MAC, fingerprint"
PROOF, LIMITS, SWAP, STORE = "proof of the binding", "network and limits", "the swap to try", "store"
NEXT, CLAIMS, CLAIMS_JSON, SIGNATURE = "next refresh token", "claims", "claims as JSON", "signature"
EVENT, JOURNAL, COOKIES_OUT, BODY = "event", "journal", "cookies of the response", "body as JSON"
HEAD, WIRE, STORY = "head of the response", "response onto the wire", "the story: endpoint, service"
POINTS: Sequence[tuple[Any, str, str]] = (
    (HttpProtocol, "data_received", CONNECTION),
    (Exchange, "run", CONNECTION),
    (Request, "__init__", HEADERS),
    (ServedApp, "__call__", ASGI),
    (Origins, "check", CROSS_SITE),
    (RefreshCookies, "received", COOKIES_IN),
    (refresh_token, "parse", TOKEN),
    (refresh_cookie, "read_proof", PROOF),
    (refresh_token, "proven_key", PROOF),
    (Context, "ip_prefix", LIMITS),
    (Limiter, "refresh", LIMITS),
    (refresh, "expected_swap", SWAP),
    (SwapBatcher, "_deliver", STORE),
    (writer, "_serve", STORE),
    (writer, "_answer", STORE),
    (writer, "_resolve", STORE),
    (refresh_token, "successor_of", NEXT),
    (refresh_token, "compose", NEXT),
    (AddedClaims, "of", CLAIMS),
    (Issuer, "claims", CLAIMS),
    (strict_json, "dump", CLAIMS_JSON),
    (tokens, "sign", SIGNATURE),
    (SessionRefreshed, "__init__", EVENT),
    (EventBus, "__call__", JOURNAL),
    (RefreshCookies, "issue", COOKIES_OUT),
    (bodies, "dump", BODY),
    (endpoint, "grant_json", BODY),
    (Reply, "send", HEAD),
    (Exchange, "answer", WIRE),
)
"""Whose function, its name, and the stage that it is. The store and the endpoint are those of the gate."""


@dataclass(slots=True)
class Stage:
    """Nanoseconds of CPU, and how often the clock was looked at in its own time: at its ends, and around others."""

    spent: int = 0
    looks: int = 0


class Spent(defaultdict[str, Stage]):
    """What each stage took, of all threads."""

    def __init__(self) -> None:
        super().__init__(Stage)
        self._of_thread = threading.local()
        self._outside = 0
        """Looks at the clock in the time of what has no row."""

    def begin(self) -> None:
        """A stage begins, or goes on."""
        self._open().append([time.thread_time_ns(), 0, 1])

    def end(self, name: str) -> None:
        """It ends, or waits. The stage around it is charged nothing of this."""
        stack = self._open()
        begun, inside, looks = stack.pop()
        whole = time.thread_time_ns() - begun
        stage = self[name]
        stage.spent += whole - inside
        stage.looks += looks
        if stack:
            stack[-1][1] += whole
        self.looked()

    def looked(self) -> None:
        """A look at the clock, or another call that watching adds, in the time of the stage under way."""
        stack = self._open()
        if stack:
            stack[-1][2] += 1
        else:
            self._outside += 1

    def clear(self) -> None:
        """Begin anew."""
        super().clear()
        self._outside = 0

    def microseconds(self, requests: int, *, extra: float) -> dict[str, float]:
        """Of one request by stage, without the `extra` ones that each was slower for being watched."""
        looks = (self._outside + sum(stage.looks for stage in self.values())) / requests
        each = {name: (stage.spent / 1000 / requests, stage.looks / requests / looks) for name, stage in self.items()}
        return {name: spent - share * extra for name, (spent, share) in each.items()}

    def _open(self) -> list[list[int]]:
        try:
            found: list[list[int]] = self._of_thread.stack
        except AttributeError:
            found = self._of_thread.stack = []
        return found


class _Stepped:
    """A coroutine whose every step is a part of a stage."""

    def __init__(self, coroutine: Any, stage: str, spent: Spent) -> None:
        self._coroutine, self._stage, self._spent = coroutine, stage, spent

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._coroutine.__await__()
        while True:
            self._spent.begin()
            try:
                waits_for = next(steps)
            except StopIteration as over:
                return over.value
            finally:
                self._spent.end(self._stage)
            yield waits_for


def _watched(function: Callable[..., Any], stage: str, spent: Spent) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def step_by_step(*arguments: Any, **named: Any) -> Any:
            spent.looked()  # a coroutine around it is more than a function around it
            return await _Stepped(function(*arguments, **named), stage, spent)

        return step_by_step

    @functools.wraps(function)
    def at_once(*arguments: Any, **named: Any) -> Any:
        spent.begin()
        try:
            return function(*arguments, **named)
        finally:
            spent.end(stage)

    return at_once


@contextlib.contextmanager
def watching(gate: Gatepass) -> Iterator[Spent]:
    """Watch all functions of POINTS, the endpoint and the store of this gate, while the block runs."""
    spent = Spent()
    declared = gate.served._auth._paths["/refresh"]  # type: ignore[attr-defined]
    kept = declared["POST"]
    store = gate._parts.options.store
    points = [*POINTS, (type(store), "swap", STORE)]
    before = [(owner, name, vars(owner)[name]) for owner, name, _ in points if name in vars(owner)]
    for owner, name, stage in points:
        setattr(owner, name, _watched(getattr(owner, name), stage, spent))
    declared["POST"] = dataclasses.replace(kept, handler=_watched(kept.handler, STORY, spent))
    try:
        yield spent
    finally:
        declared["POST"] = kept
        for owner, name, function in before:
            setattr(owner, name, function)
