"""A session begins, is listed, ends. Calls the store, and reports what happened.

What lies between, its refreshes, is in `refresh.py`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from gatepass.core import event as events
from gatepass.core.account import Account
from gatepass.core.authentication import BY_PASSWORD, Authentication
from gatepass.core.binding import BindingKey, key_id_of
from gatepass.core.event import Event
from gatepass.core.identity import ProviderSignIn
from gatepass.core.policy import Policy
from gatepass.core.revocation_list import RevocationList
from gatepass.core.session import NO_FINGERPRINT, EndReason, Session
from gatepass.core.session_id import SessionId, sid_of
from gatepass.errors import ConfigurationError
from gatepass.ports import Clock, Entropy, EpochStore, IdentityStore, SessionStore
from gatepass.sessions.new_device import is_new_device, new_device_event
from gatepass.sessions.tokens import Grant, TokenIssuer

MAX_REPLACED = 100
"""Sessions that one sign-in ends above the limit: after the limit was lowered it must not wait for thousands of writes.
"""
EPOCH_MARGIN = 10
"""Seconds that an epoch lies ahead of the clock that sets it: twice the difference of clocks that is no event."""

Report = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request came from, as coarsely as it is kept: the label of the client and the network."""

    client: str
    ip_prefix: str


class SessionsStore(SessionStore, EpochStore, IdentityStore, Protocol):
    """What the service needs of a store."""


async def end_without_row(sid: bytes, *, store: SessionStore, revocations: RevocationList, now: int) -> None:
    """Tell all guards of the end of a session that has no row any more; nothing is written if it has one."""
    revocations.publish([sid])
    await store.bury(sid, now=now)


