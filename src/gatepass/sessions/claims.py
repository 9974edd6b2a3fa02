"""What the application adds to an access token: the mark of the account first, then the answer of the claims hook.

In this order a token that says mark 41 has claims that were read after mark 41 was set (`core/claims_mark.py`). A hook
that fails or hangs delays the refreshes of its account alone: at most MAX_CALLS of them are under way for one account,
and those on threads have threads of their own.
"""

import asyncio
import contextlib
import contextvars
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, Protocol, cast
from weakref import WeakValueDictionary

from gatepass.core import event as events
from gatepass.core import strict_json
from gatepass.core.claims import AccountFacts, ClaimsHook, Tokens
from gatepass.core.event import Event
from gatepass.core.revocation_list import MarkList
from gatepass.core.session import Session
from gatepass.core.strict_json import Json
from gatepass.core.value import value
from gatepass.errors import GatepassError, StoreUnavailable, Unavailable
from gatepass.hooks import contained, is_async
from gatepass.per_process import PerProcess
from gatepass.ports import AccountStore, ClaimsStore, Clock
from gatepass.problem_codes import ProblemCode

logger = logging.getLogger("gatepass.claims")

MAX_CALLS = 4
"""Calls of the hook for one account at a time; others of it wait, and no other account does."""
MAX_THREADS = 128
"""Threads for plain hooks: they only wait, and 32 accounts whose calls hang leave none to the others."""


_is_in_hook: ContextVar[bool] = ContextVar("_is_in_hook", default=False)


def is_in_hook() -> bool:
    """Whether the caller is the claims hook, or is called by it."""
    return _is_in_hook.get()


class NoClaims(GatepassError):
    """The claims hook gave no claims. The message says why, without text of the application's. Caught inside."""


class ClaimsSources(AccountStore, ClaimsStore, Protocol):
    """What is read before the hook is called."""


@value
class Added:
    """What a token says beside the facts of its session."""

    mark: int
    claims: Mapping[str, Json]


class AddedClaims:
    """Reads the mark of an account, and asks the hook."""

    def __init__(
        self,
        tokens: Tokens,
        *,
        store: ClaimsSources,
        marks: MarkList,
        clock: Clock,
        report: Callable[[Event], None],
    ) -> None:
        self._hook = HookCall(tokens.claims, timeout=tokens.claims_timeout) if tokens.claims else None
        self._says_verified = tokens.email_verified_claim
        self._longest = tokens.max_token_length
        self._store = store
        self._marks = marks
        self._clock = clock
        self._report = report

    async def of(self, session: Session) -> Added:
        """What to add to a token of this session. Raises Unavailable."""
        if self._hook is None and not self._says_verified:
            # Without added claims nothing becomes stale: what is known here is enough.
            return Added(self._marks.number_of(session.account_id), {})
        mark = await self._store.claims_number(session.account_id)
        asks = self._says_verified or (self._hook is not None and self._hook.takes_account)
        account = await self._account(session) if asks else None
        own: dict[str, Json] = {"email_verified": account.email_verified} if account and self._says_verified else {}
        if self._hook is None:
            return Added(mark, own)
        try:
            return Added(mark, {**await self._hook(session, account), **own})
        except NoClaims as failure:
            cause = failure.__cause__
            raise self.refuse(session, f"The claims hook {failure}.", cause) from cause

    def refuse(self, session: Session, why: str, cause: BaseException | None = None) -> Unavailable:
        """The 503 for a token that cannot be made because of the hook, which is reported and logged."""
        logger.error("no access token was made. %s", why, exc_info=cause)
        self._report(events.ClaimsFailed(at=self._clock.now(), account_id=session.account_id, why=why))
        return Unavailable(ProblemCode.CLAIMS_UNAVAILABLE, "The claims of the access token cannot be read; try again.")

    def check_length(self, session: Session, token: str, added: Added) -> None:
        """Raise Unavailable for a token that headers may not hold."""
        if len(token) <= self._longest:
            return
        sizes = {name: len(strict_json.dump(value)) for name, value in added.claims.items()}
        largest = max(sizes, key=lambda name: sizes[name], default="none")
        raise self.refuse(
            session,
            f"With the claims of the claims hook the token has {len(token)} characters of at most {self._longest} "
            f"(max_token_length); the largest is {largest!r} with {sizes.get(largest, 0)}.",
        )

    async def _account(self, session: Session) -> AccountFacts:
        account = await self._store.find_account(session.account_id)
        if account is None:  # deleted in this moment: the next attempt hears that the session is over
            raise StoreUnavailable("The account was just deleted; try again.")
        return AccountFacts.of(account)


class HookCall:
    """Calls one hook, of either kind, in bounded time."""

    def __init__(self, hook: ClaimsHook, *, timeout: float) -> None:
        """`timeout` in seconds, with the wait for other calls of the account."""
        self.takes_account = _takes_two(hook)
        self._hook = cast(Callable[..., Any], hook)
        self._timeout = timeout
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._pools = PerProcess(lambda: ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="gatepass-claims"))

    async def __call__(self, session: Session, account: AccountFacts | None) -> Mapping[str, Json]:
        """The claims. Raises NoClaims."""
        arguments = (session, account) if self.takes_account else (session,)
        inside = _is_in_hook.set(True)
        try:
            async with asyncio.timeout(self._timeout) as limit:
                with contained():
                    added = await self._call(session.account_id, arguments)
        except TimeoutError as late:
            why = f"did not answer within {self._timeout:g} s" if limit.expired() else "raised TimeoutError"
            raise NoClaims(why) from late
        except Exception as fault:
            raise NoClaims(f"raised {type(fault).__name__}") from fault
        finally:
            _is_in_hook.reset(inside)
        if not isinstance(added, Mapping):
            raise NoClaims(f"returned {type(added).__name__}, which is no mapping of claims")
        return added

    async def _call(self, account_id: str, arguments: Sequence[object]) -> Any:
        turns = self._turns.get(account_id) or self._turns.setdefault(account_id, asyncio.Semaphore(MAX_CALLS))
        await turns.acquire()
        if is_async(self._hook):
            try:
                return await self._hook(*arguments)
            finally:
                turns.release()
        try:
            running = self._pools.here.submit(contextvars.copy_context().run, self._hook, *arguments)
        except RuntimeError:  # the process may have no more threads, or is ending
            turns.release()
            raise
        # A thread cannot be cancelled: its turn lasts until it ends, however long the caller waits.
        running.add_done_callback(_releasing(turns, asyncio.get_running_loop()))
        result = await asyncio.wrap_future(running)
        # A plain function may return what an async one made: a lambda, a partial.
        return await result if inspect.isawaitable(result) else result


def _releasing(turns: asyncio.Semaphore, loop: asyncio.AbstractEventLoop) -> Callable[[Future[Any]], None]:
    def release(_ended: Future[Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed, and its callers with it
            loop.call_soon_threadsafe(turns.release)

    return release


def _takes_two(hook: Callable[..., object]) -> bool:
    """Whether a hook can be called with two arguments; one of which nothing is known gets the session alone."""
    try:
        inspect.signature(hook).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True
