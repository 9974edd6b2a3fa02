"""The story of a session: start, refresh, end. Asks the core, tells the store, reports what happened.

A refresh usually costs one store call: the token itself says what its row must be, so the swap is tried
first, and the table is asked only when it did not apply (PROTOCOL §4).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from gatepass.core import base64url, refresh_token
from gatepass.core import event as events
from gatepass.core.access_token import sign
from gatepass.core.account import Account
from gatepass.core.claims import Issuer
from gatepass.core.event import Event, RefreshCase
from gatepass.core.keyring import KeyRing, SigningKey
from gatepass.core.policy import Policy
from gatepass.core.refresh_token import RefreshToken
from gatepass.core.rotation import Advance, Ended, Late, Recover, Repeat, Reuse, decide, expected_swap
from gatepass.core.session import NO_KEY, EndReason, Session
from gatepass.errors import StoreUnavailable
from gatepass.ports import Clock, Entropy, RevocationList, SessionStore

MAX_ENDED = 100
"""Sessions that one sign-in ends to make room: where a limit was lowered, nobody waits for thousands of writes."""
MAX_TURNS = 8
"""Lost swaps in a row before a refresh gives up with 503: each loss means another request won in between."""

Report = Callable[[Event], None]
Signer = Callable[[], SigningKey]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a client gets: the refresh token for its jar, and an access token unless the answer is a 409."""

    session: Session
    token: RefreshToken
    text: str = field(repr=False)
    access_token: str | None = field(repr=False)
    expires_in: int
    now: int


