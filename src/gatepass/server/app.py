"""The auth endpoints as an ASGI application: find the endpoint, run it, turn every problem into a document.

`AuthApp` is what `gate.asgi` mounts anywhere. `ServedApp` is what `gatepass serve` runs: the same under
/auth, with the well-known documents and health beside it.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from gatepass.core.event import AccessRefused, Event, RequestRefused
from gatepass.errors import Forbidden, InvalidToken, MethodNotAllowed, NotFound, Problem
from gatepass.ports import Clock
from gatepass.server.endpoints.sessions import Endpoint
from gatepass.server.http import Disconnected, Reply, Request, relative_path
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send
from gatepass.wire.origin import Origins

logger = logging.getLogger("gatepass.server")

Table = Mapping[str, Mapping[str, Endpoint]]


class InternalError(Problem):
    """500: our fault. The log has the trace, the caller gets none (ASVS 16.5.1)."""

    status = 500
    title = "Internal server error"

    def __init__(self) -> None:
        super().__init__("internal-error", "Something went wrong here; it has been logged.")


class AuthApp:
    """Dispatches the endpoints of one gate. `ready` opens the gate at the first request if nothing did."""

    def __init__(
        self,
        table: Table,
        *,
        origins: Origins,
        clock: Clock,
        report: Callable[[Event], None],
        ready: Callable[[], Awaitable[None]],
        always: Sequence[tuple[str, str]] = (),
        patience: float = 20.0,
    ) -> None:
        """`always` are headers of every answer; `patience` is how many seconds a body may take."""
        self._table = table
        self._origins = origins
        self._clock = clock
        self._report = report
        self._ready = ready
        self._always = always
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer http; close websockets; run no lifespan, which is the gate's."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            raise RuntimeError("gate.asgi answers http only; give the application lifespan=gate.lifespan")
        request = Request(scope, receive, patience=self._patience)
        try:
            reply = await self.answer(request)
        except Disconnected:
            return
        await reply.send(send, extra=[*self._always, *self._origins.cors(request.headers)])

    async def answer(self, request: Request) -> Reply:
        """The reply to a request, whatever happens. Raises Disconnected alone."""
        try:
            await self._ready()
            return await self._find(request)(request)
        except Forbidden as refused:
            if refused.code == "cross-site":
                self._report(RequestRefused(at=self._clock.now(), path=_printable(request.path)))
            return Reply.of(refused)
        except InvalidToken as refused:
            self._report(AccessRefused(at=self._clock.now(), path=_printable(request.path)))
            return Reply.of(refused)
        except Problem as problem:
            if problem.status >= 500:
                logger.error("%s", problem, exc_info=problem.__cause__)
            return Reply.of(problem)
        except Disconnected:
            raise
        except Exception:
            logger.exception("unexpected error at %s %s", request.method, _printable(request.path))
            return Reply.of(InternalError())

    def _find(self, request: Request) -> Endpoint:
        methods = self._table.get(request.path)
        if methods is None and request.path.startswith("/sessions/") and request.path.count("/") == 2:
            methods = self._table.get("/sessions/{sid}")
        if methods is None:
            raise NotFound
        endpoint = methods.get(request.method)
        if endpoint is not None:
            return endpoint
        preflight = self._origins.preflight(request.headers, methods.keys())
        if request.method != "OPTIONS" or preflight is None:
            raise MethodNotAllowed(sorted(methods))
        return _replying(Reply(204, headers=preflight))


class ServedApp:
    """Everything of a gate that is served alone: /auth, /.well-known/jwks.json, /healthz, /readyz."""

    def __init__(self, auth: ASGIApp, *, around: AuthApp, mount: str = "/auth") -> None:
        """`around` answers what lies outside the mount."""
        self._auth = auth
        self._around = around
        self._mount = mount

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch by the first path segment below the place where all of this may be mounted itself."""
        path = relative_path(scope) if "path" in scope else ""
        if path == self._mount or path.startswith(self._mount + "/"):
            root = scope.get("root_path", "").rstrip("/")
            below = {**scope, "root_path": root + self._mount, "path": root + path}
            await self._auth(below, receive, send)
            return
        await self._around(scope, receive, send)


def _replying(reply: Reply) -> Endpoint:
    async def endpoint(_request: Request) -> Reply:
        return reply

    return endpoint


def _printable(path: str) -> str:
    """A path fit for one line of a log (ASVS 16.4.1)."""
    return ascii(path[:80])[1:-1]
