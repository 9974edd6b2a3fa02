"""What people reported of other projects' integration, tried here. What stands elsewhere is named, not written twice.

fastapi#2693, fastapi#4653, starlette#1175     401 in a middleware: tests/guards/test_refusals.py
flask-cors#170, #201, flask-jwt-extended#119   preflights, a hook that asks who calls: tests/guards/test_cors_flask.py
flask-cors#191, #284                           a sign-in with credentials: tests/guards/test_cors_flask.py
django-cors-headers#647                        paths that it leaves alone: tests/guards/test_cors_django.py
django-ninja#44, #296, #1493                   a refusal that was a 500: tests/guards/test_django_ninja.py
drf-jwt#441, simplejwt#763                     a second class of bearer tokens: tests/guards/test_django_rest.py
pytest-asyncio#38, starlette#1315              another event loop for each test: tests/runtime/test_loops.py
axios#3586                                     a refused download as a blob: web/client/test/request/deliver.test.ts
simplejwt#59, #193, #752, #812, #825, #927     Django's users: tests/guards/django_users/test_users.py
drf-jwt#235, #384, django-axes#877             signals, a deleted user: tests/guards/django_users/test_users.py
strawberry-django-jwt#343, drf#8655            the admin's session: tests/guards/django_users/test_users.py
django-rest-auth#368, #408                     no user name: tests/guards/django_people/models.py
django#21535, wagtail#1147                     a renewed hash: tests/system/docs/test_external_users_examples.py
fastapi#2452, #4535, FastAPI-boilerplate#271   cookies on a response that is not sent: tests/guards/test_sign_in.py, as
flask-jwt-extended#76, #481                      the next three rows
elysia#637, opennextjs-aws#1191                two cookies on one redirect
aiohttp-security#1005, nav#2804                a session that is older than its sign-in
logto-python#22, django-rest-framework#8617    an async view of Django signs in
djangosaml2#203, #266                          an assertion by a POST of another site: tests/system/docs/test_guides.py
next-auth#1840, supabase/auth#1214             a mailed link that a scanner follows: the same
"""

import asyncio

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.guards import apps
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import GateHarness, open_gate

BODY = {"email": "ann@example.com", "password": "seven green bottles on a wall"}
NATIVE = {"Gatepass-Client": "1"}


@pytest.mark.parametrize("authorization", ["Bearer of.yesterday", "Bearer ", "Basic eDp5", "Token x"])
async def test_an_old_token_in_the_header_keeps_nobody_from_signing_in(authorization: str) -> None:
    """dj-rest-auth#593: the sign-in itself answered 401 to a client that still sent its last token."""
    async with open_gate() as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        headers = [("gatepass-client", "1"), ("authorization", authorization)]
        assert (await ann.send("POST", "/login", body=BODY, headers=headers)).status == 200
        assert (await ann.send("POST", "/refresh", headers=[*ann.refresh_headers(), headers[1]])).status == 200


def test_a_fixture_on_one_loop_and_the_client_on_another() -> None:
    """starlette#1315: data prepared in the loop of a fixture, used by a test client that has its own."""
    at = GateHarness()
    app = apps.fastapi(at.gate)

    async def prepare() -> None:
        assert (await Browser(at.gate.asgi).register()).status == 201

    asyncio.run(prepare())
    with TestClient(app, base_url=ORIGIN) as client:
        assert client.post("/auth/login", json=BODY, headers=NATIVE).status_code == 200


def test_an_error_of_the_application_is_raised_by_the_test_client_and_not_hidden() -> None:
    """starlette#1116 and the like: a middleware that answers errors must not swallow the application's own."""
    at = GateHarness()
    app = FastAPI(lifespan=at.gate.lifespan)

    @app.get("/broken")
    def broken() -> None:
        raise LookupError("of the application")

    with TestClient(app) as client, pytest.raises(LookupError, match="of the application"):
        client.get("/broken")
