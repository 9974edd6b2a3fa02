"""Notes of the people who are signed in: the API behind the pages of nextjs, react_router and sveltekit beside it.

Run it: gatepass init && uvicorn --factory app:create_app --port 8000, with GATEPASS_PAGES=on and the address of the
pages as GATEPASS_PUBLIC_URL, such as http://localhost:3000.
"""

from fastapi import FastAPI
from pydantic import BaseModel, Field

from gatepass import Gatepass
from gatepass.guards.fastapi import CurrentPrincipal, PagePrincipal


class NewNote(BaseModel):
    """What the browser sends."""

    text: str = Field(min_length=1, max_length=1000)


def create_app(gate: Gatepass | None = None) -> FastAPI:
    """The application. `gate`: another one than the settings describe, for tests."""
    gate = gate or Gatepass.from_env()
    app = FastAPI(title="Notes", lifespan=gate.lifespan)
    app.mount("/auth", gate.asgi)
    notes: dict[str, list[str]] = {}

    @app.get("/api/notes")
    def list_notes(person: PagePrincipal) -> list[str]:
        """For the browser with its access token, and for a server that renders, with the page token."""
        return notes.get(person.account_id, [])

    @app.post("/api/notes", status_code=201)
    def add_note(new: NewNote, principal: CurrentPrincipal) -> NewNote:
        """For the browser alone: a page token changes nothing."""
        notes.setdefault(principal.account_id, []).append(new.text)
        return new

    return app
