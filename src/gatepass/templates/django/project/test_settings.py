"""For the tests: a gate in memory, so that they leave no account in the store of .env."""

import os
import secrets

os.environ.setdefault("DJANGO_SECRET_KEY", secrets.token_urlsafe(50))

from project.settings import *  # after its secret key

GATEPASS = {
    "SECRETS": [secrets.token_urlsafe(32)],
    "PUBLIC_URL": "http://localhost",
    "STORE": "memory://",
}
SILENCED_SYSTEM_CHECKS = ["gatepass.W001"]  # plain http: there is no network
