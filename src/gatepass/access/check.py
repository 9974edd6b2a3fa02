"""The one check behind every guard: an Authorization header in, a Principal out. No store, no await.

Verified tokens are remembered, so a signature is verified once per token and process. What can change during the life
of a token, its expiry, the revocation of its session and a change of its claims, is checked every time.
"""

import logging
from collections import OrderedDict
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from gatepass.access.links import Links
from gatepass.core.access_token import issuer_of
from gatepass.core.assurance import check_acr_values, reaches
from gatepass.core.principal import Principal
from gatepass.core.revocation_list import RevocationList
from gatepass.core.secret import Secret
from gatepass.errors import (
    InsufficientScope,
    InsufficientUserAuthentication,
    InvalidToken,
    RevokedToken,
    StaleClaims,
    TokenRequired,
)
from gatepass.ports import Clock
from gatepass.wire.headers import bearer_of
from gatepass.wire.links import AskedLink

logger = logging.getLogger("gatepass.guard")

if TYPE_CHECKING:
    from gatepass.access.pages import PageCheck

MAX_REMEMBERED = 10_000
"""Tokens, about 1 kB each: those of the active users of one process within a token's life."""


class TokenVerifier(Protocol):
    """A `core.access_token.Verifier`, or one whose keys change (`remote/gate.py`)."""

    @property
    def issuer(self) -> str:
        """The `iss` of the tokens that it verifies."""
        ...

    def verify(self, token: str, now: int) -> Principal:
        """The principal of a token that is valid at `now`. Raises InvalidToken, or Unavailable without keys."""
        ...

    def session_of(self, token: str) -> str:
        """The session of an authentic token, at any time. Raises InvalidToken, or Unavailable without keys."""
        ...

    def still_holds(self, principal: Principal, now: int) -> bool:
        """Whether the token of a principal verified earlier is valid at `now`. Raises Unavailable without keys."""
        ...


