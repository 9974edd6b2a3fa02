"""What the client raises, and the layer that turns answers into it.

    ClientError
    ├── StorageError              the session's storage cannot be used; the message says what to do
    ├── SessionEnded              the session that the call belonged to is over: sign in again
    ├── RefreshUnavailable        no access token for now; the session is kept; `retry_after` (an httpx.TransportError)
    ├── NotReplayable             refused, and the body cannot be sent again                  (an httpx.HTTPStatusError)
    └── ProblemError              an answer of 400 or more, RFC 9457 where it is one          (an httpx.HTTPStatusError)
        ├── BadRequest 400, Unauthenticated 401, Forbidden 403, NotFound 404, Conflict 409, Unprocessable 422
        ├── TooManyRequests 429
        └── ServerError 5xx
            └── Unavailable 503

`except httpx2.HTTPStatusError` and `except httpx2.TransportError` go on to work. What `str`, `repr` and pickle show is
the server's own words about the error: no header, no query, no body of a request.
"""

from collections.abc import Mapping
from typing import Any

from gatepass.client.http import httpx
from gatepass.client.retry_after import retry_after_of

MAX_DETAIL = 500
"""Characters of an answer's own words that a message repeats: an error page is no message."""
_OWN_MEMBERS = frozenset({"type", "title", "status", "detail", "code", "instance"})


class ClientError(Exception):
    """The root: all that the client raises on purpose, and that is not httpx's own."""


class StorageError(ClientError):
    """The session cannot be kept or read where it should be. The message says what to do."""


class SessionEnded(ClientError):
    """The session is over. `reason`: expired, revoked, replaced, reused, unknown, signed-out."""

    def __init__(self, reason: str, session_id: str | None = None) -> None:
        super().__init__(f"The session has ended ({reason}); sign in again.")
        self.reason = reason
        self.session_id = session_id

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.reason, self.session_id))


class RefreshUnavailable(ClientError, httpx.TransportError):
    """The access token has run out and no new one can be had now. The session is kept. `retry_after` in seconds."""

    def __init__(self, retry_after: float | None = None) -> None:
        when = "" if retry_after is None else f" Try again in {retry_after:.1f} s."
        httpx.TransportError.__init__(self, f"No access token can be had for now; you are still signed in.{when}")
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.retry_after,))


class NotReplayable(ClientError, httpx.HTTPStatusError):
    """Refused with 401, and the body was a stream that is used up. The session has a new token: send it again."""

    def __init__(self, response: httpx.Response) -> None:
        text = "The access token was refused and the body is used up, so it was not sent again. Call once more."
        httpx.HTTPStatusError.__init__(self, text, request=response.request, response=response)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (_empty(self.response),))


class ProblemError(ClientError, httpx.HTTPStatusError):
    """An answer of 400 or more.

    `code` is the stable thing to switch on, None where the answer has none; `detail` a sentence for people; `facts`
    the document's further members; `retry_after` seconds; `attempts` how often the call went out.
    """

    def __init__(self, response: httpx.Response, *, attempts: int = 1) -> None:
        body = _document(response)
        self.status: int = response.status_code
        self.code = _text(body, "code")
        self.title = _text(body, "title") or response.reason_phrase
        self.detail = _text(body, "detail")
        self.facts: Mapping[str, Any] = {name: value for name, value in body.items() if name not in _OWN_MEMBERS}
        self.retry_after = retry_after_of(response)
        self.attempts = attempts
        said = ": ".join(part for part in (self.code, self.detail or self.title) if part)
        text = f"{said or 'no explanation'} ({self.status})"
        httpx.HTTPStatusError.__init__(self, text, request=response.request, response=response)

    def __reduce__(self) -> tuple[Any, ...]:
        names = ("code", "title", "detail", "facts", "retry_after", "attempts")
        return (_again, (_empty(self.response), {name: getattr(self, name) for name in names}, self.args))


class BadRequest(ProblemError):
    """400."""


class Unauthenticated(ProblemError):
    """401."""


class Forbidden(ProblemError):
    """403."""


class NotFound(ProblemError):
    """404."""


class Conflict(ProblemError):
    """409."""


class Unprocessable(ProblemError):
    """422."""


class TooManyRequests(ProblemError):
    """429; `retry_after` says when to come back, if the server did."""


class ServerError(ProblemError):
    """5xx."""


class Unavailable(ServerError):
    """503."""


_BY_STATUS: Mapping[int, type[ProblemError]] = {
    400: BadRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Unprocessable,
    429: TooManyRequests,
    503: Unavailable,
}


def problem_of(response: httpx.Response, *, attempts: int = 1) -> ProblemError:
    """The typed error for an answer of 400 or more that was read."""
    kind = _BY_STATUS.get(response.status_code, ServerError if response.status_code >= 500 else ProblemError)
    return kind(response, attempts=attempts)


def raise_for_problem(response: httpx.Response) -> httpx.Response:
    """As httpx's `raise_for_status`, with typed errors. The response must have been read."""
    if response.is_error:
        raise problem_of(response)
    return response


def _document(response: httpx.Response) -> Mapping[str, Any]:
    """The answer's JSON object; empty for all else."""
    try:
        body = response.json()
    except (ValueError, RecursionError, httpx.ResponseNotRead):
        return {}
    return body if isinstance(body, dict) else {}


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    return value[:MAX_DETAIL] if isinstance(value, str) and value else None


def _empty(response: httpx.Response) -> httpx.Response:
    """What may leave the process: the status, and where it came from, without the user and the secrets of a URL."""
    asked = response.request
    bare = asked.url.copy_with(userinfo=b"", query=None, fragment=None)
    return httpx.Response(response.status_code, request=httpx.Request(asked.method, bare))


def _again(response: httpx.Response, facts: Mapping[str, Any], said: tuple[Any, ...]) -> ProblemError:
    """Unpickle."""
    error = problem_of(response)
    for name, value in facts.items():
        setattr(error, name, value)
    error.args = said
    return error
