"""The auth endpoints as an ASGI application: find the endpoint, run it, turn every problem into a document.

`AuthApp` is what `gate.asgi` mounts anywhere. `ServedApp` is what `gatepass serve` runs: the same under
/auth, with the well-known documents and health beside it.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from gatepass.core.event import AccessRefused, Event, RequestRefused
from gatepass.errors import Forbidden, InvalidToken, MethodNotAllowed, NotFound, Problem, StoreUnavailable
from gatepass.ports import Clock
from gatepass.problem_codes import ProblemCode
from gatepass.runtime.lifecycle import Lifecycle
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Disconnected, InternalError, Reply, Request, has_other_spelling
from gatepass.stores.deadline import store_time
from gatepass.wire.asgi import SENDER, ASGIApp, Receive, Scope, Send, relative_path
from gatepass.wire.origin import Origins

logger = logging.getLogger("gatepass.server")

Methods = dict[str, Endpoint]
_TOLD_ONCE = frozenset(
    {ProblemCode.OUT_OF_TOUCH, ProblemCode.NOT_READY, ProblemCode.PROVIDER_ERROR, ProblemCode.PROVIDER_UNAVAILABLE}
)
"""Refusals that last: their beginning is an event and a record (sys_revocations_lost, sys_provider_failed …)."""
NO_PAGES = "This gate sets no page cookies: set GATEPASS_PAGES=on, or give the gate pages=Pages()."
_PARAMETER = re.compile(r"\\{(\w+)\\}")


class AuthApp:
    """Dispatches the endpoints of one gate, and opens the gate at the first request if nothing did."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        context: Context,
        *,
        origins: Origins,
        lifecycle: Lifecycle,
        clock: Clock,
        report: Callable[[Event], None],
        refused: Callable[[StoreUnavailable], None],
        always: Sequence[tuple[str, str]] = (),
        body_timeout: float = 20.0,
    ) -> None:
        """`always` are headers of every answer; `body_timeout` is how many seconds a body may take.

        `refused` is told of each request that is refused because of the store, and logs the outage.
        """
        self._paths, self._patterns = _table(endpoints)
        self._context = context
        self._origins = origins
        self._lifecycle = lifecycle
        self._clock = clock
        self._report = report
        self._refused = refused
        self._always = always
        self._https = any(origin.startswith("https:") for origin in origins.own)
        self._body_timeout = body_timeout
        self.relay: Callable[[Scope, Receive, Send], Awaitable[bool]] | None = None
        """Tried while the gate is not open on the running event loop: whether the loop that has it has answered."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer http; close websockets; run no lifespan, which is the gate's."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            raise RuntimeError("gate.asgi answers http only; give the application lifespan=gate.lifespan")
        if self.relay is not None and not self._lifecycle.is_open and await self.relay(scope, receive, send):
            return
        self._lifecycle.serves = True
        request = Request(scope, receive, body_timeout=self._body_timeout)
        guard = scope.get(SENDER)
        del scope  # crash reports show local variables, and its headers hold tokens
        try:
            reply = await self.answer(request)
        except Disconnected:
            return
        cors = self._origins.cors(request.headers, is_public=reply.is_public)
        if guard is not None:
            of_preflight = [each for each in reply.headers if each[0].startswith("access-control-")]
            guard.cors = [*cors, *of_preflight]
        extra = [*self._always, *cors]
        await reply.send(send, extra=extra, bodiless=request.method == "HEAD")

    async def answer(self, request: Request) -> Reply:
        """The reply to a request, whatever happens. Raises Disconnected alone."""
        try:
            methods = self._paths.get(request.path) or self._match(request)
            if has_other_spelling(request.scope):
                raise NotFound
            endpoint = methods.get("GET" if request.method == "HEAD" else request.method)
            if endpoint is None:
                return self._preflight(request, methods)
            self._refuse_plain_http(request, endpoint)
            if not (self._lifecycle.is_open or endpoint.stateless):
                await self._lifecycle.open_here()
            if endpoint.cross_site:
                self._origins.check(request.headers)
            elif endpoint.by_browser:
                self._origins.check_own(request.headers)
            with store_time():
                return await endpoint.handler(self._context, request)
        except Disconnected:
            raise
        except Problem as problem:
            return self._refusal(request, problem)
        except Exception:
            logger.exception("unexpected error at %s %s", request.method, _printable(request.path))
            return Reply.of(InternalError())

    def _match(self, request: Request) -> Methods:
        """The methods of a path with parameters. Raises NotFound."""
        for pattern, methods in self._patterns:
            match = pattern.fullmatch(request.path)
            if match is not None:
                request.path_params = match.groupdict()
                return methods
        # A server that renders sends people there; without the setting they would see no word of what is missing.
        raise NotFound(NO_PAGES) if request.path == "/resume" else NotFound()

    def _preflight(self, request: Request, methods: Methods) -> Reply:
        """What CORS asks of a path before its methods are called. Raises MethodNotAllowed for everything else."""
        headers = self._origins.preflight(request.headers, methods.keys())
        if request.method != "OPTIONS" or headers is None:
            raise MethodNotAllowed(sorted(methods.keys() | ({"HEAD"} if "GET" in methods else set())))
        return Reply(204, headers=headers)

    def _refuse_plain_http(self, request: Request, endpoint: Endpoint) -> None:
        """Raise Forbidden (`plain-http`) if credentials came over plain http to a proxy where https is due."""
        is_guarded = endpoint.cross_site or endpoint.by_browser or endpoint.by_navigation
        if self._https and (is_guarded or endpoint.bearer or endpoint.recent):
            self._context.networks.refuse_plain_http(request)

    def _refusal(self, request: Request, problem: Problem) -> Reply:
        """The document of a problem. Reports refusals that an attack may cause; logs faults of the server."""
        if isinstance(problem, Forbidden) and problem.code == ProblemCode.CROSS_SITE:
            self._report(RequestRefused(at=self._clock.now(), **self._where(request)))
        elif isinstance(problem, InvalidToken):
            self._report(AccessRefused(at=self._clock.now(), **self._where(request)))
        elif isinstance(problem, StoreUnavailable):
            self._refused(problem)
        elif problem.status >= 500 and problem.code not in _TOLD_ONCE:
            logger.error("%s", problem, exc_info=problem.__cause__)
        return Reply.of(problem)

    def _where(self, request: Request) -> dict[str, str]:
        return {"address": self._context.ip_prefix(request), "path": _printable(request.path)}


class ServedApp:
    """Everything of a gate that is served alone: /auth, /.well-known/jwks.json, /healthz, /readyz."""

    def __init__(self, auth: ASGIApp, *, around: AuthApp, mount: str = "/auth") -> None:
        """`around` answers what lies outside the mount."""
        self._auth = auth
        self._around = around
        self._mount = mount

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch by the first path segment, relative to where this application is mounted itself."""
        path = relative_path(scope) if "path" in scope else ""
        if path == self._mount or path.startswith(self._mount + "/"):
            root = scope.get("root_path", "").rstrip("/")
            running = self._auth({**scope, "root_path": root + self._mount, "path": root + path}, receive, send)
        else:
            running = self._around(scope, receive, send)
        del scope  # as in AuthApp
        await running


def _table(endpoints: Iterable[Endpoint]) -> tuple[Mapping[str, Methods], Sequence[tuple[re.Pattern[str], Methods]]]:
    """Path → method → endpoint; and for paths with parameters, pattern → method → endpoint."""
    paths: dict[str, Methods] = {}
    for endpoint in endpoints:
        methods = paths.setdefault(endpoint.path, {})
        if methods.setdefault(endpoint.method, endpoint) is not endpoint:
            raise ValueError(f"{endpoint.method} {endpoint.path} is declared twice")
    patterns = [(_pattern(path), paths.pop(path)) for path in [path for path in paths if "{" in path]]
    return paths, patterns


def _pattern(path: str) -> re.Pattern[str]:
    """`/sessions/{sid}` as a pattern: a parameter is one segment, whatever it contains."""
    return re.compile(_PARAMETER.sub(r"(?P<\1>[^/]*)", re.escape(path)))


def _printable(path: str) -> str:
    """A path fit for one line of a log (ASVS 16.4.1)."""
    return ascii(path[:80])[1:-1]
