"""The passwords that attackers try first, from a file made by tools/make_blocklist.py."""

import functools
import gzip
from importlib import resources


@functools.cache
def load_blocklist() -> frozenset[str]:
    """All entries, folded. Read once, when the first password is set."""
    packed = (resources.files("gatepass.accounts.passwords") / "blocklist.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode("utf-8").splitlines())
