"""The auth endpoints: one call, and what its answer means (the table of PROTOCOL §6).

Only an explicit answer of the server ends a session. An answer that is not understood (a proxy's page, half an
answer, an unknown status) is `transient`: nothing is known, so everything is kept.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from gatepass.client.http import REQUEST_ERRORS, bare_request, httpx
from gatepass.client.retry_after import retry_after_of
from gatepass.client.session import clock
from gatepass.client.session.cookies import refresh_cookie_of
from gatepass.client.storage.record import Account, SessionRecord, is_challenge, is_sid
from gatepass.core import base64url
from gatepass.core.binding import prove
from gatepass.core.secret import Secret, without_frames
from gatepass.problem_codes import ProblemCode

Kind = Literal[
    "ok", "session-ended", "proof-required", "no-session", "refresh-superseded", "session-mismatch", "transient"
]
CLIENT_HEADER = {"Gatepass-Client": "1"}
"""A header that no HTML form can send: every cross-origin attempt needs a preflight (PROTOCOL §6)."""
_STATUS: Mapping[str, int] = {
    ProblemCode.SESSION_ENDED: 401,
    ProblemCode.PROOF_REQUIRED: 403,
    ProblemCode.NO_SESSION: 401,
    ProblemCode.REFRESH_SUPERSEDED: 409,
    ProblemCode.SESSION_MISMATCH: 409,
}
UNKNOWN_CHALLENGE = "AAAAAAAAAAA"
"""Sent where the storage has none; the server answers with the right one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read to its end.

    `body` is its JSON object, or empty. `sent_at` is a time of `clock.now()`, `retry_after` in seconds, `cookie`
    the refresh cookie's name and value.
    """

    status: int
    body: Mapping[str, Any] = field(repr=False)
    sent_at: float
    response: httpx.Response = field(repr=False)
    retry_after: float | None = None
    cookie: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """A new access token and what came with it. `lifetime` is in seconds, counted from `sent_at`."""

    sid: str
    generation: int
    challenge: str
    token: str = field(repr=False)
    lifetime: float
    sent_at: float
    account: Account | None = field(default=None, repr=False)
    cookie: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the answer to a refresh of session `sid` means: a row of the table, named by its problem code.

    `mark` are generation and challenge of the refresh token that it names.
    """

    kind: Kind
    sid: str
    answer: Answer
    grant: Grant | None = None
    mark: tuple[int, str] | None = None
    reason: str | None = None


class Exchanger(Protocol):
    """A client as the endpoints need it: its transport and headers, without its layers."""

    def build_request(self, method: str, url: Any, /, **parts: Any) -> httpx.Request:
        """Return a request with the client's own headers."""
        ...

    def _exchange(self, request: httpx.Request) -> Any:
        """Send it as it is, without authentication and redirects. An async client returns an awaitable."""
        ...


class AuthRequest:
    """The step that calls an auth endpoint; the result is its Answer.

    Raises httpx.RequestError if no whole answer arrives. The error's request has no password, cookie or token.
    """

    __slots__ = ("_body", "_cookie", "_headers", "_method", "_timeout", "_url")

    def __init__(
        self,
        url: str,
        *,
        method: str = "POST",
        headers: Mapping[str, str] = CLIENT_HEADER,
        body: Mapping[str, object] | None = None,
        cookie: tuple[str, str] | None = None,
        timeout: float,
    ) -> None:
        self._url, self._method, self._headers = url, method, headers
        self._body, self._cookie, self._timeout = body, cookie, timeout

    def run(self, driver: Exchanger, /) -> Answer:
        """Block this thread until the answer is read."""
        request, sent_at = self._request(driver), clock.now()
        try:
            response: httpx.Response = driver._exchange(request)
        except REQUEST_ERRORS as error:
            error.request = self._bare(request)
            without_frames(error)  # those of httpx's transports hold headers and body
            raise
        return self._answer(response, sent_at)

    async def run_async(self, driver: Exchanger, /) -> Answer:
        """Send the request and read the answer, as `run` does."""
        request, sent_at = self._request(driver), clock.now()
        try:
            response: httpx.Response = await driver._exchange(request)
        except REQUEST_ERRORS as error:
            error.request = self._bare(request)
            without_frames(error)  # those of httpx's transports hold headers and body
            raise
        return self._answer(response, sent_at)

    def _answer(self, response: httpx.Response, sent_at: float) -> Answer:
        response.request = self._bare(response)
        return answer_of(response, sent_at=sent_at)

    def _bare(self, like: object) -> httpx.Request:
        """The request as errors may show it: no password, no cookie, no token."""
        return bare_request(self._method, self._url, like=like)

    def _request(self, driver: Exchanger) -> httpx.Request:
        try:
            request = driver.build_request(
                self._method, self._url, json=_revealed(self._body), headers=dict(self._headers), timeout=self._timeout
            )
        except UnicodeError as error:  # half of a surrogate pair in a password
            without_frames(error)
            raise
        if "Authorization" not in self._headers:
            request.headers.pop("Authorization", None)  # the client's default header is not for these endpoints
        if self._cookie is not None:
            others = [request.headers["Cookie"]] if "Cookie" in request.headers else []
            request.headers["Cookie"] = "; ".join([*others, "=".join(self._cookie)])
        return request


