"""What surrounds each change of an account's factors: the application is asked, and everybody who must know is told."""

from collections.abc import Callable
from typing import Any

from gatepass.accounts.hooks import Hooks
from gatepass.core import event as events
from gatepass.core.account import Account
from gatepass.core.event import Event, Factor
from gatepass.core.hook_facts import NO_REQUEST, HookFacts, RequestFacts
from gatepass.errors import Conflict
from gatepass.ports import Clock
from gatepass.problem_codes import ProblemCode


class FactorChanges:
    """Asks `before("add_factor")` and `before("remove_factor")`, and reports what was done. The owner gets a mail."""

    def __init__(self, *, hooks: Hooks, clock: Clock, report: Callable[[Event], None]) -> None:
        self._hooks = hooks
        self._clock = clock
        self._report = report

    async def before_adding(self, account: Account, factor: Factor, *, request: RequestFacts = NO_REQUEST) -> None:
        """Ask whether a factor may be added. Raises as `Hooks.ask`."""
        facts: HookFacts[Any] = HookFacts.of("add_factor", account, request=request, factor=factor)
        await self._hooks.ask(facts)

    async def before_removing(self, account: Account, factor: Factor, *, request: RequestFacts = NO_REQUEST) -> None:
        """Ask whether the owner may remove a factor. Raises as `Hooks.ask`."""
        facts: HookFacts[Any] = HookFacts.of("remove_factor", account, request=request, factor=factor)
        await self._hooks.ask(facts)

    def added(self, account_id: str, factor: Factor, *, ip_prefix: str = "") -> None:
        """Report a factor that was added."""
        now = self._clock.now()
        self._report(events.FactorAdded(at=now, address=ip_prefix, account_id=account_id, factor=factor))

    def removed(self, account_id: str, factor: Factor, *, ip_prefix: str = "") -> None:
        """Report a factor that its owner removed."""
        now = self._clock.now()
        self._report(events.FactorRemoved(at=now, address=ip_prefix, account_id=account_id, factor=factor))

    def failed(self, account_id: str, factor: Factor, *, ip_prefix: str = "") -> None:
        """Report a second step that failed."""
        now = self._clock.now()
        self._report(events.SecondFactorFailed(at=now, address=ip_prefix, account_id=account_id, factor=factor))


def changed_meanwhile() -> Conflict:
    """For a change that was prepared for what the account was before."""
    return Conflict(ProblemCode.PASSWORD_CHANGED, "The account was changed by another request meanwhile.")
