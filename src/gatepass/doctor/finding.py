"""One thing that the doctor found."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "advice", "fault"]
"""`fault`: people lose sessions, or somebody gets in. `advice`: it works, and could be better."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it stands, and what to do about it ("" where there is nothing to do).

    Never names a secret, a password or the inside of a store's address.
    """

    check: str
    level: Level
    says: str
    do: str = ""


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", says)


def advice(check: str, says: str, do: str) -> Finding:
    """Could be better."""
    return Finding(check, "advice", says, do)


def fault(check: str, says: str, do: str) -> Finding:
    """Must not stay."""
    return Finding(check, "fault", says, do)
