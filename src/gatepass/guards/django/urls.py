"""`path("auth/", include("gatepass.guards.django.urls"))` mounts the auth endpoints."""

from django.urls import re_path

from gatepass.guards.django.views import auth

urlpatterns = [re_path(r"^(?P<rest>.*)\Z", auth)]
