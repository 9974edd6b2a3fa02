"""What one check of the doctor found."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "advice", "error"]
"""`error`: users lose sessions, or an attacker gains something. `advice`: it works, and could be safer or faster."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check, and how to fix it ("" if there is nothing to fix).

    Never contains a secret, a password, or the user and password of a store's URL.
    """

    check: str
    level: Level
    message: str
    fix: str = ""


def ok(check: str, message: str) -> Finding:
    """A finding that needs nothing to be done."""
    return Finding(check, "ok", message)


def advice(check: str, message: str, fix: str) -> Finding:
    """A finding that should be fixed."""
    return Finding(check, "advice", message, fix)


def error(check: str, message: str, fix: str) -> Finding:
    """A finding that must be fixed."""
    return Finding(check, "error", message, fix)
