"""A small application behind the gate: notes per account, in memory."""

import secrets
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gatepass.core.principal import Principal
from gatepass.errors import NotFound, Unprocessable
from gatepass.wire import bodies

MAX_NOTES = 50
MAX_NOTE_LENGTH = 200
"""Code points; the field on the page has the same limit."""
_FIRST = ("Watch the pass drain, and be renewed in silence", "Lose an answer, and stay signed in")
_NO_STORE = {"Cache-Control": "no-store"}

Caller = Callable[[Request], Principal]


class NewNote(BaseModel):
    """`POST /api/notes`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    text: str


class Notes:
    """`caller` returns the principal of a request, or raises a Problem."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._notes: dict[str, dict[str, str]] = {}

    async def list(self, request: Request) -> JSONResponse:
        """`GET /api/notes`: the caller's notes, oldest first."""
        notes = self._of(request)
        return JSONResponse({"notes": [_note(*item) for item in notes.items()]}, headers=_NO_STORE)

    async def add(self, request: Request) -> JSONResponse:
        """`POST /api/notes`: add a note. Raises Unprocessable."""
        notes = self._of(request)
        text = bodies.read(NewNote, await request.body()).text.strip()
        if not 1 <= len(text) <= MAX_NOTE_LENGTH:
            raise bodies.invalid_body({"text": f"A note has 1 to {MAX_NOTE_LENGTH} characters."})
        if len(notes) >= MAX_NOTES:
            raise Unprocessable("too-many-notes", f"An account has at most {MAX_NOTES} notes; delete one first.")
        note_id = secrets.token_hex(4)
        notes[note_id] = text
        return JSONResponse(_note(note_id, text), 201, headers=_NO_STORE)

    async def delete(self, request: Request) -> Response:
        """`DELETE /api/notes/{id}`: delete a note. Raises NotFound."""
        if self._of(request).pop(request.path_params["id"], None) is None:
            raise NotFound("You have no such note.")
        return Response(status_code=204)

    def _of(self, request: Request) -> dict[str, str]:
        account_id = self._caller(request).account_id
        return self._notes.setdefault(account_id, {secrets.token_hex(4): text for text in _FIRST})


def _note(note_id: str, text: str) -> dict[str, str]:
    return {"id": note_id, "text": text}
