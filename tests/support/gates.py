"""A gate for tests: a clock that stands still, a hasher that costs nothing, a store that can be watched."""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

from gatepass.core.claims import Tokens
from gatepass.core.event import Event
from gatepass.core.keyring import compose_secret
from gatepass.core.policy import Policy
from gatepass.gate import Gatepass
from gatepass.ports import Store
from gatepass.stores.memory.store import MemoryStore
from gatepass.testing.clock import FastHasher, ManualClock
from tests.support.browser import ORIGIN
from tools.services.patience import PATIENCE

NOW = 1_800_000_000
SECRET = compose_secret(bytes(range(32)))
OTHER_SECRET = compose_secret(bytes(range(32, 64)))


class WatchedStore:
    """A store around another: notes every verb, and lets a test act before or after it."""

    def __init__(self, inner: Store | None = None) -> None:
        self.inner: Store = inner or MemoryStore()
        self.verbs: list[str] = []
        self.before: Callable[[str], Awaitable[None]] | None = None
        self.after: Callable[[str], Awaitable[None]] | None = None

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        method = getattr(self.inner, verb)
        if not inspect.iscoroutinefunction(method):
            return method  # type: ignore[no-any-return]

        async def watched(*arguments: Any, **named: Any) -> Any:
            self.verbs.append(verb)
            if self.before is not None:
                await self.before(verb)
            result = await method(*arguments, **named)
            if self.after is not None:
                await self.after(verb)
            return result

        return watched


class GateHarness:
    """A gate and the parts that a test turns."""

    def __init__(self, **overrides: Any) -> None:
        self.clock: ManualClock = overrides.pop("clock", None) or ManualClock()
        self.store: WatchedStore = overrides.pop("store", None) or WatchedStore()
        self.hasher = FastHasher()
        self.events: list[Event] = []
        arguments: dict[str, Any] = {
            "secrets": [SECRET],
            "public_url": ORIGIN,
            "policy": Policy(),
            "hasher": self.hasher,
            "clock": self.clock,
            "store": cast(Store, self.store),
        }
        tokens: Tokens | None = overrides.get("tokens")
        if tokens and tokens.claims_timeout == Tokens().claims_timeout:  # a test that is about it sets its own
            overrides["tokens"] = replace(tokens, claims_timeout=int(PATIENCE))
        self.gate = Gatepass(**{**arguments, **overrides})
        self.gate.events.add(self.events.append)

    @property
    def memory(self) -> MemoryStore:
        """The store under the watch, where it is the one in memory."""
        assert isinstance(self.store.inner, MemoryStore)
        return self.store.inner

    def named(self, name: str) -> list[Event]:
        """The events of one name, so far."""
        return [event for event in self.events if event.name == name]


@contextlib.asynccontextmanager
async def open_gate(**overrides: Any) -> AsyncIterator[GateHarness]:
    """An open gate; `overrides` are arguments of Gatepass, `clock` and `store` among them."""
    made = GateHarness(**overrides)
    async with made.gate.running():
        await asyncio.sleep(0)  # the janitor's first look at the store
        made.store.verbs.clear()
        yield made
