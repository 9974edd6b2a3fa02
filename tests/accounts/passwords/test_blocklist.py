"""The list of passwords that attackers try first is the one that its generator makes."""

import gzip
import runpy
from importlib import resources
from pathlib import Path

from gatepass.accounts.passwords.blocklist import load_blocklist
from gatepass.core.password import fold
from gatepass.core.policy import Policy

GENERATOR = Path(__file__).resolve().parents[3] / "tools" / "make_blocklist.py"


def test_the_packaged_file_is_what_the_generator_makes() -> None:
    made = runpy.run_path(str(GENERATOR))["make"]()
    packaged = (resources.files("gatepass.accounts.passwords") / "blocklist.txt.gz").read_bytes()
    assert gzip.decompress(packaged) == gzip.decompress(made)
    assert len(packaged) < 200_000


def test_at_least_three_thousand_entries_fit_each_policy() -> None:
    for policy in (Policy.standard(), Policy.demo()):
        assert sum(len(entry) >= policy.password_min for entry in load_blocklist()) >= 3000


def test_entries_are_folded_so_that_comparing_finds_them() -> None:
    assert all(fold(entry) == entry for entry in load_blocklist())


def test_what_everybody_would_try_is_there() -> None:
    well_known = {"password", "12345678", "qwertyuiop", "iloveyou", "passwordpassword", "correcthorsebatterystaple"}
    assert well_known | {"qwertyuiopasdfgh", "123456789012345", "1qaz2wsx3edc4rfv"} <= load_blocklist()
