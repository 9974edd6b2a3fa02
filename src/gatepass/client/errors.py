"""What the client raises.

    ClientError
    ├── StorageError                   the session's storage cannot be used; the message says what to do
    │   └── CorruptRecord              gatepass.client.storage.record: a stored session is unreadable
    ├── SessionEndedError              the session that the call belonged to has ended: sign in again
    ├── RefreshUnavailableError        no access token for now, the session is kept; also an httpx.TransportError
    ├── LiveRefusedError               gatepass.client.live: a WebSocket is refused, and would be again
    ├── NotReplayableError             refused, and the body cannot be sent again; also an httpx.HTTPStatusError
    └── ProblemError                   an answer of 400 or more; also an httpx.HTTPStatusError
        ├── BadRequestError            400
        ├── UnauthenticatedError       401
        │   ├── SecondFactorRequiredError   a first step was right, and a second step must follow
        │   └── StepUpRequiredError    the token is valid, its sign-in too weak or too long ago (RFC 9470)
        ├── ForbiddenError             403
        ├── NotFoundError              404
        ├── ConflictError              409
        ├── UnprocessableError         422
        ├── TooManyRequestsError       429
        └── ServerError                5xx
            └── UnavailableError       503

`except ClientError` catches all of these, `except httpx2.HTTPError` those that are httpx's too, and httpx's own errors
when no answer arrives. Where httpx and httpx2 are both installed, these are errors of both. Their names end in Error
where `gatepass.errors` has the problem that a server answers: that is no base of theirs, or a server whose own outgoing
call is refused would pass the refusal on to its caller.

`str`, `repr` and pickle show the server's own words about the error, and no header, query or body of the request.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gatepass.client.http import HTTPStatusError, TransportError, bare_request, httpx, library_of
from gatepass.client.retry_after import retry_after_of
from gatepass.errors import GatepassError
from gatepass.problem_codes import ProblemCode

MAX_DETAIL = 500
"""Characters of an answer that a message repeats at most: against a whole page as a message."""
_INSUFFICIENT = re.compile(r'\bBearer\b.*\berror="?insufficient_user_authentication\b', re.IGNORECASE)
_ASKED = re.compile(r'\b(acr_values|max_age)=(?:"([^"]*)"|([^\s,]+))')
"""The parameters of that challenge (RFC 9470 §3)."""
_OWN_MEMBERS = frozenset({"type", "title", "status", "detail", "code", "instance"})


class ClientError(GatepassError):
    """The root of all errors that the client raises and that are not httpx's own."""


class StorageError(ClientError):
    """The session cannot be read from or written to its storage. The message says what to do."""


class SessionEndedError(ClientError):
    """The session has ended. `reason`: expired, revoked, replaced, reused, unknown, signed-out, unproven."""

    def __init__(self, reason: str, session_id: str | None = None) -> None:
        super().__init__(f"The session has ended ({reason}); sign in again.")
        self.reason = reason
        self.session_id = session_id

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.reason, self.session_id))


class RefreshUnavailableError(ClientError, TransportError):
    """The access token has expired and there is no new one for now. The session is kept. `retry_after` in seconds."""

    def __init__(self, retry_after: float | None = None) -> None:
        when = "" if retry_after is None else f" Try again in {retry_after:.1f} s."
        TransportError.__init__(self, f"No access token is available for now; you are still signed in.{when}")
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.retry_after,))


class NotReplayableError(ClientError, HTTPStatusError):
    """The server refused the token with 401, and the body was a stream that is used up.

    The session has a new token: the caller can make the call once more, with a new body.
    """

    def __init__(self, response: httpx.Response) -> None:
        text = "The access token was refused, and the body is used up, so it was not sent again. Call once more."
        HTTPStatusError.__init__(self, text, request=response.request, response=response)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (_empty(self.response),))


