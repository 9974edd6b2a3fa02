"""The pair of tokens that a session row is answered with: the next refresh token, and an access token.

    begin(sid), first(session)   a sign-in: generation 0
    successor(session, token)    a refresh: the token that `token` is exchanged for

Neither outlives its session. The newest signing key signs; the first secret authenticates the refresh token.
"""

from dataclasses import field, replace

from gatepass.core import base64url, refresh_token
from gatepass.core.access_token import sign
from gatepass.core.binding import BindingKey
from gatepass.core.claims import Issuer
from gatepass.core.keyring import PAGE, KeyRing
from gatepass.core.policy import Policy
from gatepass.core.refresh_token import Channel, RefreshToken
from gatepass.core.session import Session
from gatepass.core.value import value
from gatepass.errors import ConfigurationError
from gatepass.ports import Entropy
from gatepass.sessions.claims import AddedClaims
from gatepass.sessions.signing_keys import SigningKeys


@value
class Grant:
    """What a client gets: the refresh token for its jar, and an access token unless the answer is a 409.

    `text` is the refresh token as it goes over the wire; `expires_in` is the life of the access token in seconds; `now`
    is the time of issue (Unix seconds). Where servers render pages there is a page token beside each access token.
    """

    session: Session
    token: RefreshToken
    text: str = field(repr=False)
    access_token: str | None = field(repr=False)
    expires_in: int
    now: int
    page_token: str | None = field(default=None, repr=False)
    page_expires_in: int = 0


class TokenIssuer:
    """Issues tokens for the rows of one gate. `keys` authenticate refresh tokens, `signing_keys` access tokens.

    `channel` is that of the cookie that hands them out. `page_ttl` is the life of page tokens in seconds; None: there
    are none.
    """

    def __init__(
        self,
        keys: KeyRing,
        signing_keys: SigningKeys,
        *,
        issuer: Issuer,
        added_claims: AddedClaims,
        policy: Policy,
        entropy: Entropy,
        channel: Channel,
        page_ttl: int | None = None,
    ) -> None:
        self._keys = keys
        self._signing_keys = signing_keys
        self._issuer = issuer
        self._added_claims = added_claims
        self._policy = policy
        self._entropy = entropy
        self._channel = channel
        self._page_ttl = page_ttl

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
        """The tokens of a sign-in: the one that `begin` made, and an access token. Raises Unavailable."""
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

        Of the generation after the committed one, which may be newer than `token` (PROTOCOL §4). Raises Unavailable
        where the application gives no claims; the same refresh again is then a repeat.
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
        # A page cookie is renewed by a refresh alone, so it does not outlive the token that a refresh needs.
        page_until = min(now + self._page_ttl, token.expires_at) if self._page_ttl else now
        access, page = None, None
        if with_access_token:
            access, page = await self._sign(session, now, expires_at=expires_at, page_until=page_until)
        return Grant(
            session=session,
            token=token,
            text=refresh_token.compose(token, self._keys),
            access_token=access,
            expires_in=expires_at - now,
            now=now,
            page_token=page,
            page_expires_in=page_until - now,
        )

    async def _sign(self, session: Session, now: int, *, expires_at: int, page_until: int) -> tuple[str, str | None]:
        """An access token, and a page token with the same claims but its own `exp` and `jti`."""
        token_id = base64url.encode(self._entropy.token_bytes(16))
        added = await self._added_claims.of(session)
        key, page = self._signing_keys.current[0], None
        try:
            claims = self._issuer.claims(
                session, token_id=token_id, now=now, expires_at=expires_at, extra=added.claims, mark=added.mark
            )
            token = sign(claims, key)
            if self._page_ttl:
                page_id = base64url.encode(self._entropy.token_bytes(16))
                page = sign({**claims, "exp": page_until, "jti": page_id}, key, kind=PAGE)
        except ConfigurationError as taken:
            raise self._added_claims.refuse(session, str(taken)) from None
        except TypeError as fault:
            raise self._added_claims.refuse(session, "The claims hook returned what JSON cannot express.") from fault
        self._added_claims.check_length(session, token, added)
        return token, page
