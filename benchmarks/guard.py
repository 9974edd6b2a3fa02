"""Microseconds that a guard adds to a request: the same route guarded and unguarded, in one process.

    python3 run.py bench guard [--requests 2000] [--rounds 15]

Caveats first. Requests are handed to the application in process, without a socket: what is measured is the
guard, not the network. Variants take turns in every round; the table shows medians over the rounds. *Warm* is
a token that this process has verified before, *cold* one that it has not (its memory of verified tokens is
switched off), which is the bare Ed25519 check and what stands around it.
"""

import argparse
import asyncio
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gatepass import Gatepass
from gatepass.core.keyring import SigningKey, parse_secret
from gatepass.guards.asgi import current_principal as asgi_principal
from gatepass.guards.check import Check
from gatepass.guards.fastapi import CurrentPrincipal
from gatepass.guards.starlette import requires
from gatepass.stores.memory import MemoryStore
from gatepass.testing.hashing import FastHasher

App = Callable[[Any, Any, Any], Awaitable[None]]


async def receive() -> dict[str, Any]:
    """An empty body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(_message: dict[str, Any]) -> None:
    """Nobody listens."""


def scope_with(token: str) -> dict[str, Any]:
    """What a server makes of a small GET."""
    headers = [
        (b"host", b"localhost"),
        (b"user-agent", b"bench"),
        (b"authorization", f"Bearer {token}".encode()),
        (b"cookie", b"theme=dark; gatepass_8000=gp_rt_x"),
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/me",
        "raw_path": b"/me",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 8000),
    }


def asgi_apps(gate: Gatepass) -> tuple[App, App]:
    """A bare ASGI route, open and guarded."""

    async def open_route(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        asgi_principal(scope)
        await open_route(scope, receive, send)

    return open_route, gate.guard(guarded)


def starlette_apps(gate: Gatepass) -> tuple[App, App]:
    """A Starlette route, open and guarded."""

    async def open_route(_request: Request) -> Response:
        return Response("ok")

    return (
        Starlette(routes=[Route("/me", open_route)]),
        gate.guard(Starlette(routes=[Route("/me", requires()(open_route))])),
    )


def fastapi_apps(gate: Gatepass) -> tuple[App, App]:
    """A FastAPI route, open and guarded."""
    open_app, guarded = FastAPI(), FastAPI()

    @open_app.get("/me")
    async def open_route() -> Response:
        return Response("ok")

    @guarded.get("/me")
    async def guarded_route(principal: CurrentPrincipal) -> Response:
        return Response("ok")

    return open_app, gate.guard(guarded)


async def microseconds(app: App, token: str, requests: int) -> float:
    """Mean time of a request over one slice."""
    start = time.perf_counter()
    for _ in range(requests):
        await app(scope_with(token), receive, send)
    return (time.perf_counter() - start) / requests * 1e6


def bare_signature(secret: str, token: str, requests: int) -> float:
    """The Ed25519 verification alone."""
    import base64

    key = SigningKey.from_secret(parse_secret(secret), "EdDSA").private.public_key()  # type: ignore[union-attr]
    message, _, text = token.rpartition(".")
    signature = base64.urlsafe_b64decode(text + "==")
    raw = message.encode()
    start = time.perf_counter()
    for _ in range(requests):
        key.verify(signature, raw)  # type: ignore[call-arg]
    return (time.perf_counter() - start) / requests * 1e6


async def measure(requests: int, rounds: int) -> dict[str, list[float]]:
    """All variants, round by round."""
    secret = secrets.token_urlsafe(32)
    gate = Gatepass(secrets=[secret], public_url="http://localhost:8000", store=MemoryStore(), hasher=FastHasher())
    cold_gate = Gatepass(secrets=[secret], public_url="http://localhost:8000", store=gate.store, hasher=FastHasher())
    rows: dict[str, list[float]] = {}
    async with gate.running(), cold_gate.running():
        cold_gate.check = Check(cold_gate.check._verifier, feed=cold_gate._feed, clock=cold_gate._clock, remembered=0)
        account = await gate.accounts.add("b@example.com", "correct horse battery", email_key="b@example.com")
        from gatepass.sessions import Caller

        grant = await gate.sessions.start(account, caller=Caller("bench", ""), remember=True)
        assert grant is not None
        assert grant.access_token is not None
        token = grant.access_token
        for number in range(rounds + 1):
            turn = {"bare Ed25519 check": bare_signature(secret, token, requests // 10)}
            for name, make in (("ASGI", asgi_apps), ("Starlette", starlette_apps), ("FastAPI", fastapi_apps)):
                open_app, warm = make(gate)
                _, cold = make(cold_gate)
                await warm(scope_with(token), receive, send)
                turn[f"{name} open"] = await microseconds(open_app, token, requests)
                turn[f"{name} warm"] = await microseconds(warm, token, requests)
                turn[f"{name} cold"] = await microseconds(cold, token, requests // 10)
            if number:
                for name, value in turn.items():
                    rows.setdefault(name, []).append(value)
    return rows


def main() -> None:
    """Parse, measure, print what each guard adds."""
    parser = argparse.ArgumentParser(description="Microseconds that a guard adds to a request.")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    rows = asyncio.run(measure(options.requests, options.rounds))
    middle = {name: statistics.median(values) for name, values in rows.items()}
    bare = middle["bare Ed25519 check"]
    print(f"bare Ed25519 check {bare:.1f} µs")
    print(f"{'':12}{'open µs':>9}{'+ warm µs':>11}{'+ cold µs':>11}{'cold − bare':>13}")
    for name in ("ASGI", "Starlette", "FastAPI"):
        route = middle[f"{name} open"]
        warm, cold = middle[f"{name} warm"] - route, middle[f"{name} cold"] - route
        print(f"{name:12}{route:9.1f}{warm:11.1f}{cold:11.1f}{cold - bare:13.1f}")


if __name__ == "__main__":
    main()
