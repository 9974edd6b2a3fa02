"""Microseconds that a guard adds to a request: the same route guarded and unguarded, in one process.

    python3 run.py bench guard [--requests 100] [--rounds 200] [--only ASGI Flask]

Caveats first. Requests are handed to the application in process, without a socket: what is measured is the guard, not
the network. Every variant takes a short turn in every round, so a busy neighbour slows all of them; the table shows the
first decile over the rounds. *Warm* is a token that this process has verified before. *Cold* is one that it has not:
its memory of verified tokens is switched off, so each request pays the Ed25519 check and what stands around it.
*PyJWT* is the same token through `jwt.decode`, with nothing around it.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import jwt

from benchmarks import _guarded_apps as apps
from benchmarks._options import parse
from gatepass import Gatepass
from gatepass.access.check import Check
from gatepass.core.keyring import SigningKey, parse_secret
from gatepass.core.secret import Secret
from gatepass.sessions.service import Caller
from gatepass.stores.memory.store import MemoryStore
from gatepass.system import SystemClock, new_secret
from gatepass.testing.clock import FastHasher

URL = "http://localhost:8000"
Measure = Callable[[int], Awaitable[float]]
"""Microseconds of one request, as the mean of so many."""


@dataclass(frozen=True)
class Gates:
    """Two gates with one secret; the memory of the second is switched off."""

    secret: str
    warm: Gatepass
    cold: Gatepass

    @classmethod
    def make(cls) -> "Gates":
        secret = new_secret()
        warm, cold = (
            Gatepass(secrets=[secret], public_url=URL, store=MemoryStore(), hasher=FastHasher()) for _ in range(2)
        )
        cold.check = Check(cold.check._verifier, revocations=cold.revocations, clock=SystemClock(), remembered=0)
        return cls(secret, warm, cold)

    async def token(self) -> str:
        """An access token of both."""
        account = await self.warm.accounts.add(
            "b@example.com", Secret("correct horse battery"), email_key="b@example.com"
        )
        grant = await self.warm.sessions.sign_in(account, caller=Caller("bench", ""), remember=True)
        assert grant is not None
        assert grant.access_token is not None
        return grant.access_token


def timed(act: Callable[[], object]) -> Measure:
    """Measure a plain call."""

    async def measure(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            act()
        return (time.perf_counter() - start) / count * 1e6

    return measure


def references(secret: str, token: str) -> dict[str, Measure]:
    """The signature alone, and PyJWT alone."""
    private = SigningKey.from_secret(parse_secret(secret), "EdDSA").private
    assert not isinstance(private, bytes)
    public: Any = private.public_key()
    message, _, text = token.rpartition(".")
    signature = jwt.utils.base64url_decode(text)
    return {
        "bare": timed(partial(public.verify, signature, message.encode())),
        "PyJWT": timed(partial(jwt.decode, token, public, algorithms=["EdDSA"], issuer=URL, audience=URL, leeway=5)),
    }


async def measures(gates: Gates, token: str, only: list[str], running: AsyncExitStack) -> dict[str, Measure]:
    """Everything to measure, by name; each route has answered once before."""
    found = references(gates.secret, token)
    for name in only:
        for kind, gate in (("open", None), ("warm", gates.warm), ("cold", gates.cold)):
            route = await apps.ALL[name](gate, running)
            await route(token, 1)
            found[f"{name} {kind}"] = partial(route, token)
    return found


async def run(requests: int, rounds: int, only: list[str]) -> dict[str, list[float]]:
    """All variants, round by round."""
    gates = Gates.make()
    rows: dict[str, list[float]] = {}
    async with gates.warm.running(), gates.cold.running(), AsyncExitStack() as running:
        chosen = await measures(gates, await gates.token(), only, running)
        for _ in range(rounds):
            for name, measure in chosen.items():
                is_slow = name in ("bare", "PyJWT") or name.endswith("cold")
                rows.setdefault(name, []).append(await measure(max(1, requests // 5) if is_slow else requests))
    return rows


def decile(values: list[float]) -> float:
    """The value that a tenth of all lies below."""
    return sorted(values)[len(values) // 10]


def main() -> None:
    """Parse, measure, print what each guard adds."""
    parser = argparse.ArgumentParser(description="Microseconds that a guard adds to a request.")
    parser.add_argument("--requests", type=int, default=100, help="for one turn of a variant")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--only", nargs="+", choices=sorted(apps.ALL), default=list(apps.ALL))
    options = parse(parser, requests=5, rounds=2)
    rows = asyncio.run(run(options.requests, options.rounds, options.only))
    low = {name: decile(values) for name, values in rows.items()}
    bare = low["bare"]
    print(
        f"bare Ed25519 check {bare:.1f} µs (median {statistics.median(rows['bare']):.1f}), PyJWT {low['PyJWT']:.1f} µs"
    )
    print(f"{'':12}{'open µs':>9}{'+ warm µs':>11}{'+ cold µs':>11}{'cold − bare':>13}")
    for name in options.only:
        route = low[f"{name} open"]
        warm, cold = low[f"{name} warm"] - route, low[f"{name} cold"] - route
        print(f"{name:12}{route:9.1f}{warm:11.1f}{cold:11.1f}{cold - bare:13.1f}")


if __name__ == "__main__":
    main()
