"""The notes of the signed-in account. `CurrentPrincipal` refuses a request without a valid access token."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from gatepass.guards.fastapi import CurrentPrincipal
from pydantic import BaseModel, StringConstraints

from app.store import Note, Notes


class NewNote(BaseModel):
    """What `POST /api/notes` takes."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


def find_notes(request: Request) -> Notes:
    """The store of this application."""
    notes: Notes = request.app.state.notes
    return notes


AllNotes = Annotated[Notes, Depends(find_notes)]
router = APIRouter(prefix="/api/notes", tags=["notes"])


@router.get("")
def list_notes(principal: CurrentPrincipal, notes: AllNotes) -> list[Note]:
    """The caller's notes, oldest first."""
    return notes.of(principal.account_id)


@router.post("", status_code=201)
def add_note(new: NewNote, principal: CurrentPrincipal, notes: AllNotes) -> Note:
    """Add a note."""
    return notes.add(principal.account_id, new.text)


@router.delete("/{note_id}", status_code=204)
def delete_note(note_id: int, principal: CurrentPrincipal, notes: AllNotes) -> None:
    """Delete a note."""
    if not notes.delete(principal.account_id, note_id):
        raise HTTPException(404, "You have no such note.")
