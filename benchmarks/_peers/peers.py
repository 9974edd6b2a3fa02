"""The peers that are measured, and what a reader must know about each."""

from collections.abc import Sequence

from benchmarks._peers import browser
from benchmarks._peers.peer import GUNICORN, UVICORN, Peer

ASGI = ("uvicorn", "uvloop", "httptools")
WSGI = ("gunicorn", "psycopg[binary]")

FLOOR = Peer(
    name="raw ASGI floor",
    packages=(),
    browser=browser.Cookie,
    server=(*UVICORN, "--port", "{port}"),
    app="floor:app",
    persists="one compare-and-swap; those that wait at the same time are one statement",
    hashes="SHA-256; has no passwords",
)
PEERS: Sequence[Peer] = (
    Peer(
        name="nebula-token",
        packages=("nebula-token", "fastapi", "PyJWT", "argon2-cffi", "psycopg[binary,pool]", *ASGI),
        browser=browser.Cookie,
        server=(*UVICORN, "--port", "{port}"),
        app="nebula:app",
        persists="a row for each token: one read, one inserted, one marked as rotated, in one transaction",
        hashes="HMAC-SHA256; passwords are the application's (Argon2id)",
    ),
    Peer(
        name="fastapi-users",
        packages=("fastapi-users[sqlalchemy]", "fastapi", "asyncpg", *ASGI),
        browser=browser.OneToken,
        server=(*UVICORN, "--port", "{port}"),
        app="users:app",
        persists="a row for each token: the old one deleted, a new one inserted, in two transactions",
        hashes="nothing, the token is in the clear; Argon2id",
    ),
    Peer(
        name="better-auth",
        packages=("better-auth", "pg"),
        browser=browser.BetterAuth,
        server=(),
        app="better_auth.mjs",
        persists="a later end of the session (`updateAge: 0`); the token stays",
        hashes="nothing, the token is in the clear; scrypt",
    ),
    Peer(
        name="better-auth-server",
        packages=("better-auth-server[fastapi,sqlalchemy]", "fastapi", "asyncpg", *ASGI),
        browser=browser.BetterAuth,
        server=(*UVICORN, "--port", "{port}"),
        app="better_auth_py:app",
        persists="a later end of the session (`update_age=0`); the token stays",
        hashes="nothing, the token is in the clear; scrypt",
    ),
    Peer(
        name="Flask-JWT-Extended",
        packages=("Flask-JWT-Extended", "flask", "flask-sqlalchemy", *WSGI),
        browser=browser.Header,
        server=(*GUNICORN, "--bind", "127.0.0.1:{port}"),
        app="flask_jwt:app",
        persists="the used token in a blocklist; sessions are not kept",
        hashes="nothing is kept but ids; passwords are the application's (scrypt of Werkzeug)",
    ),
    Peer(
        name="epok-auth",
        packages=("epok-auth[postgres]", "fastapi", *ASGI),
        browser=browser.Epok,
        server=(*UVICORN, "--port", "{port}"),
        app="epok:app",
        persists="session, family and a security event; each call reads the session",
        hashes="SHA-256; Argon2id",
        python="3.12",
    ),
    Peer(
        name="djangorestframework-simplejwt",
        packages=("djangorestframework-simplejwt", "djangorestframework", "django", *WSGI),
        browser=browser.Body,
        server=(*GUNICORN, "--bind", "127.0.0.1:{port}"),
        app="simplejwt",
        persists="each token as outstanding, the used one as blacklisted",
        hashes="nothing, the token is in the clear; PBKDF2 of Django",
    ),
)
