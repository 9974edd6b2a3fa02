"""The client as a page has it behind a bundler: few files, so that a test waits for few requests."""

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tools.stamps import ROOT, digest
from tools.web import CLIENT, PACKAGES

SCRIPT = ROOT / "web" / "client" / "scripts" / "chunks.mjs"


@functools.cache
def client_files() -> Path:
    """Where they are. The first process that asks makes them of what is built."""
    if not (CLIENT / "index.js").is_file():
        pytest.fail("web/client is not built; run: python3 run.py test")
    made = PACKAGES / ".chunks" / digest([SCRIPT, *CLIENT.rglob("*.js")])[:16]
    if made.is_dir():
        return made
    made.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=made.parent) as scratch:
        new = Path(scratch) / "new"
        node = shutil.which("node") or "node"
        subprocess.run([node, str(SCRIPT), str(new)], check=True, capture_output=True, text=True)
        try:
            os.rename(new, made)
        except OSError:  # another process was faster
            assert made.is_dir()
    return made