Refreshed = Grant | Late | Ended


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request came from, as coarsely as it is kept."""

    client: str
    ip_prefix: str


class Sessions:
    """All verbs on sessions. Store failures pass through as StoreUnavailable; nothing is swallowed."""

    def __init__(
        self,
        *,
        store: SessionStore,
        keys: KeyRing,
        signer: Signer,
        issuer: Issuer,
        policy: Policy,
        clock: Clock,
        entropy: Entropy,
        feed: RevocationList,
        report: Report,
    ) -> None:
        self._store = store
        self._keys = keys
        self._signer = signer
        self._issuer = issuer
        self._policy = policy
        self._clock = clock
        self._entropy = entropy
        self._feed = feed
        self._report = report

    async def start(self, account: Account, *, caller: Caller, remember: bool) -> Grant | None:
        """Sign an account in. None if it was disabled, or its password changed, since `account` was read."""
        now = self._clock.now()
        session = Session(
            sid=self._entropy.token_bytes(16),
            account_id=account.id,
            generation=-1,
            fingerprint=self._entropy.token_bytes(16),
            key_hash=NO_KEY,
            committed_at=now,
            ancestors=(),
            created_at=now,
            expires_at=now + self._policy.session_ttl,
            authenticated_at=now,
            remember=remember,
            client=caller.client,
            last_ip_prefix=caller.ip_prefix,
        )
        if not await self._store.add(session, credential_version=account.credential_version):
            return None
        first = RefreshToken(
            key_id=self._keys.current.key_id,
            sid=session.sid,
            generation=0,
            nonce=self._entropy.token_bytes(16),
            parent=session.fingerprint,
            issued_at=now,
            expires_at=min(now + self._policy.refresh_ttl, session.expires_at),
        )
        started = events.SessionStarted(at=now, address=caller.ip_prefix, account_id=account.id, sid=session.sid.hex())
        self._report(started)
        return self._grant(session, first, now=now, with_access_token=True)

    async def refresh(self, token: RefreshToken, *, key_hash: bytes | None, ip_prefix: str) -> Refreshed:
        """Exchange a validly MACed token. `key_hash` is the hash of the request's Idempotency-Key, or None.

        A Grant without an access token means: present its refresh token at once. Raises StoreUnavailable.
        """
        now = self._clock.now()
        if token.expires_at <= now:
            return self._refuse(token, "expired", now)
        session = await self._store.swap(expected_swap(token, key_hash=key_hash, now=now, ip_prefix=ip_prefix))
        if session is not None:
            return self._renew(session, token, key_hash=key_hash, now=now, case="advance")
        for _ in range(MAX_TURNS):
            session = await self._store.find(token.sid)
            outcome = decide(session, token, key_hash=key_hash, now=now, policy=self._policy, ip_prefix=ip_prefix)
            match outcome:
                case Advance(swap) | Recover(swap):
                    swapped = await self._store.swap(swap)
                    if swapped is not None:
                        case: RefreshCase = "advance" if isinstance(outcome, Advance) else "recover"
                        return self._renew(swapped, token, key_hash=key_hash, now=now, case=case)
                case Repeat(row, with_access_token):
                    return self._renew(
                        row, token, key_hash=key_hash, now=now, case="repeat", with_access_token=with_access_token
                    )
                case Ended(reason):
                    return self._refuse(token, reason, now)
                case Late():
                    return outcome
                case Reuse():
                    return await self._catch(token, now=now, ip_prefix=ip_prefix)
                case _:
                    assert_never(outcome)
        raise StoreUnavailable("Too many refreshes of one session at once; try again.")

    async def end(self, sid: bytes, *, reason: EndReason) -> bool:
        """End one session. True if this call ended it, False if it was over before."""
        now = self._clock.now()
        ended = await self._store.revoke(sid, reason=reason, now=now)
        self._feed.publish([sid], at=now)
        if ended is None:
            return False
        self._report(events.SessionRevoked(at=now, account_id=ended.account_id, sid=sid.hex(), reason=reason))
        return True

    async def end_all(self, account_id: str, *, reason: EndReason, keep: bytes | None = None) -> int:
        """End every session of an account but `keep`; how many it were."""
        now = self._clock.now()
        sids = await self._store.revoke_all(account_id, reason=reason, now=now, keep=keep)
        self.announce(account_id, sids, reason=reason, now=now)
        return len(sids)

    async def make_room(self, others: Sequence[Session]) -> None:
        """End the least recently used of an account's sessions where one more than these is too many.

        `others` were read before the new one was written, so it is never among those that end, and two sign-ins at
        once cannot end each other. Neither sees the other: of N at once up to N - 1 are too many, for as long as it
        takes until somebody signs in again and counts them all. The queue for hashing bounds N.
        """
        limit = self._policy.sessions_per_account
        surplus = len(others) + 1 - limit if limit else 0
        if surplus <= 0:
            return
        by_use = sorted(others, key=lambda session: (session.committed_at, session.created_at, session.sid))
        for session in by_use[: min(surplus, MAX_ENDED)]:
            await self.end(session.sid, reason="replaced")

    async def end_own(self, account_id: str, sid: bytes) -> bool:
        """End one session if it belongs to the account; False for a foreign or unknown one (ASVS 8.2.2)."""
        session = await self._store.find(sid)
        if session is None or session.account_id != account_id:
            return False
        await self.end(sid, reason="revoked")
        return True

    async def find(self, sid: bytes) -> Session | None:
        """The row as it is, or None."""
        return await self._store.find(sid)

    async def of_account(self, account_id: str) -> Sequence[Session]:
        """The live sessions of an account, newest sign-in first."""
        return await self._store.of_account(account_id, now=self._clock.now())

    def announce(self, account_id: str, sids: Sequence[bytes], *, reason: EndReason, now: int) -> None:
        """Tell guards and listeners of sessions that a store has ended."""
        self._feed.publish(sids, at=now)
        for sid in sids:
            self._report(events.SessionRevoked(at=now, account_id=account_id, sid=sid.hex(), reason=reason))

    def _renew(
        self,
        session: Session,
        token: RefreshToken,
        *,
        key_hash: bytes | None,
        now: int,
        case: RefreshCase,
        with_access_token: bool = True,
    ) -> Grant:
        successor = refresh_token.successor_of(
            token,
            self._keys,
            key_hash=key_hash,
            entropy=b"" if key_hash else self._entropy.token_bytes(16),
            now=now,
            expires_at=min(now + self._policy.refresh_ttl, session.expires_at),
        )
        self._report(
            events.SessionRefreshed(
                at=now,
                address=session.last_ip_prefix,
                account_id=session.account_id,
                sid=session.sid.hex(),
                generation=successor.generation,
                case=case,
            )
        )
        return self._grant(session, successor, now=now, with_access_token=with_access_token)

    async def _catch(self, token: RefreshToken, *, now: int, ip_prefix: str) -> Ended:
        """Two holders: revoke, in a call of its own that nothing rolls back; tell guards and listeners."""
        caught = await self._store.revoke(token.sid, reason="reused", now=now)
        self._feed.publish([token.sid], at=now)
        if caught is not None:
            self._report(
                events.RefreshReuse(
                    at=now,
                    address=ip_prefix,
                    account_id=caught.account_id,
                    sid=token.sid.hex(),
                    generation=token.generation,
                )
            )
        return Ended("reused")

    def _refuse(self, token: RefreshToken, reason: EndReason, now: int) -> Ended:
        self._report(events.RefreshRefused(at=now, sid=token.sid.hex(), reason=reason))
        return Ended(reason)

    def _grant(self, session: Session, token: RefreshToken, *, now: int, with_access_token: bool) -> Grant:
        expires_at = min(now + self._policy.access_ttl, session.expires_at)
        return Grant(
            session=session,
            token=token,
            text=refresh_token.compose(token, self._keys),
            access_token=self._sign(session, now, expires_at) if with_access_token else None,
            expires_in=expires_at - now,
            now=now,
        )

    def _sign(self, session: Session, now: int, expires_at: int) -> str:
        token_id = base64url.encode(self._entropy.token_bytes(16))
        claims = self._issuer.claims(session, token_id=token_id, now=now, expires_at=expires_at)
        return sign(claims, self._signer())
