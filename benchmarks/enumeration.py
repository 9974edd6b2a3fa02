"""Whether the time of an answer tells which addresses have an account: AUC per endpoint and kind, quiet and under load.

    python3 run.py bench enumeration [--samples 60] [--load 3] [--kinds …]

Caveats first. Server, mail server, load and measurement share this machine's cores: a busy machine hides differences
that a quiet one shows, so read the quiet column first. Loopback is the best place that an attacker can have.

An AUC (area under the ROC curve, Mann-Whitney) is the chance that a random answer for one kind takes longer than a
random one for an address without an account; it is shown as the larger of itself and its complement. 0.50: the time
tells nothing; 1.00: one request tells. With n samples of each the noise around 0.50 is about 0.3 / √n.

One store holds accounts of every kind. Each address is asked for once per endpoint, in random order, from networks that
a trusted proxy names, so that no throttle answers. *then GET* is the time of a `GET /healthz` that follows at once: it
shows work that goes on after an answer. Load: so many wrong sign-ins in a closed loop from a process of their own.
"""

import argparse
import asyncio
import base64
import hashlib
import itertools
import json
import multiprocessing
import random
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import bcrypt
from argon2 import PasswordHasher

from benchmarks._browsers import wait_for
from benchmarks._options import parse
from benchmarks._processes import gatepass
from gatepass.core.account import Account
from gatepass.core.factor import Totp
from gatepass.stores.sqlite.store import SQLiteStore

PASSWORD = "vaqum zendo klip marun"
WRONG = "another zendo klip marun"
UNKNOWN = "no account"
NOW = 1_700_000_000
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def _argon2(memory: int, passes: int, lanes: int) -> str:
    return PasswordHasher(memory_cost=memory, time_cost=passes, parallelism=lanes).hash(PASSWORD)


def _pbkdf2(iterations: int) -> str:
    made = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"saltsaltsalt", iterations)
    return f"pbkdf2_sha256${iterations}$saltsaltsalt${base64.b64encode(made).decode()}"


def _scrypt(cost: int) -> str:
    made = hashlib.scrypt(PASSWORD.encode(), salt=b"saltsalt", n=cost, r=8, p=1, maxmem=1 << 27, dklen=64)
    return f"scrypt:{cost}:8:1$saltsalt${made.hex()}"


KINDS: Mapping[str, Callable[[], str]] = {
    "own": lambda: _argon2(19_456, 2, 1),
    "disabled": lambda: _argon2(19_456, 2, 1),
    "no password": lambda: "!",
    "with a second factor": lambda: _argon2(19_456, 2, 1),
    "Argon2id 12 MiB x 3": lambda: _argon2(12_288, 3, 1),
    "Argon2id 19 MiB x 3": lambda: _argon2(19_456, 3, 1),
    "Argon2id 64 MiB x 3, 4 lanes": lambda: _argon2(65_536, 3, 4),
    "PBKDF2 600,000": lambda: _pbkdf2(600_000),
    "PBKDF2 260,000": lambda: _pbkdf2(260_000),
    "bcrypt 10": lambda: bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode(),
    "bcrypt 8": lambda: bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(8)).decode(),
    "scrypt 2^15": lambda: _scrypt(1 << 15),
}
MAILING = ("own", "disabled", "with a second factor")
"""Kinds that the endpoints which mail a link or a code are asked for: the rest differs in the hash alone."""
OTHERS = 1_000_000
"""The first number of the accounts that are asked for a code."""
ENDPOINTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "login": ("/auth/login", {"password": WRONG}),
    "forgot": ("/auth/password/forgot", {}),
    "register": ("/auth/register", {"password": PASSWORD}),
    "resend": ("/auth/verify/resend", {}),
    "mail code": ("/auth/login/mail-code/request", {}),
}


def address(kind: str, number: int) -> str:
    """The address of the account of this number."""
    return f"{kind.replace(' ', '-').replace(',', '').replace('^', '')}-{number}@example.com".lower()


async def fill(file: Path, kinds: Sequence[str], samples: int) -> None:
    """Put accounts of each kind into a new SQLite file, as an import would."""
    store = SQLiteStore(file)
    await store.open()
    for kind in kinds:
        made = KINDS[kind]()
        closed = NOW if kind == "disabled" else None
        for number in (*range(samples), *range(OTHERS, OTHERS + samples)):
            email = address(kind, number)
            await store.add_account(Account(f"{kind} {number}", email, email, made, 1, NOW, closed))
            if kind == "with a second factor":
                await enrol(store, f"{kind} {number}")
    await store.close()


async def enrol(store: SQLiteStore, account_id: str) -> None:
    """Give an account an authenticator app and recovery codes."""
    sealed = account_id.encode()
    await store.put_totp(Totp(account_id, sealed, NOW), credential_version=1)
    codes = [f"{account_id} {number}".encode() for number in range(10)]
    await store.confirm_totp(account_id, sealed=sealed, step=1, recovery_codes=codes, credential_version=1, now=NOW)


class Client:
    """One connection to the server."""

    def __init__(self, port: int, seed: int) -> None:
        self.port = port
        self._random = random.Random(seed)

    async def __aenter__(self) -> "Client":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def post(self, path: str, body: Mapping[str, str]) -> tuple[int, float]:
        """Status, and the seconds that the answer took."""
        content = json.dumps(body).encode()
        network = ".".join(str(self._random.randrange(1, 224)) for _ in range(4))
        head = [f"POST {path} HTTP/1.1", "Content-Type: application/json", f"Content-Length: {len(content)}"]
        head += ["Gatepass-Client: 1", f"X-Forwarded-For: {network}"]
        return await self._ask(head, content)

    async def get(self, path: str) -> float:
        """The seconds that the answer took."""
        return (await self._ask([f"GET {path} HTTP/1.1"], b""))[1]

    async def _ask(self, head: Sequence[str], content: bytes) -> tuple[int, float]:
        started = time.perf_counter()
        self._writer.write("\r\n".join([*head, f"Host: localhost:{self.port}", "", ""]).encode() + content)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        took = time.perf_counter() - started
        length = _LENGTH.search(answer)
        await self._reader.readexactly(int(length[1]) if length else 0)
        return int(answer.split(b" ", 2)[1]), took


