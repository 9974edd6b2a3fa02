"""The pair of tokens that a session row is answered with: the next refresh token, and an access token.

    begin(sid), first(session)   a sign-in: generation 0
    successor(session, token)    a refresh: the token that `token` is exchanged for

Neither outlives its session. The newest signing key signs; the first secret authenticates the refresh token.
"""

from dataclasses import dataclass, field, replace

from gatepass.core import base64url, refresh_token
from gatepass.core.access_token import sign
from gatepass.core.binding import BindingKey
from gatepass.core.claims import Issuer
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import Policy
from gatepass.core.refresh_token import Channel, RefreshToken
from gatepass.core.session import Session
from gatepass.hooks import call_hook
from gatepass.ports import Entropy
from gatepass.sessions.signing_keys import SigningKeys


@dataclass(frozen=True, slots=True)
class Grant:
    """What a client gets: the refresh token for its jar, and an access token unless the answer is a 409.

    `text` is the refresh token as it goes over the wire; `expires_in` is the life of the access token in seconds; `now`
    is the time of issue (Unix seconds).
    """

    session: Session
    token: RefreshToken
    text: str = field(repr=False)
    access_token: str | None = field(repr=False)
    expires_in: int
    now: int


class TokenIssuer:
    """Issues tokens for the rows of one gate. `keys` authenticate refresh tokens, `signing_keys` access tokens.

    `channel` is that of the cookie that hands them out.
    """

    def __init__(
        self,
        keys: KeyRing,
        signing_keys: SigningKeys,
        *,
        issuer: Issuer,
        policy: Policy,
        entropy: Entropy,
        channel: Channel,
    ) -> None:
        self._keys = keys
        self._signing_keys = signing_keys
        self._issuer = issuer
        self._policy = policy
        self._entropy = entropy
        self._channel = channel

    def begin(self, sid: bytes, *, binding_key: BindingKey | None, now: int, ends_at: int) -> RefreshToken:
        """The refresh token of a sign-in whose session ends at `ends_at`. Bound if the sign-in brought a key."""
        return refresh_token.first_of(
            sid,
            self._keys,
            channel=self._channel,
            binding_key=binding_key,
            nonce=self._entropy.token_bytes(16),
            parent=self._entropy.token_bytes(16),
            now=now,
            expires_at=min(now + self._policy.refresh_ttl, ends_at),
        )

    async def first(self, session: Session, token: RefreshToken, *, now: int) -> Grant:
        """The tokens of a sign-in: the one that `begin` made, and an access token."""
        return await self._grant(session, token, now=now, with_access_token=True)

    async def successor(
        self,
        session: Session,
        token: RefreshToken,
        *,
        key: BindingKey | None,
        now: int,
        with_access_token: bool = True,
    ) -> Grant:
        """The tokens of a refresh that presented `token`, bound to `key`: its own, or the one that was offered.

        Of the generation after the committed one, which may be newer than `token` (PROTOCOL §4).
        """
        successor = refresh_token.successor_of(
            token,
            self._keys,
            generation=session.generation + 1,
            binding_key=key,
            entropy=b"" if key else self._entropy.token_bytes(16),
            now=now,
            expires_at=min(now + self._policy.refresh_ttl, session.expires_at),
        )
        if successor.channel != self._channel:  # a change of COOKIE_PATH is under way
            successor = replace(successor, channel=self._channel)
        return await self._grant(session, successor, now=now, with_access_token=with_access_token)

    async def _grant(self, session: Session, token: RefreshToken, *, now: int, with_access_token: bool) -> Grant:
        expires_at = min(now + self._policy.access_ttl, session.expires_at)
        return Grant(
            session=session,
            token=token,
            text=refresh_token.compose(token, self._keys),
            access_token=await self._sign(session, now, expires_at) if with_access_token else None,
            expires_in=expires_at - now,
            now=now,
        )

    async def _sign(self, session: Session, now: int, expires_at: int) -> str:
        token_id = base64url.encode(self._entropy.token_bytes(16))
        hook = self._issuer.hook
        extra = await call_hook(hook, session) if hook else {}
        claims = self._issuer.claims(session, token_id=token_id, now=now, expires_at=expires_at, extra=extra)
        return sign(claims, self._signing_keys.current[0])
