"""The one check behind every guard: an Authorization header in, a Principal out. No store, no await.

Verified tokens are remembered, so the signature is checked once per token and server. What can change in a
token's life, its expiry and its session's revocation, is looked at every time.
"""

from collections import OrderedDict
from hashlib import sha256
from typing import Protocol

from gatepass.core.access_token import Principal
from gatepass.errors import InsufficientScope, InsufficientUserAuthentication, InvalidToken, TokenRequired
from gatepass.ports import Clock, RevocationList
from gatepass.wire.headers import bearer_of

REMEMBERED = 10_000
"""Tokens, about 1 kB each: what the active users of one process hold within a token's life."""


class Verifies(Protocol):
    """A `core.access_token.Verifier`, or what stands for one whose keys are followed from afar."""

    def verify(self, token: str, now: int) -> Principal:
        """The principal of a token that holds at `now`. Raises InvalidToken, or Unavailable without keys."""
        ...

    def still_holds(self, principal: Principal, now: int) -> bool:
        """Whether a principal verified earlier still does."""
        ...


class Check:
    """Verifies access tokens for one gate. Shared by all guards and threads of a process."""

    def __init__(self, verifier: Verifies, *, feed: RevocationList, clock: Clock, remembered: int = REMEMBERED) -> None:
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
        # The memory before the verifier: whoever reads the new memory reads the new verifier too (see `trust`).
        verified, verifier = self._verified, self._verifier
        # A digest of the whole token: equal digests are equal bytes, so nothing unverified gets in.
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        principal = verified.get(digest)
        if principal is None:
            principal = verifier.verify(token, now)
            self._remember(verified, digest, principal)
        elif verifier.still_holds(principal, now):
            try:  # noqa: SIM105 (suppress() takes as long as all the rest of this branch)
                verified.move_to_end(digest)
            except KeyError:
                pass  # another thread has dropped it meanwhile
        else:
            verified.pop(digest, None)
            raise InvalidToken("expired")
        if self._feed.is_revoked(principal.session_id):
            raise InvalidToken("session revoked")
        return principal

    def trust(self, verifier: Verifies) -> None:
        """Verify with other keys from now on; what was remembered under the old ones is verified again.

        A request on another thread that began under the old keys remembers into the old memory, which is gone.
        """
        self._verifier = verifier
        self._verified = OrderedDict()

    def optional(self, authorizations: list[str]) -> Principal | None:
        """The same, but None where no token came. A token that does not hold is refused all the same."""
        try:
            return self.principal(authorizations)
        except TokenRequired:
            return None

    def require(self, principal: Principal, scopes: tuple[str, ...] = (), *, max_age: int | None = None) -> Principal:
        """The principal if it covers all `scopes` and signed in at most `max_age` seconds ago.

        Raises InsufficientScope first, for which no sign-in helps; then InsufficientUserAuthentication (RFC 9470 §3).
        """
        if not principal.scopes.issuperset(scopes):
            raise InsufficientScope(scopes)
        if max_age is not None:
            check_max_age(max_age)
            if self._clock.now() - principal.authenticated_at > max_age:
                raise InsufficientUserAuthentication(max_age)
        return principal

    def _remember(self, verified: OrderedDict[bytes, Principal], digest: bytes, principal: Principal) -> None:
        verified[digest] = principal
        if len(verified) > self._remembered:
            try:  # noqa: SIM105 (as above)
                verified.popitem(last=False)
            except KeyError:
                pass  # another thread has dropped the last one meanwhile


def check_max_age(max_age: int | None) -> None:
    """Raise ValueError for an age that nobody could ever keep: no sign-in is younger than no second at all."""
    if max_age is not None and max_age < 1:
        raise ValueError(f"max_age is a number of seconds from 1 on, or None, not {max_age!r}")
