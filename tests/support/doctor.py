"""What the tests of the doctor do: run the checks, and read a finding."""

import functools

import pytest

from gatepass.accounts.passwords.hashing import hash_once
from gatepass.doctor import Finding, examine
from gatepass.doctor.machine import least_seconds

URL = "https://gate.example"


@functools.cache
def hash_seconds() -> float:
    """Timed once for all examinations."""
    return least_seconds(lambda: hash_once("password"))


async def found(**how: object) -> list[Finding]:
    with pytest.MonkeyPatch.context() as here:
        here.setattr("gatepass.doctor.machine.least_seconds", lambda _hash: hash_seconds())
        return [finding async for finding in examine(**how)]  # type: ignore[arg-type]


def said(findings: list[Finding], check: str, level: str) -> str:
    """All that was found of one kind; each of it says what to do."""
    chosen = [finding for finding in findings if (finding.check, finding.level) == (check, level)]
    assert all(finding.fix for finding in chosen) or level == "ok"
    return " ".join(finding.message for finding in chosen)
