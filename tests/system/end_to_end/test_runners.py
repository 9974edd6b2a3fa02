"""`gatepass/testing` under the runners that applications use: the same tests in each."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tools.services.patience import PATIENCE

pytestmark = pytest.mark.slow
WEB = Path(__file__).resolve().parents[3] / "web"
PROGRAMS = WEB / "node_modules" / ".bin"
RUNNERS = {
    "node": (["node", "--test", "kit.test.mjs"], r"pass 4\b"),
    "vitest": ([str(PROGRAMS / "vitest"), "run"], r"4 passed"),
    "jest-commonjs": (["node", str(PROGRAMS / "jest")], r"Tests: +1 passed"),
    "jest": (["node", "--experimental-vm-modules", str(PROGRAMS / "jest")], r"Tests: +5 passed"),
}


@pytest.mark.parametrize("name", sorted(RUNNERS))
def test_the_kit_works_under(name: str) -> None:
    command, passed = RUNNERS[name]
    done = subprocess.run(
        command,
        cwd=WEB / "end-to-end" / name,
        env={**os.environ, "NO_COLOR": "1", "FORCE_COLOR": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert re.search(passed, said), said
