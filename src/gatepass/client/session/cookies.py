"""Our cookies: read from an answer of the auth endpoints, and kept out of the client's cookie jar.

A jar would send the refresh cookie to every route of the API. The session keeps it, and sends it to the auth endpoints
alone.
"""

import re
import threading
from http.cookiejar import Cookie, CookieJar, CookiePolicy
from typing import Any
from urllib.request import Request as UrllibRequest

from gatepass.client.http import httpx
from gatepass.per_process import PerProcess
from gatepass.wire.cookie_names import HOST_NAME, SECURE_NAME, STATE_NAME

_REFRESH_NAME = re.compile(rf"({HOST_NAME}|{SECURE_NAME}|gatepass_\d{{1,5}})(_\S+)?")
_OWN_NAME = re.compile(rf"({HOST_NAME}|{SECURE_NAME}|{STATE_NAME}|gatepass(_state|_page)?_\d{{1,5}})(_\S+)?")
"""Page cookies over https are named as the refresh cookie, with `_page` behind it."""


def refresh_cookie_of(response: httpx.Response) -> tuple[str, str] | None:
    """Return name and value of the refresh cookie that an answer sets: the last one that is not empty."""
    found = None
    for line in response.headers.get_list("Set-Cookie"):
        name, _, value = line.partition(";")[0].partition("=")
        name, value = name.strip(), value.strip()
        if value and _REFRESH_NAME.fullmatch(name):
            found = (name, value)
    return found


class _OwnCookiesExcluded(CookiePolicy):
    """The policy of a cookie jar, except that the jar does not store our cookies.

    A jar also *sets* an attribute of its policy: the time, before each look at an `Expires`. That goes to the policy
    inside, which reads it.
    """

    _policy: Any

    def __init__(self, policy: Any) -> None:
        self.__dict__["_policy"] = policy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._policy, name, value)

    def set_ok(self, cookie: Cookie, request: UrllibRequest) -> bool:
        return not _OWN_NAME.fullmatch(cookie.name) and bool(self._policy.set_ok(cookie, request))

    def return_ok(self, cookie: Cookie, request: UrllibRequest) -> bool:
        return bool(self._policy.return_ok(cookie, request))

    def domain_return_ok(self, domain: str, request: UrllibRequest) -> bool:
        return bool(self._policy.domain_return_ok(domain, request))

    def path_return_ok(self, path: str, request: UrllibRequest) -> bool:
        return bool(self._policy.path_return_ok(path, request))


class _LockPerProcess:
    """The lock of a cookie jar. Another thread of a parent may have held that one's."""

    def __init__(self) -> None:
        self._locks = PerProcess(threading.RLock)

    def acquire(self) -> bool:
        return self._locks.here.acquire()

    def release(self) -> None:
        self._locks.here.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def exclude_own_cookies(jar: CookieJar) -> None:
    """Make a cookie jar ignore our cookies, and let each process have its lock. A second call does nothing."""
    policy = getattr(jar, "_policy", None)
    if not isinstance(policy, _OwnCookiesExcluded):
        jar.set_policy(_OwnCookiesExcluded(policy))
        jar._cookies_lock = _LockPerProcess()  # type: ignore[attr-defined]
