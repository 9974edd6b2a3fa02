"""The API of the page."""

import json

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_http_methods

from gatepass.guards.django import current_principal, requires
from notes.models import Note


@require_http_methods(["GET", "POST"])
@requires()
def notes(request: HttpRequest) -> JsonResponse:
    """List the notes of the caller, or add one."""
    account = current_principal(request).account_id
    if request.method == "GET":
        return JsonResponse(list(Note.objects.filter(account=account).values("id", "text")), safe=False)
    note = Note.objects.create(account=account, text=json.loads(request.body)["text"])
    return JsonResponse({"id": note.pk, "text": note.text}, status=201)
