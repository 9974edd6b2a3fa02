"""Programs that are killed at any instant, over a network that loses answers, keep their session.

A few kills; in full (tests/support/full.py) ten thousand. What was done is
printed at the end of the run.
"""

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from gatepass.client import Client, FileStorage
from tests.client.harness import Harness, open_harness
from tests.support.full import FULL
from tools.services.patience import PATIENCE

pytestmark = pytest.mark.slow

KILLS = 10_000 if FULL else 12
SHARED, ALONE = 2, 1
"""Programs that share one session file, and such that have one for themselves."""


def test_no_session_is_lost_by_kills_and_lost_answers(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with open_harness(tmp_path) as running:
        files = [running.sign_up("ann")] * SHARED + [running.sign_up(f"bob{number}") for number in range(ALONE)]
        sids = [storage.load().sid for storage in files]
        seen = _kill(running, files)
        lost = sum(exchange.status is None for exchange in running.proxy.exchanges)
        text = (
            f"{seen['kills']:,} kills and {lost:,} lost requests and answers: {seen['.']:,} refreshed requests, "
            f"{seen['t']:,} that failed for a while, {seen['E'] + seen['A']} sessions lost"
        )
        record_property("explored", text)
        assert seen["E"] + seen["A"] == 0, text
        assert seen["kills"] >= KILLS
        assert seen["."] > KILLS / 10, "the victims hardly lived: the kills prove nothing"
        assert [storage.load().sid for storage in files] == sids
        for storage in files:
            with Client(running.url, storage=FileStorage(storage.path)) as client:
                assert client.get("/auth/me").status_code == 200
                assert client.session.status == "active"


def _kill(running: Harness, files: list[FileStorage]) -> Counter[str]:
    """Run the programs that kill, and meanwhile lose what is on its way."""
    rounds = -(-KILLS // len(files))
    programs = [running.program("kills", str(storage.path), str(rounds)) for storage in files]
    done = threading.Event()
    loser = threading.Thread(target=_lose, args=(running, done))
    loser.start()
    try:
        said = [one.communicate(timeout=PATIENCE * (1 + KILLS / 100))[0] for one in programs]
    finally:
        done.set()
        loser.join()
        for one in programs:
            one.kill()
    return sum((Counter(json.loads(text)) for text in said), Counter())


def _lose(running: Harness, done: threading.Event) -> None:
    """Every now and then a refresh is lost: the request, the answer, or half of the answer."""
    proxy = running.proxy
    faults = (proxy.lose_answers, proxy.lose_requests, proxy.cut_answers)
    due = 0
    while not done.wait(0.005):
        if len(proxy.exchanges) >= due:
            random.choice(faults)("/auth/refresh")
            due = len(proxy.exchanges) + random.randint(2, 12)
