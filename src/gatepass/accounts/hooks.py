"""The hooks of an application around seven acts: before one it may say no, after one it keeps its own rows.

    before("register" | "sign_in" | "change_email" | "delete")    in their order; the first refusal ends the act
    before("mail_code" | "add_factor" | "remove_factor" | "recover_factors")
                                                                  likewise; what was done is an event
    after("sign_in")                                              once, while the request waits
    after("register" | "change_email" | "delete")                 at least once, from the journal (`changes.py`)

A hook must not be able to harm what it is not asked about. Each call has a time-out, after which nothing waits for it,
and each hook a bound on how many of its calls may run: a hook that hangs fails its own act, and no other. A plain
function runs on a thread of its own, so the threads that everything else shares stay free.
"""

import asyncio
import contextlib
import contextvars
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from pydantic import BaseModel

from gatepass.core.event import Event, HookFailed
from gatepass.core.hook_facts import HookFacts, HookKind
from gatepass.errors import ConfigurationError, GatepassError, Overloaded, Refused, Unavailable
from gatepass.hooks import contained, is_async, takes_one
from gatepass.ports import Clock
from gatepass.problem_codes import ProblemCode
from gatepass.wire import bodies, factor_bodies
from gatepass.wire.extra_members import NO_EXTRAS, Extras, members_of

logger = logging.getLogger("gatepass.server")

HOOK_TIMEOUT = 10.0
"""Seconds that an act waits for a hook: half of what clients of ours wait for an answer to a sign-in."""
MAX_CALLS = 64
"""Calls of one hook that run at a time. Beyond that the act is a 503: most of them hang, or the hook is too slow."""
BODIES: dict[HookKind, tuple[type[BaseModel], ...]] = {
    "register": (bodies.Registration,),
    "sign_in": (bodies.Credentials, factor_bodies.PasskeySignIn, factor_bodies.MailCodeSignIn),
    "change_email": (bodies.EmailChange,),
    "delete": (bodies.DeleteAccountRequest,),
    "mail_code": (factor_bodies.MailCodeRequest,),
}
"""The bodies that a hook may add members to."""
FACTOR_ACTS: tuple[HookKind, ...] = ("add_factor", "remove_factor", "recover_factors")
"""Acts without a body of their own."""
ASKED_ACTS: tuple[HookKind, ...] = ("mail_code", *FACTOR_ACTS)
"""Acts that hooks are asked about and not told of."""

HookFunction = Callable[[HookFacts[Any]], Awaitable[None] | None]


class HookError(GatepassError):
    """A hook raised what no hook may raise. The act fails as a fault of the server, 500; its cause is chained."""


@dataclass(slots=True, eq=False)
class Hook:
    """One function of the application, and how it is called."""

    call: HookFunction
    kind: HookKind
    when: str
    extra: type[BaseModel] | None
    timeout: float
    running: int = field(default=0, init=False)

    async def run(self, facts: HookFacts[Any]) -> None:
        """Call it and wait, for `timeout` seconds at most. Raises what it raises, TimeoutError or Overloaded."""
        if self.running >= MAX_CALLS:
            raise Overloaded
        self.running += 1
        task = asyncio.create_task(self._call(facts), name=f"gatepass-hook-{self.when}-{self.kind}")
        task.add_done_callback(self._ended)
        try:
            # Not wait_for, which would wait until a hook that was cancelled has ended.
            await asyncio.wait({task}, timeout=self.timeout)
        finally:
            if not task.done():
                task.cancel()
        if not task.done():
            raise TimeoutError(f"{self!r} did not end within {self.timeout:g} s")
        task.result()

    async def _call(self, facts: HookFacts[Any]) -> None:
        with contained():
            result = self.call(facts) if is_async(self.call) else await on_a_thread(partial(self.call, facts))
            if result is not None:  # a plain function may return what an async one made: a lambda, a partial
                await result

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.running -= 1
        if not task.cancelled():
            task.exception()  # looked at: a late fault of a hook that was given up is no news

    def __repr__(self) -> str:
        return f"the hook {getattr(self.call, '__qualname__', self.call)} ({self.when} {self.kind})"


