"""A provider of identities ends its session, and ours with it (OpenID Connect Back-Channel Logout 1.0).

The provider names its own session, or a subject. Which of ours began there is kept beside the accounts; each is revoked
as by its owner, so every server and every guard hears of it as of any sign-out.
"""

from gatepass.core.identity import ProviderSession
from gatepass.core.logout_token import LogoutToken
from gatepass.core.session_id import SessionId, sid_of
from gatepass.ports import Clock, IdentityStore
from gatepass.sessions.service import Sessions


class ProviderLogout:
    """Store failures pass through as StoreUnavailable: the provider tries again, and what was ended stays so."""

    def __init__(self, store: IdentityStore, *, sessions: Sessions, clock: Clock) -> None:
        self._store = store
        self._sessions = sessions
        self._clock = clock

    async def end(self, token: LogoutToken, *, ip_prefix: str = "") -> int:
        """End the sessions that a logout token names. Returns how many this call ended.

        The same token again ends nothing that began since, and what a crash in between has left.
        """
        sids = await self._store.end_provider_sessions(
            token.issuer,
            subject=token.subject,
            provider_sid=token.sid,
            issued_by=token.issued_at,
            now=self._clock.now(),
        )
        ended = [await self._sessions.revoke(sid, reason="revoked", ip_prefix=ip_prefix) for sid in sids]
        return sum(ended)

    async def origin(self, sid: SessionId) -> ProviderSession | None:
        """At which provider a session began; None if it began here."""
        return await self._store.find_provider_session(sid_of(sid))
