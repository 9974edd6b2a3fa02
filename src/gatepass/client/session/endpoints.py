"""The auth endpoints: one call, and what its answer means (the table of PROTOCOL §6).

Only the server's own words end a session. Whatever is not understood (a proxy's page, half an answer, a status of
tomorrow) is `transient`: nothing is known, so everything is kept.

The refresh cookie never enters the client's cookie jar, which would send it to every route of the API: it is read
from the answer here, kept by the session, and goes to the auth endpoints alone.
"""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import Cookie, CookieJar, CookiePolicy
from typing import Any, Literal, Protocol
from urllib.request import Request as UrllibRequest

from gatepass.client.http import httpx
from gatepass.client.retry_after import retry_after_of
from gatepass.client.storage.record import Account
from gatepass.wire.cookies import HOST_NAME, SECURE_NAME, STATE_NAME

Kind = Literal["ok", "session-ended", "no-session", "refresh-superseded", "session-mismatch", "transient"]
CLIENT = {"Gatepass-Client": "1"}
"""A header that no form can send: every cross-origin attempt needs a preflight (PROTOCOL §6)."""
_STATUS: Mapping[str, int] = {
    "session-ended": 401,
    "no-session": 401,
    "refresh-superseded": 409,
    "session-mismatch": 409,
}
_LOOPBACK_NAME = re.compile(r"gatepass_\d{1,5}")
_OWN_NAME = re.compile(rf"{HOST_NAME}|{SECURE_NAME}|{STATE_NAME}|gatepass(_state)?_\d{{1,5}}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read to its end. `sent_at` is a time of `time.monotonic()`; `body` is its JSON object or empty."""

    status: int
    body: Mapping[str, Any] = field(repr=False)
    sent_at: float
    response: httpx.Response = field(repr=False)
    retry_after: float | None = None
    cookie: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """A new access token and what came with it. `lifetime` in seconds, counted from `sent_at`."""

    sid: str
    generation: int
    token: str = field(repr=False)
    lifetime: float
    sent_at: float
    account: Account | None = field(default=None, repr=False)
    cookie: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a refresh came to: a row of the table each, named by its problem code."""

    kind: Kind
    answer: Answer
    grant: Grant | None = None
    generation: int | None = None
    reason: str | None = None


class Exchanger(Protocol):
    """A client as the endpoints need it: its transport and headers, without its layers."""

    def build_request(self, method: str, url: Any, /, **parts: Any) -> httpx.Request:
        """With the client's own headers."""
        ...

    def _exchange(self, request: httpx.Request) -> Any:
        """Send it as it is, without authentication and redirects; awaitable in an async client."""
        ...


class Ask:
    """The step that calls an auth endpoint. Raises httpx.RequestError where there is no whole answer."""

    __slots__ = ("_body", "_cookie", "_headers", "_method", "_timeout", "_url")

    def __init__(
        self,
        url: str,
        *,
        method: str = "POST",
        headers: Mapping[str, str] = CLIENT,
        body: object | None = None,
        cookie: tuple[str, str] | None = None,
        timeout: float,
    ) -> None:
        self._url, self._method, self._headers = url, method, headers
        self._body, self._cookie, self._timeout = body, cookie, timeout

    def run(self, driver: Exchanger, /) -> Answer:
        """In this thread."""
        request, sent_at = self._request(driver), time.monotonic()
        try:
            response: httpx.Response = driver._exchange(request)
        except httpx.RequestError as error:
            error.request = self._bare()
            raise
        return self._answer(response, sent_at)

    async def run_async(self, driver: Exchanger, /) -> Answer:
        """In this task."""
        request, sent_at = self._request(driver), time.monotonic()
        try:
            response: httpx.Response = await driver._exchange(request)
        except httpx.RequestError as error:
            error.request = self._bare()
            raise
        return self._answer(response, sent_at)

    def _answer(self, response: httpx.Response, sent_at: float) -> Answer:
        response.request = self._bare()
        return answer_of(response, sent_at=sent_at)

    def _bare(self) -> httpx.Request:
        """What errors may know of the request: no password, no cookie, no token."""
        return httpx.Request(self._method, self._url)

    def _request(self, driver: Exchanger) -> httpx.Request:
        request = driver.build_request(
            self._method, self._url, json=self._body, headers=dict(self._headers), timeout=self._timeout
        )
        if "Authorization" not in self._headers:
            request.headers.pop("Authorization", None)  # a default header of the client's: not for these endpoints
        if self._cookie is not None:
            kept = request.headers.get("Cookie")
            own = "=".join(self._cookie)
            request.headers["Cookie"] = f"{kept}; {own}" if kept else own
        return request


def answer_of(response: httpx.Response, *, sent_at: float) -> Answer:
    """The facts of a response that was read."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    return Answer(
        status=response.status_code,
        body=body if isinstance(body, dict) else {},
        sent_at=sent_at,
        retry_after=retry_after_of(response),
        cookie=refresh_cookie_of(response),
        response=response,
    )


def outcome_of(answer: Answer, sid: str) -> Outcome:
    """The row of the table for the answer to a refresh of `sid`."""
    grant = read_grant(answer)
    if grant is not None:
        is_own = grant.sid == sid
        return Outcome("ok" if is_own else "session-mismatch", answer, grant=grant if is_own else None)
    code = answer.body.get("code")
    # Only what names this very session ends it (PROTOCOL §5): not another's end, not one that does not say whose.
    is_meant = code != "session-ended" or answer.body.get("sid") == sid
    if not isinstance(code, str) or not is_meant or _STATUS.get(code) != answer.status:
        return Outcome("transient", answer)
    reason = answer.body.get("reason")
    return Outcome(
        code,  # type: ignore[arg-type]
        answer,
        generation=read_generation(answer.body),
        reason=reason if isinstance(reason, str) else None,
    )


def read_grant(answer: Answer) -> Grant | None:
    """What a successful sign-in or refresh hands out; None for any other answer."""
    body = answer.body
    token, sid, lifetime = body.get("access_token"), body.get("session_id"), body.get("expires_in")
    generation = read_generation(body)
    if answer.status not in (200, 201) or generation is None or not isinstance(sid, str):
        return None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
        return None
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or not 0 < lifetime < 1e9:
        return None
    account = read_account(body.get("account"))
    return Grant(sid, generation, token, float(lifetime), answer.sent_at, account, answer.cookie)


def read_account(value: object) -> Account | None:
    """An account, or None for anything else."""
    match value:
        case {"id": str(identity), "email": str(address), "created_at": int(created_at)}:
            return Account(identity, address, created_at)
    return None


def read_generation(body: Mapping[str, Any]) -> int | None:
    """The generation that an answer names."""
    value = body.get("refresh_generation")
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32 else None


def idempotency_key(client_key: bytes, sid: str, generation: int) -> str:
    """The header's value for the refresh token of this session and generation (PROTOCOL §5)."""
    digest = hmac.digest(client_key, f"{sid}|{generation}".encode(), hashlib.sha256)
    return f"{generation}.{base64.urlsafe_b64encode(digest)[:22].decode()}"


def refresh_cookie_of(response: httpx.Response) -> tuple[str, str] | None:
    """The refresh cookie that an answer sets, as name and value; the last that is not empty counts."""
    found = None
    names = (HOST_NAME, SECURE_NAME)
    for line in response.headers.get_list("Set-Cookie"):
        name, _, value = line.partition(";")[0].partition("=")
        name, value = name.strip(), value.strip()
        if value and (name in names or _LOOPBACK_NAME.fullmatch(name)):
            found = (name, value)
    return found


class _WithoutOurs(CookiePolicy):
    """The policy of a cookie jar, but for our cookies, which it neither takes nor gives."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)

    def set_ok(self, cookie: Cookie, request: UrllibRequest) -> bool:
        return not _OWN_NAME.fullmatch(cookie.name) and bool(self._policy.set_ok(cookie, request))

    def return_ok(self, cookie: Cookie, request: UrllibRequest) -> bool:
        return bool(self._policy.return_ok(cookie, request))

    def domain_return_ok(self, domain: str, request: UrllibRequest) -> bool:
        return bool(self._policy.domain_return_ok(domain, request))

    def path_return_ok(self, path: str, request: UrllibRequest) -> bool:
        return bool(self._policy.path_return_ok(path, request))


def keep_out(jar: CookieJar) -> None:
    """Let a cookie jar leave our cookies alone. A second time does nothing."""
    policy = getattr(jar, "_policy", None)
    if not isinstance(policy, _WithoutOurs):
        jar.set_policy(_WithoutOurs(policy))
