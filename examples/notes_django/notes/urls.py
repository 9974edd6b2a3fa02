"""The endpoints of Gatepass, the API, and one page. Mailed links lead to /verify and /reset."""

from django.urls import include, path, re_path
from django.views.generic import TemplateView

from notes.views import notes

urlpatterns = [
    path("auth/", include("gatepass.guards.django.urls")),
    path("api/notes", notes),
    re_path(r"^(?:verify|reset)?$", TemplateView.as_view(template_name="index.html")),
]