Times = dict[tuple[str, str], list[float]]
"""(Endpoint, kind) → seconds of each answer."""


async def measure(port: int, kinds: Sequence[str], numbers: range) -> Times:
    """Ask each endpoint for each address once, in random order."""
    times: Times = {}
    async with Client(port, seed=numbers.start) as client:
        for endpoint, (path, more) in ENDPOINTS.items():
            asked = kinds if endpoint == "login" else [kind for kind in kinds if kind in MAILING]
            # A mailbox that has had three mails in a minute gets no fourth.
            ahead = OTHERS if endpoint == "mail code" else 0
            order = [(kind, number + ahead) for kind in (UNKNOWN, *asked) for number in numbers]
            random.Random(endpoint).shuffle(order)
            for kind, number in order:
                status, took = await client.post(path, {"email": address(kind, number), **more})
                if status not in (200, 202, 401):
                    raise SystemExit(f"{path} answered {status}")
                times.setdefault((endpoint, kind), []).append(took)
                times.setdefault((f"{endpoint}, then GET", kind), []).append(await client.get("/healthz"))
    return times


def flood(port: int, count: int) -> None:
    """So many wrong sign-ins at once, for addresses without an account, until the process is ended."""

    async def keep_guessing(number: int) -> None:
        async with Client(port, seed=1_000_000 + number) as client:
            for guess in itertools.count():
                await client.post("/auth/login", {"email": f"load{number}-{guess}@example.com", "password": WRONG})

    async def run() -> None:
        await asyncio.gather(*(keep_guessing(number) for number in range(count)))

    asyncio.run(run())


async def under_load(port: int, kinds: Sequence[str], numbers: range, *, count: int) -> Times:
    """The same beside a flood."""
    flooding = multiprocessing.get_context("spawn").Process(target=flood, args=(port, count), daemon=True)
    flooding.start()
    try:
        await asyncio.sleep(1)  # until it is in full swing
        return await measure(port, kinds, numbers)
    finally:
        flooding.terminate()
        flooding.join()


async def accept_mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A mail server that takes everything and keeps nothing."""
    writer.write(b"220 sink\r\n")
    in_data = False
    while line := await reader.readline():
        if in_data:
            if line == b".\r\n":
                in_data = False
                writer.write(b"250 taken\r\n")
            continue
        word = line[:4].upper().strip()
        in_data = word == b"DATA"
        writer.write(b"354 go on\r\n" if in_data else b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
        if word == b"QUIT":
            break
    writer.close()


def auc(some: Sequence[float], others: Sequence[float]) -> float:
    """The chance that one of `some` is larger than one of `others`, or that it is smaller: the larger of both."""
    larger = sum((one > other) + (one == other) / 2 for one in some for other in others)
    share = larger / (len(some) * len(others))
    return max(share, 1 - share)


def report(quiet: Times, loaded: Times) -> None:
    """One row per endpoint and kind."""
    print(f"{'endpoint':22}{'kind':32}{'median ms':>10}{'AUC quiet':>11}{'under load':>12}")
    for endpoint, kind in quiet:
        median = sorted(quiet[endpoint, kind])[len(quiet[endpoint, kind]) // 2] * 1000
        cells = f"{endpoint:22}{kind:32}{median:10.2f}"
        if kind != UNKNOWN:
            found = [auc(times[endpoint, kind], times[endpoint, UNKNOWN]) for times in (quiet, loaded) if times]
            cells += "".join(f"{one:11.2f}" for one in found)
        print(cells)


async def run(options: argparse.Namespace, folder: Path) -> tuple[Times, Times]:
    """Both slices: each of its own accounts."""
    await fill(folder / "enumeration.db", options.kinds, 2 * options.samples)
    mail = await asyncio.start_server(accept_mail, "127.0.0.1", 0)
    settings = {
        "REGISTRATION": "verify",
        "MAIL": f"smtp://127.0.0.1:{mail.sockets[0].getsockname()[1]}",
        "MAIL_CODES": "true",
        "TRUSTED_PROXIES": "127.0.0.1/32",
    }
    url = f"sqlite:///{folder / 'enumeration.db'}"
    async with mail:
        with gatepass(folder, url, more=settings) as (_, port):
            await wait_for(port)
            quiet = await measure(port, options.kinds, range(options.samples))
            numbers = range(options.samples, 2 * options.samples)
            loaded = await under_load(port, options.kinds, numbers, count=options.load) if options.load else {}
    return quiet, loaded


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description="What the time of an answer tells about an address.")
    parser.add_argument("--samples", type=int, default=60, help="answers of each kind and slice")
    parser.add_argument("--load", type=int, default=3, help="sign-ins at once beside the second slice; 0: no such")
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=list(KINDS), metavar="KIND")
    options = parse(parser, samples=2, load=1, kinds=["own", "disabled", "bcrypt 8"])
    with tempfile.TemporaryDirectory() as folder:
        quiet, loaded = asyncio.run(run(options, Path(folder)))
    report(quiet, loaded)


if __name__ == "__main__":
    main()
