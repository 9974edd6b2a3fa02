"""The last events of the gate, numbered, for the page. Events contain no secrets."""

from collections import deque
from dataclasses import asdict, dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse

from gatepass.core.event import Event

MAX_EVENTS = 200
"""Some minutes of one visitor."""


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """An event. `n` counts from 1; `sid` is the first 8 digits of the session's id."""

    n: int
    at: int
    name: str
    sid: str | None
    generation: int | None
    case: str | None


class RecentEvents:
    """A listener: `gate.events.add(RecentEvents())`."""

    def __init__(self) -> None:
        self._events: deque[NumberedEvent] = deque(maxlen=MAX_EVENTS)
        self._last = 0

    def __call__(self, event: Event) -> None:
        """Keep an event, and drop the oldest if there are too many."""
        facts = asdict(event)
        sid: str | None = facts.get("sid")
        self._last += 1
        self._events.append(
            NumberedEvent(
                n=self._last,
                at=event.at,
                name=event.name,
                sid=sid[:8] if sid else None,
                generation=facts.get("generation"),
                case=facts.get("case"),
            )
        )

    async def show(self, request: Request) -> JSONResponse:
        """`GET /demo/log?after=N`: the events after number N, oldest first."""
        text = request.query_params.get("after", "0")
        after = int(text) if text.isdecimal() and len(text) < 10 else 0
        # After a restart of the server, an open page asks for numbers that do not exist yet: start again.
        first = after if after <= self._last else 0
        events = [asdict(event) for event in self._events if event.n > first]
        return JSONResponse({"events": events, "last": self._last}, headers={"Cache-Control": "no-store"})
