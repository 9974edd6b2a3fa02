"""When a sign-in needs a second factor, and what the account has for it.

    off        nothing is asked, and nothing can be enrolled
    optional   an account that has a second factor is always asked for it
    required   so is every other one, once its time to enrol is over; `required_of` says so of some accounts only

A sign-in that had several factors (`core.assurance`) is never asked for more.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Literal

from gatepass.accounts.hooks import HOOK_TIMEOUT, BoundedCall, HookError
from gatepass.core.account import Account
from gatepass.core.assurance import is_multi_factor
from gatepass.core.authentication import Authentication
from gatepass.core.claims import AccountFacts
from gatepass.core.event import Event, HookFailed
from gatepass.core.factor import FactorSummary
from gatepass.core.policy import Policy
from gatepass.errors import ConfigurationError, Unavailable
from gatepass.hooks import takes_one
from gatepass.ports import Clock, FactorStore
from gatepass.problem_codes import ProblemCode

SecondMethod = Literal["totp", "passkey", "recovery", "enrol"]
"""What may follow a first step. `enrol`: the account must have a second factor and has none."""
RequiredOf = Callable[[AccountFacts], bool | Awaitable[bool]]
HELD = frozenset({"hwk", "swk"})
"""The methods of a passkey: it is no second factor after itself."""


class SecondFactors:
    """The policy of one gate."""

    def __init__(
        self,
        store: FactorStore,
        *,
        policy: Policy,
        takes_passkeys: bool,
        clock: Clock,
        report: Callable[[Event], None],
    ) -> None:
        """`takes_passkeys`: the gate has an RP id. Without one, passkeys that there are can be used for nothing."""
        self._store = store
        self._takes_passkeys = takes_passkeys
        self._policy = policy
        self._clock = clock
        self._report = report
        self._required_of: list[BoundedCall] = []

    def require_of(self, hook: RequiredOf) -> None:
        """Ask a function, plain or async, whether an account must have a second factor. Raises ConfigurationError."""
        if self._policy.second_factor == "off":
            raise ConfigurationError("@gate.second_factor_of asks for second factors, and SECOND_FACTOR is off.")
        if not callable(hook) or not takes_one(hook):
            raise ConfigurationError("@gate.second_factor_of takes a function of one argument, the AccountFacts.")
        self._required_of.append(BoundedCall(hook, "second_factor_of", HOOK_TIMEOUT))

    @property
    def are_off(self) -> bool:
        """Whether no second factor is asked for, and none can be enrolled."""
        return self._policy.second_factor == "off"

    async def needed(self, account: Account, how: Authentication) -> tuple[SecondMethod, ...]:
        """What must follow a sign-in of this account; () for nothing. Raises Unavailable, or HookError."""
        if self.are_off or is_multi_factor(how.methods, how.acr):
            return ()
        found = await self._store.factors(account.id)
        if offered := self._offered(found, how.methods):
            return offered
        if not await self._is_required(account):
            return ()
        now, enrol_by = self._clock.now(), found.enrol_by
        if enrol_by is None:
            enrol_by = await self._store.set_enrol_by(account.id, now + self._policy.second_factor_grace)
        return ("enrol",) if now >= enrol_by else ()

    async def offered(self, account_id: str, methods: Collection[str]) -> tuple[SecondMethod, ...]:
        """What can step up a session that began by `methods`; () if the account has no second factor for it."""
        return () if self.are_off else self._offered(await self._store.factors(account_id), methods)

    async def require_now(self, account: Account) -> None:
        """Leave an account without a second factor no time to enrol, if it must have one."""
        if await self._is_required(account):
            await self._store.set_enrol_by(account.id, self._clock.now())

    async def _is_required(self, account: Account) -> bool:
        if self._policy.second_factor == "required":
            return True
        for hook in self._required_of:
            if await self._ask(hook, AccountFacts.of(account)):
                return True
        return False

    async def _ask(self, hook: BoundedCall, facts: AccountFacts) -> bool:
        try:
            return bool(await hook.run(facts))
        except Exception as fault:
            self._report(HookFailed(at=self._clock.now(), hook=hook.what, why=type(fault).__name__))
            if isinstance(fault, Unavailable):
                raise
            if isinstance(fault, TimeoutError):
                raise Unavailable(
                    ProblemCode.HOOK_TIMEOUT, "A check took too long; try again.", retry_after=5
                ) from fault
            raise HookError(f"{hook!r} failed") from fault

    def _offered(self, found: FactorSummary, methods: Collection[str]) -> tuple[SecondMethod, ...]:
        """Recovery codes stand for a factor that is offered, and are none after a passkey that is the only one."""
        has_passkey = self._takes_passkeys and found.passkeys > 0 and HELD.isdisjoint(methods)
        is_offered = has_passkey or found.has_totp
        offers: tuple[tuple[SecondMethod, bool], ...] = (
            ("passkey", has_passkey),
            ("totp", found.has_totp),
            ("recovery", is_offered and found.recovery_codes > 0),
        )
        return tuple(method for method, is_there in offers if is_there)
