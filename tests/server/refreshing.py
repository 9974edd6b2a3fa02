"""One request to refresh, with what a test says in its head."""

from tests.support.asgi import Answer, call
from tests.support.browser import Browser, proof_of
from tests.support.gates import GateHarness


async def refresh(
    at: GateHarness, *, cookies: str | None, headers: tuple[tuple[str, str | bytes], ...] = (("gatepass-client", "1"),)
) -> Answer:
    sent: list[tuple[str, str | bytes]] = [("origin", min(at.gate.origins.own)), *headers]
    if cookies is not None:
        sent.append(("cookie", cookies))
    return await call(at.gate.asgi, "POST", "/refresh", headers=sent)


def proven(who: Browser) -> tuple[tuple[str, str], ...]:
    """The headers of a proven refresh, without what the client believes."""
    return (("gatepass-proof", proof_of(who.key or b"", who.sid, who.generation, who.challenge)),)
