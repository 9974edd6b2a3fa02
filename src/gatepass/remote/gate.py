"""Guards for another service: one that knows a gate's JWKS URL and nothing else of it.

    url = "https://gate.example/auth/jwks.json"
    gate = RemoteGate(url, issuer="https://gate.example", audience="https://gate.example")

It stands where a Gatepass stands in every guard. A daemon thread (`remote/keys.py`) follows the published
keys; no request fetches anything, and only the first ones of a process wait, for a bounded moment, until keys are
there. Tokens are looked up as the issuer's own guards do it: by the one header that each published key can have.

Without a `feed` a revoked session is let in until its access token ends. That is the delay of revocation here.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from gatepass.access.asgi import CHECK
from gatepass.access.asgi import Guard as ASGIGuard
from gatepass.access.check import Check
from gatepass.access.wsgi import Guard as WSGIGuard
from gatepass.core.access_token import Principal, UnknownHeader, Verifier
from gatepass.core.public_key import PublicKey
from gatepass.errors import ConfigurationError, Unavailable
from gatepass.ports import Clock, RevocationList
from gatepass.remote.keys import KeyFollower
from gatepass.system import SystemClock
from gatepass.wire.asgi import ASGIApp
from gatepass.wire.cookies import Cookies
from gatepass.wire.wsgi import WSGIApp

FIRST_LOAD = 2.0
"""Seconds that the first request of a process waits for the first keys, so that a start causes no 503."""


class NoFeed:
    """A `ports.RevocationList` that hears of nothing: sessions end here when their access tokens do."""

    def is_revoked(self, _session_id: str) -> bool:
        """Not as far as is known."""
        return False

    def publish(self, sids: Sequence[bytes], *, at: int) -> None:
        """There is nobody to tell."""


class RemoteVerifier:
    """A `guards.check.Verifies` whose keys come and go with the follower's."""

    def __init__(self, follower: KeyFollower, *, issuer: str, audience: str, skew: int) -> None:
        self._follower = follower
        self._issuer = issuer
        self._audience = audience
        self._skew = skew
        self._verifier: Verifier | None = None

    def use(self, keys: Sequence[PublicKey]) -> None:
        """Verify with these from now on."""
        self._verifier = Verifier(keys, issuer=self._issuer, audience=self._audience, skew=self._skew)

    def verify(self, token: str, now: int) -> Principal:
        """The principal. Raises InvalidToken; Unavailable before the first keys, and when they are too old."""
        self._follower.demand(FIRST_LOAD)
        if self._verifier is None:
            raise _no_keys()
        try:
            return self._verifier.verify(token, now)
        except UnknownHeader:
            self._follower.hint()  # perhaps a key is newer than our set; this request does not wait for it
            raise

    def still_holds(self, principal: Principal, now: int) -> bool:
        """Whether it has not run out. Raises Unavailable when the keys are too old to say."""
        self._follower.demand(0)
        return now < principal.expires_at + self._skew


class RemoteGate:
    """Guards by the published keys of a gate elsewhere. Has no auth endpoints: `asgi` and `wsgi` are None."""

    asgi: ASGIApp | None = None
    wsgi: WSGIApp | None = None

    def __init__(
        self,
        jwks_url: str,
        *,
        issuer: str,
        audience: str,
        feed: RevocationList | None = None,
        skew: int = 5,
        refresh: float = 300.0,
        patience: float = 3600.0,
        cooldown: float = 30.0,
        context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`jwks_url` must be https, but for a loopback host; it is the only address that is ever asked.

        `issuer` and `audience` must be those of the tokens. `feed` tells of revoked sessions (`RemoteRevocations`).
        In seconds: `skew` of clocks is tolerated; keys are asked for every `refresh`, which is the delay of an
        emergency removal; keys older than `patience` are not trusted (503; an hour is the longest life of an access
        token); tokens under unknown keys cause one look in `cooldown`. `context` is for a private certificate
        authority. Raises ConfigurationError.
        """
        if not issuer or not audience:
            raise ConfigurationError(
                "A RemoteGate needs the issuer and the audience of the tokens, as the gate has them."
            )
        self._follower = KeyFollower(
            jwks_url, changed=self._use, refresh=refresh, patience=patience, cooldown=cooldown, context=context
        )
        self._verifier = RemoteVerifier(self._follower, issuer=issuer, audience=audience, skew=skew)
        self._feed = feed or NoFeed()
        self.check = Check(self._verifier, feed=self._feed, clock=clock or SystemClock())
        self.cookies = Cookies.for_url(jwks_url)

    def __repr__(self) -> str:
        return f"RemoteGate({self._follower.url})"

    def wait_until_open(self) -> None:
        """Start to follow, and wait a bounded moment for the first keys. Idempotent."""
        with contextlib.suppress(Unavailable):  # requests say it better: with 503
            self._follower.demand(FIRST_LOAD)

    def close(self) -> None:
        """Follow no longer."""
        self._follower.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Follow the keys while entered. The first keys, and the feed's first news, are waited for beside the loop."""
        await asyncio.to_thread(self.wait_until_open)
        with contextlib.suppress(Unavailable):
            await asyncio.to_thread(self._feed.is_revoked, "")
        try:
            yield self
        finally:
            self.close()

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[Mapping[str, object]]:
        """The lifespan of a Starlette or FastAPI application, as Gatepass' own."""
        stack = getattr(app, "middleware_stack", None)
        if stack is not None:
            app.middleware_stack = self.guard(stack)
        async with self.running():
            yield {CHECK: self.check}

    def guard(self, app: ASGIApp, *, required: bool = False) -> ASGIGuard:
        """Wrap any ASGI application. With `required` every request needs a valid access token."""
        return ASGIGuard(app, check=self.check, cookies=self.cookies, required=required)

    def guard_wsgi(self, app: WSGIApp, *, required: bool = False) -> WSGIGuard:
        """Wrap any WSGI application, as `guard` does."""
        return WSGIGuard(app, self, required=required)

    def _use(self, keys: Sequence[PublicKey]) -> None:
        self._verifier.use(keys)
        self.check.trust(self._verifier)


def _no_keys() -> Unavailable:
    return Unavailable("not-ready", "The keys of the issuer are not loaded yet; try again.")