class ProblemError(ClientError, HTTPStatusError):
    """An answer of 400 or more; the members are those of its problem document (RFC 9457), if it is one.

    `status`; `code`, stable and what a program distinguishes by, or None; `title`; `detail`, a sentence for people, or
    None; `facts`, the document's further members; `retry_after` in seconds, or None; `attempts`, how often the call
    was sent.
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
        words = ": ".join(part for part in (self.code, self.detail or self.title) if part)
        text = f"{words or 'no explanation'} ({self.status})"
        HTTPStatusError.__init__(self, text, request=response.request, response=response)

    def __reduce__(self) -> tuple[Any, ...]:
        names = ("code", "title", "detail", "facts", "retry_after", "attempts")
        members = {name: getattr(self, name) for name in names}
        return (_restore, (type(self), _empty(self.response), members, self.args))


class BadRequestError(ProblemError):
    """400: the request cannot be read."""


class UnauthenticatedError(ProblemError):
    """401: the credentials or the access token were refused."""


class SecondFactorRequiredError(UnauthenticatedError):
    """401 `second-factor-required`, which is no refusal: a first step was right, and one of `methods` must follow.

    A session that the client has goes on. `methods` are `totp`, `recovery`, `passkey` or `enrol`; `ticket` is for
    `Client.sign_in_by_code`, and counts for `expires_in` seconds.
    """

    @property
    def methods(self) -> Sequence[str]:
        """The second steps that the account has: `totp`, `passkey`, `recovery`; or `enrol`."""
        return tuple(self.facts["methods"])

    @property
    def ticket(self) -> str:
        """What the second step must show. Its holder is half signed in: keep it in memory."""
        return str(self.facts["ticket"])

    @property
    def expires_in(self) -> int:
        """How long the ticket counts, in seconds."""
        return int(self.facts["expires_in"])


class StepUpRequiredError(UnauthenticatedError):
    """401 `insufficient-user-authentication` (RFC 9470): the token is valid, and its sign-in is not enough here.

    With `acr_values`: `Client.step_up`, a second factor, and the call once more. With `max_age` alone: the password
    again, by `AccountActions.sign_in_again`. Other servers say it in `WWW-Authenticate` alone, which is read too.
    """

    def __init__(self, response: httpx.Response, *, attempts: int = 1) -> None:
        super().__init__(response, attempts=attempts)
        challenge = response.headers.get("WWW-Authenticate", "")
        told = {name: quoted or bare for name, quoted, bare in _ASKED.findall(challenge)}
        self.facts = {**told, **self.facts}

    @property
    def acr_values(self) -> Sequence[str]:
        """The assurances that are enough, such as `mfa`; empty if the route asks for a recent sign-in alone."""
        return tuple(str(self.facts.get("acr_values", "")).split())

    @property
    def max_age(self) -> int | None:
        """How many seconds ago the sign-in may have been; None if that does not matter."""
        value = str(self.facts.get("max_age", ""))
        return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None


class ForbiddenError(ProblemError):
    """403: understood and refused."""


class NotFoundError(ProblemError):
    """404: there is nothing at this address."""


class ConflictError(ProblemError):
    """409: contradicts the present state; `code` says what."""


class UnprocessableError(ProblemError):
    """422: well-formed, but a value is not accepted."""


class TooManyRequestsError(ProblemError):
    """429: too many requests; `retry_after` if the server said when to try again."""


class ServerError(ProblemError):
    """5xx: the server failed."""


class UnavailableError(ServerError):
    """503: unavailable for now; `retry_after` if the server said when to try again."""


_BY_STATUS: Mapping[int, type[ProblemError]] = {
    400: BadRequestError,
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableError,
    429: TooManyRequestsError,
    503: UnavailableError,
}


def problem_of(response: httpx.Response, *, attempts: int = 1) -> ProblemError:
    """Return the typed error for an answer of 400 or more. The response must have been read."""
    kind = _BY_STATUS.get(response.status_code, ServerError if response.status_code >= 500 else ProblemError)
    error = kind(response, attempts=attempts)
    if kind is not UnauthenticatedError:
        return error
    if error.code == ProblemCode.SECOND_FACTOR_REQUIRED and "ticket" in error.facts:
        return SecondFactorRequiredError(response, attempts=attempts)
    if _INSUFFICIENT.search(response.headers.get("WWW-Authenticate", "")):
        return StepUpRequiredError(response, attempts=attempts)
    return error


def raise_for_problem(response: httpx.Response) -> httpx.Response:
    """Return the response, or raise its ProblemError if its status is 400 or more. It must have been read."""
    if response.is_error:
        raise problem_of(response)
    return response


def _document(response: httpx.Response) -> Mapping[str, Any]:
    """Return the answer's JSON object, or an empty one for any other body."""
    try:
        body = response.json()
    except (ValueError, RecursionError, RuntimeError):  # the last is a StreamError: not read
        return {}
    return body if isinstance(body, dict) else {}


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    return value[:MAX_DETAIL] if isinstance(value, str) and value else None


def _empty(response: httpx.Response) -> httpx.Response:
    """Return what may leave the process: status, method and URL, without user, password, query and fragment."""
    request = response.request
    bare = request.url.copy_with(userinfo=b"", query=None, fragment=None)
    kind = (library_of(response) or httpx).Response
    empty: httpx.Response = kind(response.status_code, request=bare_request(request.method, bare, like=response))
    return empty


def _restore(
    kind: type[ProblemError], response: httpx.Response, members: Mapping[str, Any], arguments: tuple[Any, ...]
) -> ProblemError:
    """Make a ProblemError from what `__reduce__` returned."""
    error = kind(response)
    for name, value in members.items():
        setattr(error, name, value)
    error.args = arguments
    return error
