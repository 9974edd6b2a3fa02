"""The notes of the signed-in account. `@requires()` refuses a request without a valid access token."""

from flask import Blueprint, Response, abort, current_app, jsonify, request
from gatepass.guards.flask import current_principal, requires

from app.store import Note, Notes

MAX_LENGTH = 500
blueprint = Blueprint("notes", __name__, url_prefix="/api/notes")


def find_notes() -> Notes:
    """The store of this application."""
    notes: Notes = current_app.extensions["notes"]
    return notes


@blueprint.get("")
@requires()
def list_notes() -> list[Note]:
    """The caller's notes, oldest first."""
    return find_notes().of(current_principal().account_id)


@blueprint.post("")
@requires()
def add_note() -> tuple[Response, int]:
    """Add a note."""
    body = request.get_json()
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str) or not 1 <= len(text.strip()) <= MAX_LENGTH:
        abort(422, f"A note has 1 to {MAX_LENGTH} characters.")
    return jsonify(find_notes().add(current_principal().account_id, text.strip())), 201


@blueprint.delete("/<int:note_id>")
@requires()
def delete_note(note_id: int) -> tuple[str, int]:
    """Delete a note."""
    if not find_notes().delete(current_principal().account_id, note_id):
        abort(404, "You have no such note.")
    return "", 204
