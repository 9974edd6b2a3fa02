"""Passwords that attackers try first, from the file that tools/make_blocklist.py makes."""

import functools
import gzip
from importlib import resources


@functools.cache
def load_blocklist() -> frozenset[str]:
    """All entries, in folded form. The file is read once, when the first new password is checked."""
    packed = (resources.files("gatepass.accounts.passwords") / "blocklist.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode("utf-8").splitlines())
