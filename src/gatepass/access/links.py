"""Makes links to one path, and opens them: `gate.link(principal, "/files/7")`, and the guards.

No store, no await: a gallery of 200 links takes a millisecond. A link says less than the access token that it was made
by, and lives shorter: it never outlives the session, and it is refused as soon as the feed says that the session has
ended.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gatepass.core import claims_mark, signed_link
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import LONGEST_LINK, Policy
from gatepass.core.principal import Principal
from gatepass.core.strict_json import Json
from gatepass.errors import InvalidToken
from gatepass.ports import Clock
from gatepass.wire.links import Address, AskedLink

METHODS = ("GET", "HEAD")
_CARRIED = ("sub", "sid", "auth_time", "begun_at", claims_mark.CLAIM)


class Links:
    """The links of one gate. `claims` are the names of those that every link carries beside who and since when."""

    def __init__(self, keys: KeyRing, *, policy: Policy, claims: Sequence[str] = (), clock: Clock) -> None:
        self._keys = keys
        self._policy = policy
        self._carried = (*_CARRIED, *claims)
        self._clock = clock

    def make(self, principal: Principal[Any], url: str, *, ttl: int | None = None) -> str:
        """The address `url` with a link in its query. `ttl`: seconds, at most LONGEST_LINK; None: the policy's.

        It is the same for half of that time, so that a page which is rendered again finds its images in the browser's
        cache: a link lives for half of `ttl` to the whole.

        Raises ValueError for an address that no link can be for, and for a principal that came by a link itself.
        """
        if principal.by_link:
            raise ValueError("a link opens one path and makes no other links: make them where an access token came")
        ttl = self._policy.link_ttl if ttl is None else ttl
        if not 1 <= ttl <= LONGEST_LINK:
            raise ValueError(f"a link lives 1 to {LONGEST_LINK} seconds, not {ttl!r}")
        address, now = Address.read(url), self._clock.now()
        since = now - now % max(1, ttl // 2)
        ends = min(since + ttl, self._end(principal))
        claims: dict[str, Json] = {**self._claims_of(principal), "iat": since, "exp": ends}
        target = signed_link.target_of(address.path, address.query)
        return address.with_link(signed_link.compose(claims, target=target, keys=self._keys))

    def open(self, link: AskedLink) -> Principal:
        """Whom a link names. The caller checks that the session has not ended. Raises InvalidToken."""
        if link.method not in METHODS:
            raise InvalidToken("a link with another method than GET and HEAD", reason="link-method")
        target = signed_link.target_of(link.path, link.query)
        return signed_link.parse(link.text, target=target, keys=self._keys, now=self._clock.now())

    def _claims_of(self, principal: Principal[Any]) -> dict[str, Json]:
        claims = principal.claims
        if not isinstance(claims, Mapping):
            raise ValueError("a link is made with the principal as the guard gives it, not with a typed one")
        return {name: claims[name] for name in self._carried if name in claims}

    def _end(self, principal: Principal[Any]) -> int:
        """When the session ends at the latest, as far as its access token says: its end, or that of idling."""
        policy = self._policy
        known = min(principal.begun_at + policy.session_ttl, principal.issued_at + policy.refresh_ttl)
        return max(principal.expires_at, known)
