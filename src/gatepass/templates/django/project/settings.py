"""Settings, from the environment and from .env. Gatepass reads those that begin with GATEPASS_ itself."""

import os
from pathlib import Path

from dotenv import load_dotenv

BASE_DIR = Path(__file__).resolve().parent.parent
load_dotenv(BASE_DIR / ".env")

SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
DEBUG = os.environ.get("DJANGO_DEBUG") == "1"
ALLOWED_HOSTS = (os.environ.get("DJANGO_ALLOWED_HOSTS") or "localhost").split(",")

INSTALLED_APPS = ["gatepass.guards.django", "notes"]
MIDDLEWARE = [
    "gatepass.guards.django.middleware.GatepassMiddleware",  # first: no other one sees the refresh cookie
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    # No CsrfViewMiddleware: /auth checks Origin itself, and /api takes access tokens, which no other site can send.
]
ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / (os.environ.get("NOTES_DATABASE") or "notes.db"),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
