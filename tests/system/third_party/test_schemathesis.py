"""The OpenAPI document and the server agree, seen from outside: Schemathesis as a program, a real process, real HTTP.

Every phase (examples, coverage, fuzzing, walks along links) and every check that a run has; in full for minutes.
GATEPASS_SEED=… repeats a run.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.full import FULL
from tests.support.gates import SECRET
from tests.support.process import environment, serving

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
REACHED = [
    "DELETE /account 204",
    "POST /account/delete 204",
    "DELETE /sessions/{sid} 204",
    "GET /me 200",
    "GET /sessions 200",
    "POST /email 202",
    "POST /email/confirm 200",
    "POST /login 200",
    "POST /logout 204",
    "POST /logout-all 204",
    "POST /logout-others 204",
    "POST /password 200",
    "POST /password/forgot 202",
    "POST /refresh 200",
    "POST /password/reset 204",
    "POST /register 201",
]
SEED = os.environ.get("GATEPASS_SEED", "1")
PHASES = ("Examples", "Coverage", "Fuzzing", "Stateful")
VERIFYING = ["POST /register 202", "POST /verify 201", "POST /verify/resend 202"]


@dataclass(frozen=True, slots=True)
class Exploration:
    """How a run ended: exit code, what it printed, how often each operation gave which answer, and which it had to."""

    code: int
    said: str
    answers: dict[str, int]
    wanted: list[str]


@pytest.fixture(scope="module", params=["open", pytest.param("verify", marks=pytest.mark.full)])
def exploration(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exploration:
    """One run against one server, with open registration or with verified addresses."""
    registration: str = request.param
    folder = tmp_path_factory.mktemp("outside")
    mail, tally = folder / "mail", folder / "answers.json"
    mail.mkdir()
    settings = {
        "SECRET": SECRET,
        "STORE": "memory://",
        "TRUSTED_PROXIES": "127.0.0.1",
        "REGISTRATION_RATE": "off",
        "REGISTRATION": registration,
        "MAIL": mail.as_uri(),
        "MAIL_FROM": "gatepass@outside.test",
    }
    with serving(folder, settings) as server:
        url = f"http://127.0.0.1:{server.port}/auth"
        seen = {"OUTSIDE_URL": url, "OUTSIDE_TALLY": str(tally), "OUTSIDE_MAIL": str(mail)}
        seen["OUTSIDE_REGISTRATION"] = registration
        explorer = {"SCHEMATHESIS_HOOKS": "tests.system.third_party.hooks", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        command = [str(Path(sys.executable).with_name("schemathesis"))]
        command += ["--config-file", str(HERE / "schemathesis.toml"), "run", f"{url}/openapi.json", "--url", url]
        command += ["--max-examples", "100" if FULL else "4"]
        command += ["--seed", SEED]
        command += ["--phases", ",".join(PHASES).lower()]
        # Warnings of the tool's own imports are not ours to fail by.
        done = subprocess.run(
            command,
            cwd=folder,
            env={**environment(), **seen, **explorer, "PYTHONWARNINGS": "default"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    wanted = REACHED if registration == "open" else VERIFYING
    return Exploration(done.returncode, done.stdout, json.loads(tally.read_text()), wanted)


def test_no_check_fails_from_outside(exploration: Exploration) -> None:
    assert exploration.code == 0, exploration.said


def test_every_phase_ran(exploration: Exploration) -> None:
    for phase in PHASES:  # one that found nothing to do has another sign
        assert f"✅ {phase}" in exploration.said.partition("Test Phases:")[2], exploration.said


def test_every_operation_was_seen_to_succeed(exploration: Exploration) -> None:
    """Guards the tests above, which would pass too if every request were refused."""
    assert [answer for answer in exploration.wanted if answer not in exploration.answers] == []
