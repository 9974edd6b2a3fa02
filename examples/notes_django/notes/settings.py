"""The settings of the project. Those of Gatepass are in gatepass.env, or GATEPASS_* of the environment."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
DEBUG = os.environ.get("DEBUG") == "1"
SECRET_KEY = "for development" if DEBUG else os.environ["DJANGO_SECRET_KEY"]
ALLOWED_HOSTS = (os.environ.get("ALLOWED_HOSTS") or "localhost").split(",")
ROOT_URLCONF = "notes.urls"

INSTALLED_APPS = ["django.contrib.staticfiles", "gatepass.guards.django", "notes"]
MIDDLEWARE = [
    "gatepass.guards.django.middleware.GatepassMiddleware",  # first: nothing else sees the refresh cookie
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [BASE_DIR / "page"]}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "notes.db"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "page"]
