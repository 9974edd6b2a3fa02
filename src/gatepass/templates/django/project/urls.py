"""The auth endpoints under /auth, the notes under /api."""

from django.urls import include, path

urlpatterns = [
    path("auth/", include("gatepass.guards.django.urls")),
    path("api/", include("notes.urls")),
]
