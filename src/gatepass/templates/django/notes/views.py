"""The notes of the signed-in account. `RequiresMixin` refuses a request without a valid access token."""

import json

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views import View
from gatepass.guards.django import RequiresMixin, current_principal

from notes.models import Note


def notes_of(request: HttpRequest) -> "QuerySet[Note]":
    """The caller's notes."""
    return Note.objects.filter(account_id=current_principal(request).account_id)


class NoteList(RequiresMixin, View):
    """List and add notes."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The caller's notes, oldest first."""
        return JsonResponse([note.as_json() for note in notes_of(request)], safe=False)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Add a note."""
        try:
            note = Note(account_id=current_principal(request).account_id, text=json.loads(request.body)["text"].strip())
            note.full_clean()
        except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
            return JsonResponse({"detail": "A note has 1 to 500 characters."}, status=422)
        note.save()
        return JsonResponse(note.as_json(), status=201)


class NoteDetail(RequiresMixin, View):
    """Delete a note."""

    def delete(self, request: HttpRequest, note_id: int) -> HttpResponse:
        """Delete a note of the caller."""
        get_object_or_404(notes_of(request), pk=note_id).delete()
        return HttpResponse(status=204)
