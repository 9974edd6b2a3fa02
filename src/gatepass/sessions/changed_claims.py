"""The application says that roles changed: older access tokens are refused as expired, and no session ends.

    await table.take_role("editor", account_id)        # first the change, then
    await gate.refresh_claims(account_id)              # the mark, on every server within 100 ms

Each client refreshes once, and its next token has the claims of now (PROTOCOL §7).
"""

from collections.abc import Awaitable, Callable, Collection, Sequence

from gatepass.core import event as events
from gatepass.core.claims_mark import EVERYBODY, ClaimsMark
from gatepass.core.event import Event
from gatepass.core.policy import HOUR, MINUTE
from gatepass.core.revocation_list import RevocationList
from gatepass.errors import GatepassError
from gatepass.ports import ClaimsStore, Clock
from gatepass.sessions.claims import is_in_hook

MAX_WITHIN = HOUR
SPREAD = MINUTE
"""Seconds over which the refreshes of all accounts are spread, unless the caller says otherwise."""


class UnknownAccount(GatepassError, LookupError):
    """No account has this id, or none of these `account_ids`."""

    def __init__(self, account_ids: Sequence[str]) -> None:
        named = ", ".join(map(repr, account_ids))
        super().__init__(f"there is no account with the id {named}; an id is no e-mail address")
        self.account_ids = account_ids


class ChangedClaims:
    """Marks accounts, here and for all other processes."""

    def __init__(
        self,
        *,
        store: ClaimsStore,
        is_account: Callable[[str], Awaitable[bool]],
        revocations: RevocationList,
        clock: Clock,
        report: Callable[[Event], None],
    ) -> None:
        """`is_account` says whether there is an account of an id."""
        self._store = store
        self._is_account = is_account
        self._marks = revocations.marks
        self._clock = clock
        self._report = report

    async def refresh_claims(self, account_id: str | Collection[str], *, within: int = 0) -> None:
        """Let every guard refuse the access tokens that these accounts have now, so that their clients get new ones.

        Call it after the change of roles is committed. `within`: seconds over which many accounts are spread; 0: at
        once. For more than some thousand accounts `refresh_claims_of_all` costs less. When it returns, the mark is
        durable, and counts in this process. Raises StoreUnavailable, ValueError for an empty id or `within`,
        RuntimeError in the claims hook, and, when the others are marked, UnknownAccount with those that do not exist.
        """
        accounts = [account_id] if isinstance(account_id, str) else list(dict.fromkeys(account_id))
        if "" in accounts:
            raise ValueError("an account id is not empty; for all accounts there is refresh_claims_of_all")
        _check(within)
        unknown = [each for each in accounts if not await self._is_account(each)]
        missing = set(unknown)
        if known := [each for each in accounts if each not in missing]:
            await self._mark(known, within)
        if unknown:
            raise UnknownAccount(unknown)

    async def refresh_claims_of_all(self, *, within: int = SPREAD) -> None:
        """The same for all accounts: after a change of what roles mean.

        Guards refuse the older tokens of one account after another, of all `within` seconds; with 0, such as after a
        leak of rights, of all at once, and every client that is active refreshes at once. Raises as `refresh_claims`.
        """
        _check(within)
        await self._mark([EVERYBODY], within)

    async def _mark(self, accounts: list[str], within: int) -> None:
        now = self._clock.now()
        number = await self._store.mark_claims(accounts, now=now, within=within)
        self._marks.publish([ClaimsMark(number, account_id, within) for account_id in accounts], now=now)
        is_for_all = accounts == [EVERYBODY]
        only = accounts[0] if len(accounts) == 1 and not is_for_all else None
        count = 0 if is_for_all else len(accounts)
        self._report(events.ClaimsChanged(at=now, account_id=only, accounts=count, within=within))


def _check(within: int) -> None:
    if is_in_hook():
        raise RuntimeError("the claims hook cannot refresh claims: the token that it adds to would be stale at once")
    if not 0 <= within <= MAX_WITHIN:
        raise ValueError(f"within must be 0 to {MAX_WITHIN} seconds, not {within!r}")
