"""The one check behind every guard: an Authorization header in, a Principal out. No store, no await.

Verified tokens are remembered, so the signature is checked once per token and server. What can change in a
token's life, its expiry and its session's revocation, is looked at every time.
"""

import hashlib
from collections import OrderedDict

from gatepass.core.access_token import Principal, Verifier
from gatepass.errors import InsufficientScope, InvalidToken, TokenRequired
from gatepass.ports import Clock, RevocationFeed
from gatepass.wire.headers import bearer_of

REMEMBERED = 10_000
"""Tokens, about 1 kB each: what the active users of one process hold within a token's life."""


class Check:
    """Verifies access tokens for one gate. Shared by all guards of a process."""

    def __init__(self, verifier: Verifier, *, feed: RevocationFeed, clock: Clock, remembered: int = REMEMBERED) -> None:
        self._verifier = verifier
        self._feed = feed
        self._clock = clock
        self._remembered = remembered
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()

    def principal(self, authorizations: list[str]) -> Principal:
        """The principal of a request's Authorization headers.

        Raises TokenRequired, InvalidToken, or Unavailable where the revocation feed is out of touch.
        """
        token = bearer_of(authorizations)
        now = self._clock.now()
        # A digest of the whole token: equal digests are equal bytes, so nothing unverified gets in.
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        principal = self._verified.get(digest)
        if principal is None:
            principal = self._verifier.verify(token, now)
            self._remember(digest, principal)
        elif not self._verifier.still_holds(principal, now):
            del self._verified[digest]
            raise InvalidToken("expired")
        else:
            self._verified.move_to_end(digest)
        if self._feed.is_revoked(principal.session_id):
            raise InvalidToken("session revoked")
        return principal

    def trust(self, verifier: Verifier) -> None:
        """Verify with other keys from now on; what was remembered under the old ones is verified again."""
        self._verifier = verifier
        self._verified.clear()

    def optional(self, authorizations: list[str]) -> Principal | None:
        """The same, but None where no token came. A token that does not hold is refused all the same."""
        try:
            return self.principal(authorizations)
        except TokenRequired:
            return None

    def _remember(self, digest: bytes, principal: Principal) -> None:
        self._verified[digest] = principal
        if len(self._verified) > self._remembered:
            self._verified.popitem(last=False)


def require_scopes(principal: Principal, scopes: tuple[str, ...]) -> Principal:
    """The principal if it covers all `scopes`. Raises InsufficientScope."""
    if not principal.scopes.issuperset(scopes):
        raise InsufficientScope(scopes)
    return principal
