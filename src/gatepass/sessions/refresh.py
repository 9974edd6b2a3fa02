"""A refresh: try the swap, else ask the table, then renew or refuse, and report it (PROTOCOL §4).

A refresh usually costs one store call: the token itself says what its row must be, so the swap is tried first, and the
table is asked only when it did not apply.
"""

from typing import assert_never

from gatepass.core import event as events
from gatepass.core.binding import BindingKey
from gatepass.core.event import RefreshCase, Unproven
from gatepass.core.policy import Policy
from gatepass.core.refresh_token import RefreshToken
from gatepass.core.revocation_list import RevocationList
from gatepass.core.rotation import (
    Advance,
    DeviceMissing,
    Ended,
    Late,
    Recover,
    Repeat,
    Reuse,
    decide,
    end_of,
    expected_swap,
)
from gatepass.core.session import NO_BINDING, EndReason, Session
from gatepass.errors import StoreUnavailable, Unavailable
from gatepass.ports import Clock, SessionStore
from gatepass.sessions.service import Report, end_without_row
from gatepass.sessions.tokens import Grant, TokenIssuer

MAX_TURNS = 8
"""Lost swaps in a row before a refresh gives up with 503: each loss means another request won in between."""

Refreshed = Grant | Late | Ended | DeviceMissing


class Refreshes:
    """Exchanges refresh tokens. Store failures pass through as StoreUnavailable; nothing is swallowed."""

    def __init__(
        self,
        *,
        store: SessionStore,
        tokens: TokenIssuer,
        policy: Policy,
        clock: Clock,
        revocations: RevocationList,
        report: Report,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._policy = policy
        self._clock = clock
        self._revocations = revocations
        self._report = report

    async def refresh(
        self, token: RefreshToken, *, key: BindingKey | None, ip_prefix: str, shown_device: bool = False
    ) -> Refreshed:
        """Exchange a validly MACed token.

        `key` is that of a bound token, which the request has proven, or the one to which an unbound session is bound
        from now on, or None.
        `shown_device`: the request brings the cookie of the session's device. A Grant without an access token means:
        present its refresh token at once. Raises StoreUnavailable.
        """
        now = self._clock.now()
        if token.expires_at <= now:
            return self._refuse(token, "expired", now, ip_prefix)
        binding = key.binding if key else NO_BINDING
        swap = expected_swap(token, binding=binding, now=now, ip_prefix=ip_prefix, shown_device=shown_device)
        session = await self._store.swap(swap)
        epoch = self._revocations.epoch
        if session is not None and session.created_at >= epoch:
            return await self._renew(session, token, key=key, now=now, case="advance")
        for _ in range(MAX_TURNS):
            session = await self._store.find(token.sid)
            outcome = decide(
                session,
                token,
                binding=binding,
                now=now,
                policy=self._policy,
                ip_prefix=ip_prefix,
                epoch=epoch,
                shown_device=shown_device,
            )
            match outcome:
                case Advance(swap) | Recover(swap):
                    swapped = await self._store.swap(swap)
                    if swapped is not None:
                        lost = swap.generation - swap.expected_generation - 1  # writes that the store has lost
                        case: RefreshCase = "recover" if lost else "advance"
                        return await self._renew(swapped, token, key=key, now=now, case=case)
                case Repeat(row, with_access_token):
                    return await self._renew(
                        row, token, key=key, now=now, case="repeat", with_access_token=with_access_token
                    )
                case Ended(reason):
                    if reason == "unknown":  # the MAC proves that there was a session: guards must not accept it
                        await end_without_row(token.sid, store=self._store, revocations=self._revocations, now=now)
                    return self._refuse(token, reason, now, ip_prefix)
                case Late() | DeviceMissing():
                    return outcome
                case Reuse():
                    return await self._revoke_reused(token, now=now, ip_prefix=ip_prefix)
                case _:
                    assert_never(outcome)
        raise StoreUnavailable("Too many refreshes of one session at once; try again.")

    def report_skipped(self, token: RefreshToken, *, reason: str, ip_prefix: str) -> None:
        """Tell listeners that a browser could not show its device, and why. Changes nothing, and asks no store."""
        self._report(events.DeviceSkipped(at=self._clock.now(), address=ip_prefix, sid=token.sid.hex(), reason=reason))

    def report_unproven(self, token: RefreshToken, *, reason: Unproven, ip_prefix: str) -> None:
        """Tell listeners that a bound token came without its proof. Changes nothing, and asks no store."""
        self._report(
            events.RefreshUnproven(
                at=self._clock.now(),
                address=ip_prefix,
                sid=token.sid.hex(),
                generation=token.generation,
                reason=reason,
            )
        )

    async def _renew(
        self,
        session: Session,
        token: RefreshToken,
        *,
        key: BindingKey | None,
        now: int,
        case: RefreshCase,
        with_access_token: bool = True,
    ) -> Grant | Ended:
        if key and not token.is_bound and case != "repeat":  # told at once: it is so, also if there are no claims now
            self._report(
                events.SessionBound(
                    at=now, address=session.last_ip_prefix, account_id=session.account_id, sid=session.sid.hex()
                )
            )
        grant = await self._tokens.successor(session, token, key=key, now=now, with_access_token=with_access_token)
        if self._is_revoked(
            session.sid
        ):  # while the claims were read: its cookie may not overwrite that of a newer one
            reason = end_of(await self._store.find(session.sid), now=now, epoch=self._revocations.epoch)
            if reason is not None:
                return self._refuse(token, reason, now, session.last_ip_prefix)
        self._report(
            events.SessionRefreshed(
                at=now,
                address=session.last_ip_prefix,
                account_id=session.account_id,
                sid=session.sid.hex(),
                generation=grant.token.generation,
                case=case,
            )
        )
        return grant

    def _is_revoked(self, sid: bytes) -> bool:
        try:
            return self._revocations.is_revoked(sid.hex())
        except Unavailable:  # out of touch with other processes: the swap has asked the store itself
            return False

    async def _revoke_reused(self, token: RefreshToken, *, now: int, ip_prefix: str) -> Ended:
        """Two parties hold the session: revoke it, in a call of its own that nothing rolls back."""
        revoked = await self._store.revoke(token.sid, reason="reused", now=now)
        self._revocations.publish([token.sid])
        if revoked is not None:
            self._report(
                events.RefreshReuse(
                    at=now,
                    address=ip_prefix,
                    account_id=revoked.account_id,
                    sid=token.sid.hex(),
                    generation=token.generation,
                )
            )
        return Ended("reused")

    def _refuse(self, token: RefreshToken, reason: EndReason, now: int, ip_prefix: str) -> Ended:
        self._report(events.RefreshRefused(at=now, address=ip_prefix, sid=token.sid.hex(), reason=reason))
        return Ended(reason)
