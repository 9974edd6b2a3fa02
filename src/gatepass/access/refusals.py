"""A refusal becomes its problem document wherever in an application it is raised: in a route, or in any middleware.

Starlette answers what a middleware raises with a 500 and raises it again. So a 500 is held back until the application
has returned: if it ends in a refusal, the client gets the refusal, and can refresh its token.
"""

from collections.abc import Awaitable, Sequence

from gatepass.access.delivery import Delivery
from gatepass.access.rendered import Rendered, cache_headers
from gatepass.errors import GatepassError, Problem
from gatepass.wire.asgi import SENDER, ASGIApp, Message, Receive, Scope, Send
from gatepass.wire.links import private_headers
from gatepass.wire.problems import MEDIA_TYPE, document

MAX_HELD = 64
"""Messages: an error page has two. A response of 500 that streams is let through."""
Cors = Sequence[tuple[str, str]]


class GuardedSend:
    """What an application sends through. `cors`: set by the auth endpoints, if the response is theirs."""

    __slots__ = ("_send", "by_link", "cors", "delivery", "has_started", "held", "rendered")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.held: list[Message] = []
        """What waits until the application has returned."""
        self.cors: Cors = ()
        self.delivery: Delivery | None = None
        """The cookies of a sign-in that the application has made in this request."""
        self.rendered: Rendered = ""
        """Whether the application has asked for whom it renders the page."""
        self.by_link = False
        """Whether the request has a link, so that its response must be private."""
        self.has_started = False
        """Whether the client has got the head of a response."""

    def __call__(self, message: Message) -> Awaitable[None]:
        """Pass a message on, or hold it back. No coroutine of its own: most messages are passed on as they are."""
        if self.has_started:
            return self._send(message)
        if message["type"] == "http.response.start" and message["status"] != 500:
            self.has_started = True
            is_fit = self.delivery is None and not (self.rendered or self.by_link or self.cors)  # the usual case
            return self._send(message if is_fit else self._fitted(message))
        return self._hold(message)

    def _fitted(self, head: Message) -> Message:
        """The head of a response, with what the guard adds to it and takes out of it."""
        if self.delivery is not None:
            self.delivery.see(head.get("headers", ()))
        if self.rendered:
            head = _fit_for_caches(head, self.rendered)
        if self.by_link:
            head = {**head, "headers": private_headers(head.get("headers", ()))}
        return _with_cors(head, self.cors) if self.cors else head

    async def _hold(self, message: Message) -> None:
        if not self.held and message["type"] != "http.response.start":  # an informational response (103)
            await self._send(message)
            return
        self.held.append(message)
        if len(self.held) > MAX_HELD:
            await self.release()

    async def release(self) -> None:
        """Send what is held back."""
        held, self.held = self.held, []
        for message in held:
            self.has_started = True
            await self._send(self._fitted(message) if message["type"] == "http.response.start" else message)

    async def refuse(self, problem: Problem, *, cors: Cors = ()) -> None:
        """Respond with a problem in place of what is held back."""
        self.held = []
        self.has_started = True

        async def send(message: Message) -> None:
            await self._send(self._fitted(message) if message["type"] == "http.response.start" else message)

        await refuse(problem, send, cors=cors)


class Refusals:
    """Around one layer of a Starlette application: answers the refusals that it raises."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        sender = scope.get(SENDER)
        try:
            running = self.app(scope, receive, send)
            del scope  # crash reports show local variables
            await running
        except GatepassError as refusal:
            problem = problem_of(refusal)
            if problem is None or sender is None or sender.has_started:
                raise
            await refuse(problem, send)


def problem_of(refusal: GatepassError) -> Problem | None:
    """The problem that an error is or, as a framework's own exception, stands for."""
    found = refusal if isinstance(refusal, Problem) else getattr(refusal, "problem", None)
    return found if isinstance(found, Problem) else None


async def refuse(problem: Problem, send: Send, *, cors: Cors = ()) -> None:
    """Respond with a problem that the application did not handle."""
    body = document(problem)
    headers = [
        ("content-type", MEDIA_TYPE),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
        *((name.lower(), value) for name, value in problem.headers.items()),
        *cors,
    ]
    raw = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": problem.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _fit_for_caches(message: Message, rendered: Rendered) -> Message:
    texts = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())]
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in cache_headers(texts, rendered)]
    return {**message, "headers": raw}


def _with_cors(message: Message, cors: Cors) -> Message:
    """The head of a response of the auth endpoints, with their CORS headers in place of those of a middleware."""
    if not any(name == "access-control-allow-origin" for name, _ in cors):
        return message  # what an application allows beyond the gate's origins is its own affair
    kept = [(name, value) for name, value in message["headers"] if not name.lower().startswith(b"access-control-")]
    ours = [(name.encode(), value.encode()) for name, value in cors if name.startswith("access-control-")]
    return {**message, "headers": [*kept, *ours]}
