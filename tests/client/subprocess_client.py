"""Programs with a session file, as applications write them: tests start them and kill them.

    python -m tests.client.subprocess_client URL once FILE            a request when a line comes in; prints its status
    python -m tests.client.subprocess_client URL kills FILE ROUNDS    refreshes until it is killed, ROUNDS times

The second forks its victims from a process that has imported everything: a victim costs milliseconds, so thousands
of kills fit into minutes. A victim refreshes for every request, since its storage forgets the access token.
"""

import json
import logging
import os
import random
import signal
import statistics
import sys
import time
from collections import Counter
from dataclasses import replace
from typing import NoReturn

from gatepass.client import Client, FileStorage, MemoryStorage, call_options
from gatepass.client.errors import ClientError, SessionEndedError
from gatepass.client.http import httpx
from gatepass.client.storage.record import SessionRecord

ME = "/auth/me"
CALIBRATIONS = 5


class Forgetful(FileStorage):
    """A session file whose access token has always expired."""

    def load(self) -> SessionRecord:
        return replace(super().load(), access_token=None, expires_at=None)


def once(url: str, file: str) -> None:
    """Make one request when a line comes in."""
    with Client(url, storage=FileStorage(file)) as client:
        print("ready", flush=True)
        sys.stdin.readline()
        answer = client.get(ME)
        print(answer.status_code, client.session.status, flush=True)


def victim(url: str, file: str, report: int) -> NoReturn:
    """Refresh until killed. Writes one byte for each request: its outcome."""
    try:
        while True:
            with Client(url, storage=Forgetful(file)) as client:
                os.write(report, _outcome(client))
    finally:
        os._exit(3)


def _outcome(client: Client) -> bytes:
    try:
        status = client.get(ME, extensions=call_options(retry=False)).status_code
    except SessionEndedError:
        return b"E"
    except (ClientError, httpx.TransportError):
        return b"t"
    return b"." if status == 200 else b"t" if status >= 500 else b"A"


def kills(url: str, file: str, rounds: int) -> None:
    """Start a victim and kill it at a random instant, `rounds` times. Prints the outcomes of all requests."""
    seen: Counter[str] = Counter()
    times = []
    for _ in range(CALIBRATIONS):
        took, outcomes = _time_to_refresh(url, file)
        times.append(took)
        seen += outcomes
    for number in range(rounds):
        child, report = _start(url, file)
        if number % 2:  # the machine may be slower by now: half of them live until their first request is done
            seen += Counter(os.read(report, 1).decode())
        time.sleep(random.uniform(0, 2 * statistics.median(times)))
        seen += _stop(child, report)
        if seen["E"] or seen["A"]:
            break
    print(json.dumps({"kills": CALIBRATIONS + rounds, **seen}), flush=True)


def _time_to_refresh(url: str, file: str) -> tuple[float, Counter[str]]:
    """Return the time from a victim's start to the end of its first request, after which it is killed."""
    begun = time.monotonic()
    child, report = _start(url, file)
    first = os.read(report, 1)
    took = time.monotonic() - begun
    return took, Counter(first.decode()) + _stop(child, report)


def _start(url: str, file: str) -> tuple[int, int]:
    report, mine = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(report)
        victim(url, file, mine)
    os.close(mine)
    return child, report


def _stop(child: int, report: int) -> Counter[str]:
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    written = b"".join(iter(lambda: os.read(report, 4096), b""))
    os.close(report)
    assert os.WIFSIGNALED(status), f"the victim ended by itself: {status}, it wrote {written!r}"
    return Counter(written.decode())


if __name__ == "__main__":
    address, what, *rest = sys.argv[1:]
    if what == "once":
        once(address, rest[0])
    else:
        logging.getLogger("gatepass").addHandler(logging.NullHandler())  # losses are intended
        # The first client of a process makes things that all later ones share: so not every victim makes them.
        Client(address, storage=MemoryStorage()).close()
        kills(address, rest[0], int(rest[1]))
