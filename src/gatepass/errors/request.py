"""Refusals that concern what is asked: the form of the request, its values, the present state, how often it comes."""

from collections.abc import Mapping, Sequence

from gatepass.errors.base import Fact, Problem
from gatepass.problem_codes import ProblemCode


class BadRequest(Problem):
    """The request cannot be read; nothing changed."""


class NotFound(Problem):
    """404: there is no such resource, or it is another account's."""

    status = 404
    title = "Not found"

    def __init__(self, detail: str = "There is nothing here.") -> None:
        super().__init__(ProblemCode.NOT_FOUND, detail)


class MethodNotAllowed(Problem):
    """405 with the methods that are allowed."""

    status = 405
    title = "Method not allowed"

    def __init__(self, allow: Sequence[str]) -> None:
        methods = ", ".join(allow)
        super().__init__(ProblemCode.METHOD_NOT_ALLOWED, f"Allowed here: {methods}.", headers={"Allow": methods})


class Conflict(Problem):
    """409: contradicts the present state; the code says what."""

    status = 409
    title = "Conflict"


class RefreshSuperseded(Conflict):
    """A newer refresh token exists: read the state again and retry (PROTOCOL §6)."""

    def __init__(self, facts: Mapping[str, Fact] | None = None) -> None:
        detail = "A newer refresh token exists; read the session state again and retry."
        super().__init__(ProblemCode.REFRESH_SUPERSEDED, detail, facts=facts)


class RequestTimeout(Problem):
    """408: the rest of the request did not come. The connection closes: where the next would begin is unknown."""

    status = 408
    title = "Request timeout"

    def __init__(self, seconds: float) -> None:
        detail = f"The body did not arrive within {seconds:g} s."
        super().__init__(ProblemCode.REQUEST_TIMEOUT, detail, headers={"Connection": "close"})


class BodyTooLarge(Problem):
    """413: more bytes than an endpoint reads."""

    status = 413
    title = "Content too large"

    def __init__(self, limit: int) -> None:
        super().__init__(ProblemCode.BODY_TOO_LARGE, f"A body here has at most {limit} bytes.")


class UnsupportedMediaType(Problem):
    """415: only JSON is accepted, as the types that an HTML form can send need no preflight (PROTOCOL §6)."""

    status = 415
    title = "Unsupported media type"

    def __init__(self) -> None:
        super().__init__(ProblemCode.UNSUPPORTED_MEDIA_TYPE, "Send Content-Type: application/json or no body.")


class Unprocessable(Problem):
    """422: well-formed, but a value is not accepted. Never repeats the value."""

    status = 422
    title = "Unprocessable content"


class TooManyAttempts(Problem):
    """429 with the seconds to wait."""

    status = 429
    title = "Too many attempts"

    def __init__(self, retry_after: int) -> None:
        detail = f"Too many attempts; try again in {retry_after} s."
        headers = {"Retry-After": str(retry_after)}
        super().__init__(ProblemCode.TOO_MANY_ATTEMPTS, detail, facts={"retry_after": retry_after}, headers=headers)