class Sessions:
    """Begins, lists and revokes sessions. Store failures pass through as StoreUnavailable; nothing is swallowed."""

    def __init__(
        self,
        *,
        store: SessionsStore,
        tokens: TokenIssuer,
        policy: Policy,
        clock: Clock,
        entropy: Entropy,
        revocations: RevocationList,
        report: Report,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._policy = policy
        self._clock = clock
        self._entropy = entropy
        self._revocations = revocations
        self._report = report

    async def open(self) -> None:
        """Let no session live that began before the policy's `sessions_not_before`. Before the first request.

        Raises ConfigurationError for a time in the future: no session could live. Raises StoreUnavailable.
        """
        earliest = self._policy.sessions_not_before
        if earliest > self._clock.now():
            raise ConfigurationError("`sessions_not_before` is in the future: nobody could stay signed in.")
        if earliest and earliest > await self._store.epoch():
            await self.revoke_everything(begun_before=earliest)

    async def sign_in(
        self,
        account: Account,
        *,
        caller: Caller,
        remember: bool,
        binding_key: BindingKey | None = None,
        how: Authentication = BY_PASSWORD,
        replacing: Collection[bytes] = (),
        through: ProviderSignIn | None = None,
    ) -> Grant | None:
        """Begin a session of an account, and end those that it replaces.

        With a `binding_key` only its holder can refresh the session. `how` is kept with it. `replacing` are the
        sessions whose refresh tokens came with the request; `through` is the sign-in at a provider, which may end the
        session. Where the policy limits the sessions of an account, the least recently used ones beyond the limit end
        too. None if the account was disabled, its password changed, or an identity was unlinked, since `account` was
        read, or if the provider has ended its session meanwhile; then nothing has changed.
        """
        # Read before the new session is written: where the store cannot answer, nothing has happened yet.
        others = await self.list_for_account(account.id)
        now = self._clock.now()
        sid, ends_at = self._new_sid(binding_key), now + self._policy.session_ttl
        token = self._tokens.begin(sid, binding_key=binding_key, now=now, ends_at=ends_at)
        begun = max(now, self._revocations.epoch)  # with a clock that is behind it would be over at once
        session = Session(
            sid=sid,
            account_id=account.id,
            generation=-1,
            fingerprint=token.follows,
            binding=token.binding,
            previous=NO_FINGERPRINT,
            committed_at=now,
            created_at=begun,
            expires_at=ends_at,
            authenticated_at=begun if how.at is None else how.time(now),
            methods=how.methods,
            remember=remember,
            client=caller.client,
            last_ip_prefix=caller.ip_prefix,
            acr=how.acr or "",
        )
        # The application's claims too: where they fail, nothing has happened.
        grant = await self._tokens.first(session, token, now=now)
        if not await self._add(session, account, through=through):
            return None
        self._report(
            events.SessionStarted(at=now, address=caller.ip_prefix, account_id=account.id, sid=session.sid.hex())
        )
        if is_new_device(session, others, cookie_sids=replacing):
            self._report(new_device_event(session))
        for sid in replacing:
            await self.revoke(sid, reason="replaced", ip_prefix=caller.ip_prefix)
        await self._enforce_limit([row for row in others if row.sid not in replacing], ip_prefix=caller.ip_prefix)
        return grant

    async def revoke(self, sid: SessionId, *, reason: EndReason, ip_prefix: str = "") -> bool:
        """End one session. True if this call ended it, False if it was over before.

        `ip_prefix` is the network of the request that asks for it; "" if no request does.
        The caller must have proof that there was such a session: guards are told also if the store has lost its row.
        """
        sid, now = sid_of(sid), self._clock.now()
        ended = await self._store.revoke(sid, reason=reason, now=now)
        if ended is None:
            await end_without_row(sid, store=self._store, revocations=self._revocations, now=now)
            return False
        self._revocations.publish([sid])
        self._tell_end(ended.account_id, sid, reason=reason, now=now, ip_prefix=ip_prefix)
        return True

    async def revoke_all(
        self, account_id: str, *, reason: EndReason, keep: SessionId | None = None, ip_prefix: str = ""
    ) -> int:
        """End all sessions of an account except `keep`. Returns the number ended. `ip_prefix` as for `revoke`."""
        now, kept = self._clock.now(), None if keep is None else sid_of(keep)
        sids = await self._store.revoke_all(account_id, reason=reason, now=now, keep=kept)
        self.publish_revocations(account_id, sids, reason=reason, now=now, ip_prefix=ip_prefix)
        return len(sids)

    async def revoke_everything(self, *, begun_before: int | None = None) -> int:
        """End every session of every account, for good: after a leak, or when a backup was restored.

        All that began before a time are over, whatever their rows say or will say after the next restore. Returns that
        time, the epoch (Unix seconds): `begun_before`, or now, with a margin for clocks that differ. It never becomes
        earlier, and lies at most that margin ahead.
        """
        now = self._clock.now()
        latest = now + EPOCH_MARGIN
        epoch = await self._store.raise_epoch(latest if begun_before is None else min(begun_before, latest))
        self._revocations.raise_epoch(epoch)
        self._report(events.AllSessionsEnded(at=now, epoch=epoch))
        return epoch

    async def revoke_owned(self, account_id: str, sid: SessionId, *, ip_prefix: str = "") -> bool:
        """End one session if it belongs to the account; False for a foreign or unknown one (ASVS 8.2.2)."""
        if not await self.is_owned(account_id, sid):
            return False
        await self.revoke(sid, reason="revoked", ip_prefix=ip_prefix)
        return True

    async def is_owned(self, account_id: str, sid: SessionId) -> bool:
        """Whether a session, live or ended, belongs to the account. False too once it was pruned."""
        session = await self._store.find(sid_of(sid))
        return session is not None and session.account_id == account_id

    async def is_live(self, account_id: str, sid: SessionId) -> bool:
        """Whether a session belongs to the account and goes on."""
        found = sid_of(sid)
        return any(session.sid == found for session in await self.list_for_account(account_id))

    async def was_replaced(self, sid: SessionId) -> bool:
        """Whether a session ended because another one began in its place; False if it was ended otherwise before."""
        session = await self._store.find(sid_of(sid))
        return session is not None and session.revoke_reason == "replaced"

    async def provider_sign_in(self, sid: SessionId) -> ProviderSignIn | None:
        """The sign-in at a provider with which a session began, for one that takes its place; None for no such one."""
        began = await self._store.find_provider_session(sid_of(sid))
        if began is None:
            return None
        return ProviderSignIn(began.provider, began.issuer, began.subject, began.provider_sid, began.issued_at)

    async def is_remembered(self, sid: SessionId) -> bool:
        """Whether the cookies of a session outlive the browser. False for an unknown one."""
        session = await self._store.find(sid_of(sid))
        return session is not None and session.remember

    async def list_for_account(self, account_id: str) -> Sequence[Session]:
        """The live sessions of an account, newest sign-in first."""
        listed = await self._store.list_for_account(account_id, now=self._clock.now())
        return [session for session in listed if session.created_at >= self._revocations.epoch]

    def publish_revocations(
        self, account_id: str, sids: Sequence[bytes], *, reason: EndReason, now: int, ip_prefix: str = ""
    ) -> None:
        """Tell guards and listeners of sessions that a store has ended."""
        self._revocations.publish(sids)
        for sid in sids:
            self._tell_end(account_id, sid, reason=reason, now=now, ip_prefix=ip_prefix)

    def _tell_end(self, account_id: str, sid: bytes, *, reason: EndReason, now: int, ip_prefix: str) -> None:
        self._report(
            events.SessionRevoked(at=now, address=ip_prefix, account_id=account_id, sid=sid.hex(), reason=reason)
        )

    def _new_sid(self, binding_key: BindingKey | None) -> bytes:
        """Random, but for the half by which a client finds its key again (PROTOCOL §2)."""
        if binding_key is None:
            return self._entropy.token_bytes(16)
        return key_id_of(binding_key.reveal()) + self._entropy.token_bytes(8)

    async def _add(self, session: Session, account: Account, *, through: ProviderSignIn | None) -> bool:
        """Store a session, unless its account has changed or its provider has ended it.

        Where it began is written first, and read again at the end: what the provider ends in between ends here, or has
        found the session and ended it.
        """
        version = account.credential_version
        if through is None:
            return await self._store.add(session, credential_version=version)
        began = through.session(session.sid, account_id=account.id, expires_at=session.expires_at)
        await self._store.add_provider_session(began)
        if not await self._store.add(session, credential_version=version):
            return False
        found = await self._store.find_provider_session(session.sid)
        if found is not None and found.ended_at is None:
            return True
        await self._store.revoke(session.sid, reason="revoked", now=session.created_at)
        return False

    async def _enforce_limit(self, others: Sequence[Session], *, ip_prefix: str) -> None:
        """End the least recently used of `others` where they and one more session exceed the account's limit.

        `others` were read before the new session was written, so it is never among those that end, and two sign-ins at
        once cannot end each other. Neither sees the other: of N at once up to N - 1 exceed the limit, until the next
        sign-in counts them all. The queue for hashing bounds N.
        """
        limit = self._policy.sessions_per_account
        surplus = len(others) + 1 - limit if limit else 0
        if surplus <= 0:
            return
        by_use = sorted(others, key=lambda session: (session.committed_at, session.created_at, session.sid))
        for session in by_use[: min(surplus, MAX_REPLACED)]:
            await self.revoke(session.sid, reason="replaced", ip_prefix=ip_prefix)
