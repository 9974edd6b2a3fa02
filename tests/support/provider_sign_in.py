"""What the tests of providers read of an answer and of the events."""

from urllib.parse import parse_qsl, urlsplit

from tests.support.asgi import Answer
from tests.support.gates import GateHarness


def asked(answer: Answer) -> dict[str, str]:
    """What the provider is asked."""
    return dict(parse_qsl(urlsplit(answer.json()["location"]).query))


def whys(at: GateHarness) -> str:
    """What the operator is told."""
    return " ".join(getattr(event, "why", "") for event in at.events)