def _revealed(body: Mapping[str, object] | None) -> dict[str, object] | None:
    """The members of a body, to be sent."""
    if body is None:
        return None
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in body.items()}


def answer_of(response: httpx.Response, *, sent_at: float) -> Answer:
    """Return what the session needs of a response. The response must have been read."""
    return Answer(
        status=response.status_code,
        body=_object_of(response),
        sent_at=sent_at,
        retry_after=retry_after_of(response),
        cookie=refresh_cookie_of(response),
        response=response,
    )


def _object_of(response: httpx.Response) -> Mapping[str, Any]:
    """The JSON object in the body of a response; empty if there is none."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def outcome_of(answer: Answer, sid: str) -> Outcome:
    """Return the row of the table for the answer to a refresh of session `sid`."""
    grant = read_grant(answer)
    if grant is not None:
        is_own = grant.sid == sid
        return Outcome("ok" if is_own else "session-mismatch", sid, answer, grant=grant if is_own else None)
    code = answer.body.get("code")
    # Only an answer that names this very session ends it (PROTOCOL §5). One that names none: the cookie is no token.
    if code == ProblemCode.SESSION_ENDED and (named := answer.body.get("sid")) != sid:
        code = ProblemCode.NO_SESSION if named is None else None
    if not isinstance(code, str) or _STATUS.get(code) != answer.status:
        return Outcome("transient", sid, answer)
    reason = answer.body.get("reason")
    return Outcome(
        code,  # type: ignore[arg-type]
        sid,
        answer,
        mark=read_mark(answer.body),
        reason=reason if isinstance(reason, str) else None,
    )


def read_grant(answer: Answer) -> Grant | None:
    """Return the grant of a successful sign-in or refresh; None for any other answer."""
    body = answer.body
    token, sid, lifetime = body.get("access_token"), body.get("session_id"), body.get("expires_in")
    mark = read_mark(body)
    if answer.status not in (200, 201) or mark is None or not isinstance(sid, str) or not is_sid(sid):
        return None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
        return None
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or not 0 < lifetime < 1e9:
        return None
    account = read_account(body.get("account"))
    return Grant(sid, *mark, token, float(lifetime), answer.sent_at, account, answer.cookie)


def read_account(value: object) -> Account | None:
    """Return the account that a JSON value describes; None if it describes none."""
    match value:
        case {"id": str(identity), "email": str(address), "created_at": int(created_at)}:
            return Account(
                identity, address, created_at, isinstance(value, dict) and value.get("email_verified") is True
            )
    return None


def read_mark(body: Mapping[str, Any]) -> tuple[int, str] | None:
    """Return generation and challenge of the refresh token that an answer's body names; None if it names none."""
    generation, challenge = body.get("refresh_generation"), body.get("refresh_challenge")
    if not isinstance(generation, int) or isinstance(generation, bool) or not 0 <= generation < 2**32:
        return None
    return (generation, challenge) if isinstance(challenge, str) and is_challenge(challenge) else None


def proof_of(key: bytes, sid: str, generation: int, challenge: str) -> str:
    """Return the value of Gatepass-Proof for the refresh token of this session and generation (PROTOCOL §5)."""
    text = prove(key, sid=bytes.fromhex(sid), generation=generation, challenge=challenge)
    return f"{generation}.{challenge}.{text}"


def secret_of(record: SessionRecord) -> Secret:
    """Return the binding key of a record as the member `binding_secret` of a request."""
    return Secret(base64url.encode(record.binding_key or b""))
