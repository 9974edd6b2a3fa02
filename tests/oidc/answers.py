"""What the operator is told of a sign-in that was refused."""

from typing import Any

from tests.support.gates import GateHarness

Claims = dict[str, Any]


def why(at: GateHarness) -> str:
    """What the operator is told."""
    (event,) = at.named("sys_provider_failed")
    return str(event.why)  # type: ignore[attr-defined]
