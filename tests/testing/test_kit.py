"""The small parts of the test kit, and what it needs."""

import subprocess
import sys

import pytest

from gatepass.testing import FastHasher, ManualClock, PredictableEntropy
from tools.services.patience import PATIENCE

pytestmark = pytest.mark.slow


def test_a_clock_moves_only_when_told_to() -> None:
    clock = ManualClock(100)
    assert (clock.now(), clock.now()) == (100, 100)
    clock.advance(5)
    assert clock.now() == 105
    clock.advance(-10)
    assert clock.now() == 95


def test_entropy_differs_from_call_to_call_and_not_from_run_to_run() -> None:
    first, second = PredictableEntropy(), PredictableEntropy()
    drawn = [first.token_bytes(16) for _ in range(300)]
    assert len(set(drawn)) == 300
    assert {len(token) for token in drawn} == {16}
    assert drawn == [second.token_bytes(16) for _ in range(300)]


async def test_the_fast_hasher_tells_right_from_wrong_and_counts_its_work() -> None:
    hasher = FastHasher()
    kept = await hasher.hash("correct")
    assert await hasher.verify(kept, "correct")
    assert not await hasher.verify(kept, "wrong")
    assert not await hasher.verify(None, "correct")
    assert hasher.calls == 4


@pytest.mark.parametrize(("module", "missing"), [("battery", "pytest"), ("machine", "hypothesis")])
def test_what_needs_an_extra_names_it(module: str, missing: str) -> None:
    program = (
        "import sys\n"
        f"sys.modules[{missing!r}] = None\n"
        "import gatepass.testing, gatepass.testing.records\n"
        f"try: import gatepass.testing.{module}\n"
        "except ImportError as fault: print(fault)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert "pip install 'gatepass[testing]'" in done.stdout
