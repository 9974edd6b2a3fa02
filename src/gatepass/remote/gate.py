"""The gate of another service, which knows the JWKS URL of a Gatepass and nothing else of it.

    url = "https://gate.example/auth/jwks.json"
    gate = RemoteGate(url, issuer="https://gate.example", audience="https://gate.example")

Every guard accepts it in place of a Gatepass. A daemon thread (`remote/keys.py`) follows the published keys. No request
fetches anything; only the first requests of a process wait, for a bounded time, until the keys are loaded. Tokens are
verified as the guards of the issuer do it: by the one header that each published key can have.

Without `revocations` a revoked session is accepted until its access token expires.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Self

from gatepass.access.asgi import CHECK
from gatepass.access.asgi_guard import Guard as ASGIGuard
from gatepass.access.asgi_lifespan import guarding
from gatepass.access.check import Check
from gatepass.access.claims_marks import ClaimsMarks
from gatepass.access.live import LiveConnections
from gatepass.access.pages import PageCheck
from gatepass.access.wsgi import Guard as WSGIGuard
from gatepass.core.access_token import UnknownHeader, Verifier
from gatepass.core.keyring import ACCESS, PAGE, TokenKind
from gatepass.core.principal import Principal
from gatepass.core.public_key import PublicKey
from gatepass.core.revocation_list import RevocationList
from gatepass.core.secret import Secret
from gatepass.errors import ConfigurationError, Unavailable
from gatepass.ports import Clock
from gatepass.problem_codes import ProblemCode
from gatepass.remote.keys import KeyFollower
from gatepass.system import SystemClock
from gatepass.wire.asgi import ASGIApp
from gatepass.wire.cookies import Cookies
from gatepass.wire.origin import Origins, foreign_origin
from gatepass.wire.pages import Pages
from gatepass.wire.wsgi import WSGIApp


class NoRevocations:
    """A RevocationList that is always empty: a session ends here when its access token expires."""

    epoch = 0

    def __init__(self) -> None:
        self.marks = ClaimsMarks()

    def is_revoked(self, _session_id: str) -> bool:
        """False for every session: nothing tells this service of revocations."""
        return False

    def publish(self, sids: Sequence[bytes]) -> None:
        """Do nothing: no server sends revocations here."""

    def raise_epoch(self, epoch: int) -> None:
        """Do nothing, as `publish`."""


class RemoteVerifier:
    """A `check.TokenVerifier` with the current keys of the follower."""

    def __init__(
        self, follower: KeyFollower, *, issuer: str, audience: str, skew: int, kind: TokenKind = ACCESS
    ) -> None:
        self._follower = follower
        self.issuer = issuer
        self._audience = audience
        self._skew = skew
        self._kind = kind
        self._verifier: Verifier | None = None

    def use(self, keys: Sequence[PublicKey]) -> None:
        """Verify with these keys from now on."""
        self._verifier = Verifier(keys, issuer=self.issuer, audience=self._audience, skew=self._skew, kind=self._kind)

    def verify(self, token: str, now: int) -> Principal:
        """The principal. Raises InvalidToken, or Unavailable while there are no keys that are fresh enough."""
        secret = Secret(token)
        del token  # crash reports show local variables
        verifier = self._current()
        try:
            return verifier.verify(secret.reveal(), now)
        except UnknownHeader:
            self._follower.hint()  # the key may be newer than our set; this request does not wait for it
            raise

    def session_of(self, token: str) -> str:
        """The session of an authentic token, at any time. Raises as `verify`."""
        return self._current().session_of(token)

    def still_holds(self, principal: Principal, now: int) -> bool:
        """Whether the token has not expired. Raises Unavailable if the keys are too old."""
        self._follower.require()
        return now < principal.expires_at + self._skew

    def _current(self) -> Verifier:
        self._follower.require()
        if self._verifier is None:
            raise _no_keys()
        return self._verifier


class RemoteGate:
    """Guards by the published keys of another gate. It has no auth endpoints: `asgi` and `wsgi` are None."""

    asgi: ASGIApp | None = None
    wsgi: WSGIApp | None = None
    origins: Origins | None = None
    users: None = None
    """The users are those of the server that issues the tokens."""

    def __init__(
        self,
        jwks_url: str,
        *,
        issuer: str,
        audience: str,
        revocations: RevocationList | None = None,
        pages: Pages | None = None,
        public_url: str | None = None,
        cookie_path: str = "/",
        skew: int = 5,
        refresh: float = 300.0,
        max_staleness: float = 3600.0,
        cooldown: float = 30.0,
        context: ssl.SSLContext | None = None,
        origins: Collection[str] = (),
        clock: Clock | None = None,
    ) -> None:
        """Verify with the keys at `jwks_url`, which must be https except on a loopback host. Raises ConfigurationError.

        issuer, audience   as the tokens have them
        revocations        a RemoteRevocations, or another list of revoked sessions
        pages              for pages that are rendered here for a person, on the host of the gate; None: there are none
        public_url         the gate's PUBLIC_URL, which its cookies are named by; None: the issuer
        cookie_path        the gate's COOKIE_PATH
        skew               seconds by which clocks may differ when `exp` and `nbf` are checked
        refresh            seconds between two reads of the keys: the delay of an emergency removal
        max_staleness      seconds after which keys are not trusted any more, and guards respond with 503; the default
                           is the longest life of an access token
        cooldown           seconds between two reads that tokens under unknown keys may cause
        context            for a private certificate authority
        origins            whose pages may open a WebSocket here; none named: those of any
        """
        if not issuer or not audience:
            raise ConfigurationError(
                "A RemoteGate needs the issuer and the audience of the tokens, as the gate has them."
            )
        self._follower = KeyFollower(
            jwks_url,
            changed=self._use,
            refresh=refresh,
            max_staleness=max_staleness,
            cooldown=cooldown,
            context=context,
        )
        self._verifier = RemoteVerifier(self._follower, issuer=issuer, audience=audience, skew=skew)
        self._revocations = revocations or NoRevocations()
        clock = clock or SystemClock()
        self.check = Check(self._verifier, revocations=self._revocations, clock=clock)
        self.live = LiveConnections(
            self.check,
            revocations=self._revocations,
            clock=clock,
            origins=Origins(own=frozenset(), foreign=frozenset(map(foreign_origin, origins))) if origins else None,
        )
        named_by = public_url or (issuer if issuer.startswith("http") else jwks_url)
        self.cookies = Cookies.for_url(named_by, path=cookie_path, has_pages=pages is not None)
        self._page_verifier = RemoteVerifier(self._follower, issuer=issuer, audience=audience, skew=skew, kind=PAGE)
        self._page_tokens = Check(self._page_verifier, revocations=self._revocations, clock=clock)
        if pages is not None:
            self._check_lifetime(pages)
            self.check.pages = PageCheck(self.check, self._page_tokens, cookies=self.cookies, options=pages)

    def __repr__(self) -> str:
        return f"RemoteGate({self._follower.url})"

    def wait_until_open(self) -> None:
        """Start to follow, and wait for the first keys, for a bounded time. Idempotent."""
        with contextlib.suppress(Unavailable):  # each request responds with the 503
            self._follower.require()

    def close(self) -> None:
        """Stop following the keys; the next request starts again."""
        self._follower.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Follow the keys while entered. Waits for the first keys and revocations without blocking the event loop."""
        await asyncio.to_thread(self.wait_until_open)
        with contextlib.suppress(Unavailable):
            await asyncio.to_thread(self._revocations.is_revoked, "")
        try:
            yield self
        finally:
            self.close()

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[Mapping[str, object]]:
        """The lifespan of a Starlette or FastAPI application, as that of a Gatepass."""
        with guarding(app, lambda stack, mounts: self.guard(stack), endpoints=None):
            async with self.running():
                yield {CHECK: self.check}

    def guard(self, app: ASGIApp, *, required: bool = False) -> ASGIGuard:
        """Wrap any ASGI application. With `required` every request needs a valid access token."""
        return ASGIGuard(app, check=self.check, cookies=self.cookies, live=self.live, required=required)

    def guard_wsgi(self, app: WSGIApp, *, required: bool = False) -> WSGIGuard:
        """Wrap any WSGI application, as `guard` does."""
        return WSGIGuard(app, self, required=required)

    def _use(self, keys: Sequence[PublicKey]) -> None:
        for verifier, check in ((self._verifier, self.check), (self._page_verifier, self._page_tokens)):
            verifier.use(keys)
            check.trust(verifier)

    def _check_lifetime(self, pages: Pages) -> None:
        """Raise ConfigurationError if an end of a session is forgotten before its page cookie runs out."""
        lifetime = getattr(self._revocations, "lifetime", None)
        if lifetime is not None and (pages.page_ttl or 0) > lifetime:
            raise ConfigurationError(
                f"A page cookie lives {pages.page_ttl} s, and RemoteRevocations(lifetime={lifetime}) forgets sooner: "
                "give it the longer of ACCESS_TTL and PAGE_TTL."
            )


def _no_keys() -> Unavailable:
    return Unavailable(ProblemCode.NOT_READY, "The keys of the issuer are not loaded yet; try again.")
