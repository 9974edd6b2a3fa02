"""The cookie that shows the device of a session, and what a browser is told about it (PROTOCOL §11).

Browsers renew it by themselves, at `POST /device/refresh`, before they let a request to `/refresh` go: of all paths
that one alone waits for it.
"""

from gatepass.core import device_challenge, strict_json
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import Policy
from gatepass.core.session import Session
from gatepass.errors import Unavailable
from gatepass.ports import Clock
from gatepass.problem_codes import ProblemCode
from gatepass.server.http import Reply, Request
from gatepass.sessions.devices import Devices
from gatepass.wire import secure_session
from gatepass.wire.asgi import reclaim
from gatepass.wire.cookies import Cookies


class DeviceCookies:
    """The devices of one gate: what an answer offers, what a request shows. `origin` None: sessions have no devices."""

    def __init__(
        self, cookies: Cookies, devices: Devices, *, keys: KeyRing, policy: Policy, clock: Clock, origin: str | None
    ) -> None:
        self._cookies = cookies
        self._devices = devices
        self._keys = keys
        self._ttl = device_challenge.cookie_ttl(policy)
        self._clock = clock
        self._origin = origin

    def offer(self, request: Request, sid: bytes) -> list[tuple[str, str]]:
        """The headers by which a sign-in asks the browser for a key; none for what is no page of this origin."""
        if self._origin is None or request.headers.one(b"sec-fetch-site") != "same-origin":
            return []
        up = "../" * (request.path.count("/") - 1)
        return secure_session.registration(f"{up}device/start", self._devices.challenge(sid, "register"))

    def offer_late(self, request: Request, session: Session) -> list[tuple[str, str]]:
        """The same at the first refresh: a sign-in that was a redirect, or a route of the application, offered none."""
        is_first = session.generation == 0 and not session.device_key
        return self.offer(request, session.sid) if self._origin is not None and is_first else []

    def is_shown(self, request: Request, sid: bytes) -> bool:
        """Whether a request comes from the device of the session; always true where devices are off.

        Raises Unavailable (`unknown-key`).
        """
        if self._origin is None:
            return True
        now = self._clock.now()
        texts = self._cookies.read_device(reclaim(request.scope, request.headers))
        states = {device_challenge.judge_cookie(text, self._keys, sid=sid, now=now) for text in texts}
        if "valid" in states:
            return True
        if "unknown-key" in states:
            raise Unavailable(
                ProblemCode.UNKNOWN_KEY, "This server does not have the key of this cookie yet; try again."
            )
        return False

    def grant(self, request: Request, sid: bytes) -> Reply:
        """The answer to a proof that holds: the cookie, and the instructions as they are now."""
        text = device_challenge.compose_cookie(self._keys, sid=sid, expires_at=self._clock.now() + self._ttl)
        document = secure_session.instructions(
            sid.hex(),
            origin=self._origin or "",
            bound_path=f"{request.mount}/refresh",
            cookie=self._cookies.place.names.device,
            attributes=self._cookies.device_attributes,
        )
        return Reply(200, strict_json.dump(document), cookies=[self._cookies.device(text, max_age=self._ttl)])

    def clear(self) -> list[str]:
        """The Set-Cookie values that delete the cookie of the device."""
        return [] if self._origin is None else [self._cookies.device("", max_age=0)]
