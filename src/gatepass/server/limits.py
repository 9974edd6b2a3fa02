"""How much one network and one session may ask for, counted in this process.

Failed sign-ins are throttled in the store, for all processes together (`core.throttle`). The limits here protect one
process from floods of well-formed requests, at no cost in I/O. They are far above normal use, and a client takes a 429
as "later", never as the end of its session (PROTOCOL §6).

* Refreshes: a rate for each session, counted after the MAC of its token (an id is no secret), and one for each network.
* Registrations: a rate for each network.
* Sign-ins with a passkey: a rate for each network.
* Codes by mail that are asked for: a rate for each network.
* Sign-ins that begin at a provider, and logout tokens of providers: a rate for each network, counted apart.

Passwords wait for a hashing thread in a queue that is fair between networks (`accounts/passwords/queue.py`).

An address counts as its network: /24, or /48. A request of an unknown network ("") is not counted.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gatepass.access.live import LiveLimits
from gatepass.core.event import Event, RateExceeded
from gatepass.core.policy import HOUR
from gatepass.core.rate import Buckets, Rate
from gatepass.errors import ConfigurationError, TooManyAttempts, Unavailable
from gatepass.ports import Clock
from gatepass.problem_codes import ProblemCode

OF_A_SESSION = Rate(100_000, HOUR)
"""Against what: a session refreshes once in 5 to 15 minutes; this is 28 a second, for ever."""
OF_AN_ADDRESS = Rate(1_000_000, HOUR)
"""Against what: an office of ten thousand shares one address."""
REGISTRATIONS = Rate(300, HOUR)
"""Of one network. Against what: a class that signs up in its first lesson, but no farm of accounts."""
_LIVE = LiveLimits()

OF_MAIL_CODES = Rate(1_000, HOUR)
"""Of one network. Against what: an office of a thousand that begins its day, but no flood of mail to other people."""
OF_PROVIDERS = Rate(100_000, HOUR)
"""Of one network. Against what: a provider that ends all of its sessions at once, and is one network."""


OF_PASSKEYS = Rate(100_000, HOUR)
"""Of one network. Against what: an office of ten thousand whose pages ask each time that they are opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one process takes on: `Gatepass(..., limits=Limits(refresh_rate=Rate(60, 60)))`."""

    refresh_rate: Rate = OF_A_SESSION
    """Refreshes of one session."""
    address_refresh_rate: Rate = OF_AN_ADDRESS
    """Refreshes from one network."""
    registration_rate: Rate = REGISTRATIONS
    """Registrations from one network."""
    provider_rate: Rate = OF_PROVIDERS
    """Sign-ins at a provider that begin from one network, and logout tokens that come from one."""
    passkey_rate: Rate = OF_PASSKEYS
    """Requests of sign-ins with a passkey from one network: two for each."""
    mail_code_rate: Rate = OF_MAIL_CODES
    """Codes by mail that one network asks for."""
    sign_ins_at_once: int = 32
    """Sign-ins that an `Authenticator` of the application works on at the same time."""
    hashing_queue: int = 64
    """Passwords that may wait for a hashing thread or for an `Authenticator`; a sign-in beyond that is answered 503."""
    slow_request: int = 20
    """Seconds in which a request's head must have arrived, and then its body: a phone on a bad line needs five."""
    connections: int = 10_000
    """Of one process, `gatepass serve` only. Each is a file descriptor and some 20 KB."""
    revocation_max_age: float = 30.0
    """Seconds without contact to a store that other processes share, after which guards answer 503. inf: never."""

    live_admission: int = _LIVE.admission
    """Seconds in which the first message of a WebSocket must bring a token, if the handshake brought none."""
    live_waiting: int = _LIVE.waiting
    """WebSockets that may wait for their first message at the same time; a handshake beyond that is answered 503."""
    live_grace: int = _LIVE.grace
    """Seconds that a WebSocket stays open after its token ran out or its claims changed, unless a newer one comes."""

    @property
    def live(self) -> LiveLimits:
        """The limits of one WebSocket, as the guard takes them."""
        return LiveLimits(admission=self.live_admission, waiting=self.live_waiting, grace=self.live_grace)

    def __post_init__(self) -> None:
        for name in [option for option in self.__dataclass_fields__ if option.endswith("_rate")]:
            if not isinstance(getattr(self, name), Rate):
                raise ConfigurationError(f'`{name}` must be a Rate: Rate(300, 3600), or Rate.parse("300/1h").')
        whole = ("sign_ins_at_once", "hashing_queue", "slow_request", "connections")
        for name in (*whole, "live_admission", "live_waiting", "live_grace"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"`{name}` must be at least 1.")
        if not self.revocation_max_age > 0:
            raise ConfigurationError("`revocation_max_age` must be more than 0 seconds.")


