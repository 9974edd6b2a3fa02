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
import inspect
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
class BoundedCall:
    """One function of the application, plain or async, which takes one argument; and how it is called."""

    call: Callable[[Any], Any]
    what: str
    """When it is called, for messages."""
    timeout: float
    running: int = field(default=0, init=False)

    async def run(self, facts: object) -> Any:
        """What it returns, within `timeout` seconds. Raises what it raises, TimeoutError or Overloaded."""
        if self.running >= MAX_CALLS:
            raise Overloaded
        self.running += 1
        threads: list[asyncio.Future[Any]] = []
        task = asyncio.create_task(self._call(facts, threads), name=f"gatepass-hook {self.what}")
        task.add_done_callback(partial(self._ended, threads))
        try:
            # Not wait_for, which would wait until a hook that was cancelled has ended.
            await asyncio.wait({task}, timeout=self.timeout)
        finally:
            if not task.done():
                task.cancel()
        if not task.done():
            raise TimeoutError(f"{self!r} did not end within {self.timeout:g} s")
        return task.result()

    async def _call(self, facts: object, threads: list[asyncio.Future[Any]]) -> Any:
        with contained():
            if is_async(self.call):
                result = self.call(facts)
            else:
                threads.append(on_a_thread(partial(self.call, facts)))
                result = await asyncio.shield(threads[0])
            # A plain function may return what an async one made: a lambda, a partial.
            return await result if inspect.isawaitable(result) else self._checked(result)

    def _checked(self, result: object) -> object:
        """What a plain function has returned, if it may."""
        return result

    def _ended(self, threads: list[asyncio.Future[Any]], task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            task.exception()  # looked at: a late fault of a hook that was given up is no news
        left = [thread for thread in threads if not thread.done()]
        if left:  # a thread cannot be cancelled: it counts until it ends
            left[0].add_done_callback(self._count_down)
        else:
            self.running -= 1

    def _count_down(self, _thread: asyncio.Future[Any]) -> None:
        self.running -= 1

    def __repr__(self) -> str:
        return f"the hook {getattr(self.call, '__qualname__', self.call)} ({self.what})"


@dataclass(slots=True, eq=False, repr=False)
class Hook(BoundedCall):
    """A function around an act."""

    when: str
    kind: HookKind
    extra: type[BaseModel] | None

    def _checked(self, result: object) -> object:
        if result is not None:  # such as False, which would be taken for a yes
            raise TypeError(f"{self!r} returned {type(result).__name__}: a hook returns nothing, and raises Refused")
        return None


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
        self._hooks.append(Hook(call, f"{when} {kind}", timeout, when, kind, extra))

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
        self._report(HookFailed(at=self._clock.now(), hook=hook.what, why=type(fault).__name__))


def on_a_thread(call: Callable[[], Any]) -> asyncio.Future[Any]:
    """Begin a call as asyncio.to_thread, but on a thread of its own, for which neither another nor the process waits.

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
    return done
