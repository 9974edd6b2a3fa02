"""What the tests of the doctor do: run the checks, and read a finding."""

import pytest

from gatepass.doctor import Finding, examine

URL = "https://gate.example"


async def found(**how: object) -> list[Finding]:
    with pytest.MonkeyPatch.context() as here:
        here.setattr("gatepass.doctor.machine.HASHES", 1)  # each examination times some
        return [finding async for finding in examine(**how)]  # type: ignore[arg-type]


def said(findings: list[Finding], check: str, level: str) -> str:
    """All that was found of one kind; each of it says what to do."""
    chosen = [finding for finding in findings if (finding.check, finding.level) == (check, level)]
    assert all(finding.fix for finding in chosen) or level == "ok"
    return " ".join(finding.message for finding in chosen)
