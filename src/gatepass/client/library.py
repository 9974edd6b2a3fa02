"""The choice between httpx2 and httpx, for programs that have both.

    from gatepass.client.library import use

    use("httpx")  # before any other name of gatepass.client: in the first lines of a program, or in conftest.py

Clients of ours are clients of one of the two, so a process has one choice. Without one it is httpx2 where that is
installed. Tools that replace the transport of httpx, such as respx and pytest-httpx, need "httpx".
"""

import importlib
import sys
from types import ModuleType
from typing import Literal

Library = Literal["httpx", "httpx2"]
_chosen: Library | None = None


def use(name: Library) -> None:
    """Choose. Raises RuntimeError if the client was loaded with the other one, and ValueError for another name."""
    global _chosen
    if name not in ("httpx", "httpx2"):
        raise ValueError(f"gatepass.client works with httpx2 or httpx, not with {name!r}")
    loaded = sys.modules.get("gatepass.client.http")
    if loaded is not None and loaded.httpx.__name__ != name:
        raise RuntimeError(f"gatepass.client is loaded already: call use({name!r}) before any other name of it is used")
    _chosen = name


def load() -> ModuleType:
    """The library that was chosen, or httpx2, or httpx 0.28 where httpx2 is not installed. Raises ImportError."""
    names = [_chosen] if _chosen else ["httpx2", "httpx"]
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    extra = " with httpx 0.28 beside it" if _chosen == "httpx" else ""
    raise ImportError(f"The client needs its extra{extra}: pip install 'gatepass[client]'") from None