class Hooks:
    """The hooks of one gate."""

    def __init__(self, *, clock: Clock, report: Callable[[Event], None]) -> None:
        self._clock = clock
        self._report = report
        self._hooks: list[Hook] = []

    def add(
        self, when: str, kind: HookKind, call: HookFunction, *, extra: type[BaseModel] | None, timeout: float | None
    ) -> None:
        """Call a function before or after an act. Raises ConfigurationError for what cannot be meant."""
        if kind not in BODIES and kind not in FACTOR_ACTS:
            raise ConfigurationError(
                f"There is no {when}({kind!r}): the acts are {', '.join((*BODIES, *FACTOR_ACTS))}."
            )
        if (kind in ASKED_ACTS and when == "after") or (kind in FACTOR_ACTS and extra is not None):
            without = ", without `extra`" if kind in FACTOR_ACTS else ""
            raise ConfigurationError(
                f"{kind!r} has a hook before it{without}. Afterwards there is an event: gate.on_event."
            )
        if not callable(call):
            raise ConfigurationError(f"@gate.{when}({kind!r}) takes a function, plain or async.")
        if not takes_one(call):
            name = getattr(call, "__qualname__", call)
            raise ConfigurationError(f"{name} must take one argument: @gate.{when}({kind!r}) calls it with HookFacts.")
        timeout = HOOK_TIMEOUT if timeout is None else timeout
        if not timeout > 0:
            raise ConfigurationError("`timeout` must be more than 0 seconds.")
        if extra is not None:
            self._check(extra, when, kind)
        self._hooks.append(Hook(call, kind, when, extra, timeout))

    def of(self, when: str, kind: HookKind) -> Sequence[Hook]:
        """The hooks of one moment, in their order."""
        return [hook for hook in self._hooks if hook.when == when and hook.kind == kind]

    def models(self, kind: HookKind) -> Sequence[type[BaseModel]]:
        """The models that add members to the body of this act."""
        return list(dict.fromkeys(hook.extra for hook in self._hooks if hook.kind == kind and hook.extra))

    def kept(self, extras: Extras) -> str:
        """What of a registration's members the hooks after it need, to be kept until then."""
        return extras.kept_for(hook.extra for hook in self.of("after", "register") if hook.extra)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._hooks)

    @property
    def follows_accounts(self) -> bool:
        """Whether any hook is told of accounts that were made, changed or deleted."""
        return any(hook.when == "after" and hook.kind != "sign_in" for hook in self._hooks)

    async def ask(self, facts: HookFacts[Any], extras: Extras = NO_EXTRAS) -> None:
        """Call the hooks before an act. It may be done if this returns.

        Raises Refused, by a hook; Unavailable (`hook-timeout`, `overloaded`, or a store that a hook asked); HookError.
        """
        for hook in self.of("before", facts.kind):
            try:
                await hook.run(replace(facts, extra=extras.of(hook.extra)))
            except Refused:
                raise
            except TimeoutError as late:
                self._tell(hook, late)
                raise Unavailable(
                    ProblemCode.HOOK_TIMEOUT, "A check took too long; try again.", retry_after=5
                ) from late
            except Unavailable as busy:
                self._tell(hook, busy)
                raise
            except Exception as fault:
                self._tell(hook, fault)
                raise HookError(f"{hook!r} failed") from fault

    async def tell(self, facts: HookFacts[Any], extras: Extras = NO_EXTRAS) -> bool:
        """Call the hooks after an act, every one. Whether none failed; a failure is logged and reported."""
        is_well = True
        for hook in self.of("after", facts.kind):
            try:
                await hook.run(replace(facts, extra=extras.of(hook.extra)))
            except Exception as fault:
                logger.error("%r failed", hook, exc_info=fault)
                self._tell(hook, fault)
                is_well = False
        return is_well

    def _check(self, extra: type[BaseModel], when: str, kind: HookKind) -> None:
        if not (isinstance(extra, type) and issubclass(extra, BaseModel)):
            raise ConfigurationError(f"`extra` of {when}({kind!r}) must be a pydantic model: a subclass of BaseModel.")
        if when == "after" and kind != "register":
            raise ConfigurationError(
                f"after({kind!r}) has no request whose members it could see: `extra` is for before."
            )
        others = {hook.extra for hook in self._hooks if hook.kind == kind and hook.extra} - {extra}
        taken = frozenset[str]().union(*map(members_of, {*BODIES[kind], *others})) & members_of(extra)
        if taken:
            raise ConfigurationError(
                f"{extra.__name__} of {when}({kind!r}) has members that are taken: {', '.join(sorted(taken))}. Hooks "
                "that need the same members share one model."
            )

    def _tell(self, hook: Hook, fault: Exception) -> None:
        what = f"{hook.when} {hook.kind}"
        self._report(HookFailed(at=self._clock.now(), hook=what, why=type(fault).__name__))


async def on_a_thread(call: Callable[[], Any]) -> Any:
    """As asyncio.to_thread, but on a thread of its own, for which neither another call nor the process waits.

    Its end also closes what a library keeps for each thread, such as the database connections of Django.
    """
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    done: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, fault: BaseException | None) -> None:
        if not done.done():
            done.set_exception(fault) if fault is not None else done.set_result(result)

    def work() -> None:
        result: Any = None
        fault: BaseException | None = None
        try:
            result = context.run(call)
        except StopIteration:  # no future takes it
            fault = RuntimeError("the hook raised StopIteration")
        except BaseException as raised:
            fault = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended, and its callers with it
            loop.call_soon_threadsafe(settle, result, fault)

    threading.Thread(target=work, name="gatepass-hook", daemon=True).start()
    return await done