class Check:
    """Verifies access tokens for one gate. Shared by all guards and threads of a process."""

    def __init__(
        self,
        verifier: TokenVerifier,
        *,
        revocations: RevocationList,
        clock: Clock,
        links: Links | None = None,
        remembered: int = MAX_REMEMBERED,
    ) -> None:
        """`remembered`: how many verified tokens are kept at most. `links`: None where there is no secret."""
        self._verifier = verifier
        self._revocations = revocations
        self._marks = revocations.marks
        self._clock = clock
        self._links = links
        self._has_warned = False
        self._remembered = remembered
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()
        self.pages: PageCheck | None = None
        """The check of page cookies, where a gate has them."""

    def principal(self, authorizations: list[str]) -> Principal:
        """The principal of a request's Authorization headers.

        Raises TokenRequired, InvalidToken, or Unavailable while the revocations are not known.
        """
        now = self._clock.now()
        token = bearer_of(authorizations)
        del authorizations  # crash reports show local variables
        # The memory before the verifier: a thread that reads the new memory also reads the new verifier (see `trust`).
        verified, verifier = self._verified, self._verifier
        # A digest of the whole token: equal digests mean equal bytes, so no unverified token is found.
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        principal = verified.get(digest)
        if principal is None:
            secret = Secret(token)
            del token
            principal = verifier.verify(secret.reveal(), now)
            self._remember(verified, digest, principal)
        elif verifier.still_holds(principal, now):
            try:  # noqa: SIM105 (suppress() takes as long as all the rest of this branch)
                verified.move_to_end(digest)
            except KeyError:
                pass  # another thread has removed it meanwhile
        else:
            verified.pop(digest, None)
            raise InvalidToken("expired")
        token = ""  # an error below must not show it
        self._check_marks(principal, now)
        return principal

    def still(self, principal: Principal, now: int) -> None:
        """Raise as `principal` does if the token of a principal verified earlier is not valid at `now`.

        For what stays open: RevokedToken for a session that has ended, also if the token has run out besides.
        """
        self._check_marks(principal, now)
        if not self._verifier.still_holds(principal, now):
            raise InvalidToken("expired")

    def linked(self, authorizations: list[str], link: AskedLink | None) -> Principal:
        """The caller by its access token or, where none came, by the link of the request (`by_link`).

        Raises as `principal`. A service that verifies with published keys alone cannot check a link, and says so once.
        """
        try:
            return self.principal(authorizations)
        except TokenRequired:
            if link is None:
                raise
        if self._links is None:
            self._warn()
            raise InvalidToken("a link, at a service without the secrets")
        principal = self._links.open(link)
        self._check_marks(principal, self._clock.now())
        return principal

    def _warn(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "A link came to a service that verifies with published keys. Links are MACed with a key of the gate's "
                "secrets, which this service does not have: let the gate's own application answer this path."
            )

    def _check_marks(self, principal: Principal, now: int) -> None:
        """Raise if the session has ended, or its claims have changed since."""
        revocations = self._revocations
        if principal.begun_at < revocations.epoch or revocations.is_revoked(principal.session_id):
            raise RevokedToken
        if principal.claims_mark < self._marks.newest and self._marks.is_stale(
            principal.account_id, principal.claims_mark, now
        ):
            raise StaleClaims

    def session_to_end(self, authorizations: list[str]) -> str:
        """The session of an authentic token, also of one that has expired or is not valid yet: for signing out.

        A clock that is wrong must not keep a session going. Raises TokenRequired, InvalidToken, or Unavailable.
        """
        return self._verifier.session_of(bearer_of(authorizations))

    def is_for_us(self, authorizations: list[str]) -> bool:
        """Whether the bearer token of a request says that it is by our issuer. It proves nothing.

        For applications with a second scheme of bearer tokens: false for a foreign token, and without any.
        """
        try:
            return issuer_of(bearer_of(authorizations)) == self._verifier.issuer
        except (TokenRequired, InvalidToken):
            return False

    def trust(self, verifier: TokenVerifier) -> None:
        """Verify with other keys from now on. Tokens remembered under the old keys are verified again.

        A request on another thread that began with the old keys remembers its token in the old memory, which is gone.
        """
        self._verifier = verifier
        self._verified = OrderedDict()

    def optional(self, authorizations: list[str]) -> Principal | None:
        """As `principal`, but None if the request has no token. An invalid token is refused all the same."""
        try:
            return self.principal(authorizations)
        except TokenRequired:
            return None

    def require(
        self, principal: Principal, scopes: tuple[str, ...] = (), *, max_age: int | None = None, acr: str | None = None
    ) -> Principal:
        """The principal if it covers all `scopes` and signed in within `max_age` seconds, reaching `acr`.

        `acr` names the assurances that are enough, one or several with a space between them (`core.assurance`).

        Raises InsufficientScope, or else, where a new sign-in helps, InsufficientUserAuthentication (RFC 9470 §3).
        """
        require_scopes(principal, scopes)
        if max_age is None and acr is None:
            return principal
        check_step_up(max_age, acr)
        is_old = max_age is not None and self._clock.now() - principal.authenticated_at > max_age
        if is_old or (acr is not None and not reaches(acr, methods=principal.methods, acr=principal.acr)):
            raise InsufficientUserAuthentication(max_age, acr=acr)
        return principal

    def _remember(self, verified: OrderedDict[bytes, Principal], digest: bytes, principal: Principal) -> None:
        verified[digest] = principal
        if len(verified) > self._remembered:
            try:  # noqa: SIM105 (as above)
                verified.popitem(last=False)
            except KeyError:
                pass  # another thread has removed the last one meanwhile


def require_scopes(principal: Principal, scopes: tuple[str, ...]) -> None:
    """Raise InsufficientScope unless the principal covers all `scopes`."""
    if not principal.scopes.issuperset(scopes):
        raise InsufficientScope(scopes)


def check_step_up(max_age: int | None, acr: str | None = None) -> None:
    """Raise ValueError for a maximal age below one second, or an assurance, that no sign-in could meet."""
    if max_age is not None and max_age < 1:
        raise ValueError(f"max_age must be at least 1 second, or None, not {max_age!r}")
    if acr is not None:
        check_acr_values(acr)
