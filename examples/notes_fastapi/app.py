"""Notes of the people who are signed in, and the page that shows them.

Run it: gatepass init && uvicorn --factory app:create_app --port 8000
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field

from gatepass import Gatepass
from gatepass.guards.fastapi import CurrentPrincipal

PAGE = Path(__file__).parent / "page" / "dist"


class NewNote(BaseModel):
    """What the page sends."""

    text: str = Field(min_length=1, max_length=1000)


class Note(NewNote):
    """What the page gets."""

    id: int


def database() -> Iterator[sqlite3.Connection]:
    """A connection for one request, committed before the response goes out."""
    connection = sqlite3.connect("notes.db", check_same_thread=False)
    try:
        with connection:
            connection.execute("CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, account TEXT, text TEXT)")
            yield connection
    finally:
        connection.close()


Database = Annotated[sqlite3.Connection, Depends(database, scope="function")]


def create_app(gate: Gatepass | None = None) -> FastAPI:
    """The application. `gate`: another one than the settings describe, for tests."""
    gate = gate or Gatepass.from_env()
    app = FastAPI(title="Notes", lifespan=gate.lifespan)
    app.mount("/auth", gate.asgi)

    @app.get("/api/notes")
    def list_notes(principal: CurrentPrincipal, db: Database) -> list[Note]:
        rows = db.execute("SELECT id, text FROM note WHERE account = ? ORDER BY id", (principal.account_id,))
        return [Note(id=number, text=text) for number, text in rows]

    @app.post("/api/notes", status_code=201)
    def add_note(new: NewNote, principal: CurrentPrincipal, db: Database) -> Note:
        row = db.execute("INSERT INTO note (account, text) VALUES (?, ?)", (principal.account_id, new.text))
        return Note(id=row.lastrowid or 0, text=new.text)

    if PAGE.is_dir():  # after `npm run build`
        app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app
