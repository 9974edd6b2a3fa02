"""The least that rotates and persists: raw ASGI, a MAC over the cookie, one compare-and-swap, an HS256 token.

No framework, no limits, no CSRF check, no second try for a lost answer. Swaps that wait at the same time are one
statement. It shows what HTTP, Python and PostgreSQL leave room for, and is nothing to put before people.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import secrets
import time

import asyncpg

SECRET = os.environ["SECRET"].encode()
SCHEMA = "CREATE TABLE session (sid bytea PRIMARY KEY, head bytea NOT NULL, expires bigint NOT NULL)"
SWAP = """
UPDATE session SET head = asked.next FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS asked (sid, head, next)
WHERE session.sid = asked.sid AND session.head = asked.head AND expires > $4 RETURNING session.sid
"""
HEAD = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
waiting: list[tuple[bytes, bytes, bytes, asyncio.Future[bool]]] = []
connection = None
flush: asyncio.Event


async def swap_all() -> None:
    """One statement for all that came while the one before it ran."""
    while True:
        await flush.wait()
        flush.clear()
        batch, waiting[:] = waiting[:], []
        if batch:
            sids, heads, nexts, futures = zip(*batch, strict=True)
            done = {row["sid"] for row in await connection.fetch(SWAP, sids, heads, nexts, int(time.time()))}
            for sid, future in zip(sids, futures, strict=True):
                future.set_result(sid in done)


def signed(payload: bytes) -> bytes:
    return payload + hmac.digest(SECRET, payload, "sha256")[:16]


async def start() -> None:
    global connection, flush
    flush = asyncio.Event()
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute(SCHEMA)
    app.task = asyncio.create_task(swap_all())


async def sign_in() -> bytes:
    sid, token = secrets.token_bytes(16), secrets.token_bytes(16)
    await connection.execute("INSERT INTO session VALUES ($1, $2, $3)", sid, fingerprint(token), 2**40)
    return sid + token


def fingerprint(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()[:16]


async def rotate(cookie: bytes) -> bytes | None:
    raw = base64.urlsafe_b64decode(cookie)
    payload = raw[:-16]
    if not hmac.compare_digest(signed(payload), raw):
        return None
    sid, token, fresh = payload[:16], payload[16:], secrets.token_bytes(16)
    future = asyncio.get_running_loop().create_future()
    waiting.append((sid, fingerprint(token), fingerprint(fresh), future))
    flush.set()
    return sid + fresh if await future else None


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    cookies = dict(scope["headers"]).get(b"cookie", b"")
    token = await (rotate(cookies.partition(b"=")[2]) if scope["path"] == "/refresh" else sign_in())
    if token is None:
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        return
    claims = {"sid": token[:16].hex(), "exp": int(time.time()) + 600}
    body = HEAD + b"." + base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    body += b"." + base64.urlsafe_b64encode(hmac.digest(SECRET, body, "sha256")).rstrip(b"=")
    answer = b'{"access":"' + body + b'"}'
    cookie = b"refresh=" + base64.urlsafe_b64encode(signed(token)) + b"; Path=/refresh; HttpOnly; SameSite=Strict"
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer)),
        (b"set-cookie", cookie),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