class Limiter:
    """The counts of one process. Every refusal has changed nothing."""

    def __init__(self, limits: Limits, *, clock: Clock, report: Callable[[Event], None]) -> None:
        self._clock = clock
        self._report = report
        self._sessions = Buckets(limits.refresh_rate)
        self._addresses = Buckets(limits.address_refresh_rate)
        self._registrations = Buckets(limits.registration_rate)
        self._departures = Buckets(limits.provider_rate)
        self._logout_tokens = Buckets(limits.provider_rate)
        self._passkeys = Buckets(limits.passkey_rate)
        self._mail_codes = Buckets(limits.mail_code_rate)
        self._reported: dict[str, int] = {}

    def refresh(self, sid: bytes, ip_prefix: str) -> None:
        """Count a refresh with an authentic token. Raises TooManyAttempts."""
        now = self._clock.now()
        wait = self._sessions.take(sid, now) or (self._addresses.take(ip_prefix, now) if ip_prefix else 0)
        if wait:
            self._refuse("refresh", wait, now, ip_prefix=ip_prefix)

    def device(self, sid: bytes, ip_prefix: str) -> None:
        """Count a request of a browser for its device, as a refresh. Raises Unavailable (`overloaded`).

        Never 429: Chromium would forget the device for good, and the session could not be refreshed any more.
        """
        try:
            self.refresh(sid, ip_prefix)
        except TooManyAttempts as limit:
            wait = int(limit.headers["Retry-After"])
            raise Unavailable(
                ProblemCode.OVERLOADED, "Too many requests at once; try again.", retry_after=wait
            ) from None

    def unproven(self, ip_prefix: str) -> None:
        """Count a refresh that proves nothing, against its network alone: copies must not stop the owner.

        Raises TooManyAttempts.
        """
        self._count("refresh", self._addresses, ip_prefix)

    def register(self, ip_prefix: str) -> None:
        """Count a registration. Raises TooManyAttempts."""
        self._count("register", self._registrations, ip_prefix)

    def provider(self, ip_prefix: str) -> None:
        """Count a sign-in that begins at a provider. Raises TooManyAttempts."""
        self._count("provider", self._departures, ip_prefix)

    def provider_logout(self, ip_prefix: str) -> None:
        """Count a logout token, before it is verified. Raises TooManyAttempts."""
        self._count("provider_logout", self._logout_tokens, ip_prefix)

    def passkey(self, ip_prefix: str) -> None:
        """Count a request of a sign-in with a passkey: nothing can be guessed there, but asked for in a flood.

        Raises TooManyAttempts.
        """
        self._count("passkey", self._passkeys, ip_prefix)

    def mail_code(self, ip_prefix: str) -> None:
        """Count a code by mail that is asked for, whatever the address. Raises TooManyAttempts."""
        self._count("mail_code", self._mail_codes, ip_prefix)

    def _count(self, what: str, buckets: Buckets, ip_prefix: str) -> None:
        now = self._clock.now()
        wait = buckets.take(ip_prefix, now) if ip_prefix else 0
        if wait:
            self._refuse(what, wait, now, ip_prefix=ip_prefix)

    def _refuse(self, what: str, wait: int, now: int, *, ip_prefix: str) -> None:
        """Raise TooManyAttempts; report it once a minute at most, or a flood of requests would flood the log."""
        if not 0 <= now - self._reported.get(what, 0) < 60:
            self._reported[what] = now
            self._report(RateExceeded(at=now, address=ip_prefix, what=what, retry_after=wait))
        raise TooManyAttempts(wait)
