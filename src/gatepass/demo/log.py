"""What the server saw, for the page: the last events of the gate, numbered. Events hold no secrets."""

from collections import deque
from dataclasses import asdict, dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse

from gatepass.core.event import Event

KEPT = 200
"""Events: some minutes of one visitor."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One event; `n` counts from 1, `sid` is the first half-word of the session's id."""

    n: int
    at: int
    name: str
    sid: str | None
    generation: int | None
    case: str | None


class EventLog:
    """Listens to a gate: `gate.on_event(log)`."""

    def __init__(self) -> None:
        self._sightings: deque[Sighting] = deque(maxlen=KEPT)
        self._last = 0

    def __call__(self, event: Event) -> None:
        """Remember one event."""
        facts = asdict(event)
        sid: str | None = facts.get("sid")
        self._last += 1
        self._sightings.append(
            Sighting(
                n=self._last,
                at=event.at,
                name=event.name,
                sid=sid[:8] if sid else None,
                generation=facts.get("generation"),
                case=facts.get("case"),
            )
        )

    async def show(self, request: Request) -> JSONResponse:
        """`GET /demo/log?after=N`: what came after number N, oldest first."""
        text = request.query_params.get("after", "0")
        after = int(text) if text.isdecimal() and len(text) < 10 else 0
        # A page that outlived a restart of the server asks for numbers not yet given: start again.
        first = after if after <= self._last else 0
        events = [asdict(sighting) for sighting in self._sightings if sighting.n > first]
        return JSONResponse({"events": events, "last": self._last}, headers={"Cache-Control": "no-store"})
