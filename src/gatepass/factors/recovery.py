"""Lost factors without recovery codes: the owner removes them after a waiting time, which a mail announces.

    begin      the ticket of a sign-in (its first step was right) → a mail with a link at once; the time runs
    complete   after it, until it is void: such a ticket again, and the link → no factors and no sessions are left
    cancel     the link, a session of the owner, a sign-in with a factor, an administrator; also any change of the
               password, the address or a factor, in the step of the store that makes it

Nothing happens by itself when the time is over. A stranger with the password has no link, and one with the mailbox too
must wait while the owner, who is told, needs a single sign-in to keep everything. Asking again neither restarts nor
shortens the time. It runs only once the address has been the account's for as long, so that a thief who has changed
the address gains nothing: the former one is told of that change, and there is as much time to act.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from gatepass.accounts.email_links import EmailLinks, invalid_link
from gatepass.accounts.factor_reset import FactorReset
from gatepass.accounts.hooks import Hooks
from gatepass.core import event as events
from gatepass.core.account import Account
from gatepass.core.event import Event
from gatepass.core.factor import FactorRecovery
from gatepass.core.hook_facts import NO_REQUEST, HookFacts, RequestFacts
from gatepass.core.mailed_link import Purpose
from gatepass.core.policy import HOUR
from gatepass.core.secret import Secret
from gatepass.errors import Conflict, Forbidden, Overloaded, StoreUnavailable
from gatepass.ports import Clock, Message, Store
from gatepass.problem_codes import ProblemCode
from gatepass.sessions.service import Sessions

MAIL_EVERY = 6 * HOUR
"""Seconds between two mails about one recovery, however often it is asked for: a mail may be lost."""


class FactorRecoveries:
    """Begun and completed by people who hold the ticket of a sign-in. With `wait` 0 none is offered."""

    def __init__(
        self,
        store: Store,
        *,
        wait: int,
        resets: FactorReset,
        links: EmailLinks,
        sessions: Sessions,
        hooks: Hooks,
        clock: Clock,
        report: Callable[[Event], None],
    ) -> None:
        """`wait` is the waiting time in seconds."""
        self._store = store
        self._wait = wait
        self._resets = resets
        self._links = links
        self._sessions = sessions
        self._hooks = hooks
        self._clock = clock
        self._report = report

    async def begin(self, account: Account, *, request: RequestFacts = NO_REQUEST) -> FactorRecovery | None:
        """Begin a recovery and mail its link; or the one that is under way, and its link again after MAIL_EVERY.

        None if the account has changed since it was read, or has no second factor. Raises Forbidden (`not-offered`),
        Overloaded, or as `Hooks.ask`; nothing has begun then.
        """
        await self._require_allowed(account, request)
        pending, now = await self._resets.pending_recovery(account.id), self._clock.now()
        if pending is None:
            await self._store.cancel_factor_recovery(account.id)  # one that is void
        recovery = await self._store.start_factor_recovery(
            account.id,
            credential_version=account.credential_version,
            ready_at=max(now, (account.verified_at or 0) + self._wait) + self._wait,
            now=now,
        )
        if recovery is None:
            return None
        try:
            self._links.send(lambda: self._mail(account, recovery))
        except Overloaded:
            if pending is None:
                await self._store.cancel_factor_recovery(account.id)
            raise
        if pending is None:
            self._report(
                events.FactorRecoveryRequested(
                    at=now, address=request.network, account_id=account.id, ready_at=recovery.ready_at
                )
            )
        return recovery

    async def complete(self, account: Account, token: Secret, *, request: RequestFacts = NO_REQUEST) -> None:
        """End all sessions, remove all factors, and tell the owner. The account has another version then.

        Raises Unprocessable (`invalid-link`), one answer for a link that is not of a recovery under way; Conflict
        (`recovery-not-ready`); Unavailable, Forbidden (`not-offered`), or as `Hooks.ask`. Nothing has changed then, but
        the sessions have ended if the recovery was cancelled at that very moment.
        """
        link = self._links.open(token, Purpose.RECOVER_FACTORS)
        pending = await self._resets.pending_recovery(account.id)
        is_its = link.subject == account.id and self._links.is_of_address(link, account)
        if pending is None or not is_its or link.expires_at != pending.ends_at:
            raise invalid_link()
        if self._clock.now() < pending.ready_at:
            raise Conflict(
                ProblemCode.RECOVERY_NOT_READY,
                "The waiting time is not over yet.",
                facts={"ready_at": pending.ready_at},
            )
        await self._require_allowed(account, request)
        # First: where this is cut off in between, it can be asked for again. No session that begins in between stays:
        # one with a factor ends the recovery, and any other is refused, since the account gets another version.
        await self._sessions.revoke_all(account.id, reason="revoked", ip_prefix=request.network)
        if not await self._resets.complete_recovery(account.id, ip_prefix=request.network):
            raise invalid_link()

    async def cancel_by_link(self, token: Secret, *, ip_prefix: str) -> None:
        """Keep the factors. Nothing changes if no recovery is under way (any more).

        A link of an earlier recovery does it too: its holder has the mailbox. Raises Unprocessable (`invalid-link`),
        Unavailable or Forbidden (`not-offered`).
        """
        link = self._links.open(token, Purpose.RECOVER_FACTORS)
        account = await self._store.find_account(link.subject)
        if account is None or not self._links.is_of_address(link, account):
            raise invalid_link()
        await self._resets.cancel_recovery(account.id, by="link", ip_prefix=ip_prefix)

    async def _mail(self, account: Account, recovery: FactorRecovery) -> Message | None:
        """The mail, or None after one within MAIL_EVERY. Where the store leaves that open: two rather than none."""
        now = self._clock.now()
        try:
            if not await self._store.use_once(_mail_key(recovery), until=now + MAIL_EVERY, now=now):
                return None
        except StoreUnavailable:
            pass
        return await self._links.factor_recovery(account, recovery)

    async def _require_allowed(self, account: Account, request: RequestFacts) -> None:
        """Raise Forbidden (`not-offered`) where there is none, or as the hooks before `recover_factors`."""
        self._links.require_mail()
        if not self._wait or not account.email:
            raise Forbidden(ProblemCode.NOT_OFFERED, "Lost factors are removed by an administrator here.")
        facts: HookFacts[Any] = HookFacts.of("recover_factors", account, request=request)
        await self._hooks.ask(facts)


def _mail_key(recovery: FactorRecovery) -> bytes:
    # By when it was asked for, too: of a young address every recovery is ready at the same time.
    times = f"{recovery.requested_at}|{recovery.ready_at}"
    return hashlib.sha256(f"factor recovery mail|{recovery.account_id}|{times}".encode()).digest()
