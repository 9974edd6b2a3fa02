"""How a person was authenticated: the facts that a session keeps of its sign-in and that its access tokens tell.

methods   ("pwd",)            RFC 8176, or names of the application's own
acr       "urn:…:silver"      the assurance, as the authenticating party says it (OpenID Connect Core §2)
at        1_800_000_000       when; None is now
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_METHODS = 10
MAX_METHOD = 64
MAX_ACR = 255
MAX_AHEAD = 300
"""Seconds by which the clock of another system may be ahead of ours: as for `iat` of access tokens."""
METHOD = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:/#+-]{{0,{MAX_METHOD - 1}}}", re.ASCII)
ACR = re.compile(rf"[!-~]{{1,{MAX_ACR}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Authentication:
    """Raises ValueError for methods, an assurance or a time that no session can keep."""

    methods: tuple[str, ...]
    acr: str | None = None
    at: int | None = None

    def __post_init__(self) -> None:
        _check_methods(self.methods)
        if self.acr is not None and not (isinstance(self.acr, str) and ACR.fullmatch(self.acr)):
            raise ValueError(f"acr is None or one word of at most {MAX_ACR} printable ASCII characters")
        if self.at is not None and (type(self.at) is not int or self.at < 0):
            raise ValueError("auth_time is None or a Unix time in whole seconds")

    def time(self, now: int) -> int:
        """When the person was authenticated, `now` at the latest. Raises ValueError beyond MAX_AHEAD."""
        if self.at is None:
            return now
        if self.at > now + MAX_AHEAD:
            raise ValueError(f"auth_time lies {self.at - now} s in the future; it is a Unix time in whole seconds")
        return min(self.at, now)


def _check_methods(methods: Sequence[str]) -> None:
    if not isinstance(methods, tuple) or not all(isinstance(each, str) for each in methods):
        raise ValueError('methods is a tuple of names, such as ("fed",) or ("otp", "mfa")')
    if not 0 < len(methods) <= MAX_METHODS or len(set(methods)) < len(methods):
        raise ValueError(f"methods has 1 to {MAX_METHODS} names, each once")
    wrong = next((each for each in methods if METHOD.fullmatch(each) is None), None)
    if wrong is not None:
        raise ValueError(
            f"{wrong!r} is no name of a method: RFC 8176 has pwd, otp, mfa, hwk, swk, sms, user and others; a name of "
            f"your own, such as fed, has at most {MAX_METHOD} letters, digits and ._:/#+-"
        )


BY_PASSWORD = Authentication(("pwd",))
"""A sign-in with a password, just now."""
