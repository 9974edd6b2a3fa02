"""httpx2 and httpx: which of them the client works with. Either is enough, and both are used where both are installed.

    httpx2.get(url, auth=auth)            the same `GatepassAuth` in a client of either
    httpx.get(url, auth=auth)
    Client(url, transport=httpx.MockTransport(answer))      a client of the library that the transport is of

What is handed in decides. Where nothing is, the default does: httpx2 where that is installed, or what a program chose:

    from gatepass.client.library import use

    use("httpx")  # before any other name of gatepass.client: in the first lines of a program, or in conftest.py
"""

import importlib
import sys
from types import ModuleType
from typing import Literal

from gatepass._extras import missing_extra

Library = Literal["httpx", "httpx2"]
_chosen: Library | None = None


def use(name: Library) -> None:
    """Choose the default. Raises RuntimeError once the client is loaded with the other one; ValueError for another."""
    global _chosen
    if name not in ("httpx", "httpx2"):
        raise ValueError(f"gatepass.client works with httpx2 or httpx, not with {name!r}")
    loaded = sys.modules.get("gatepass.client.http")
    if loaded is not None and loaded.httpx.__name__ != name:
        raise RuntimeError(f"gatepass.client is loaded already: call use({name!r}) before any other name of it is used")
    _chosen = name


def load() -> tuple[ModuleType, ...]:
    """The libraries that are installed, the default first: httpx2, and httpx 0.28.

    Raises ImportError if neither is, if the chosen one is not, and if the default is installed and cannot be imported.
    """
    found: list[ModuleType] = []
    for name in sorted(("httpx2", "httpx"), key=lambda name: name != _chosen):
        try:
            library = importlib.import_module(name)
        except ImportError as missing:
            if found:
                continue  # a library that cannot be imported has no objects that could be handed in
            beside = " with httpx 0.28 beside it" if name == "httpx" == _chosen else ""
            sentence = f"The client needs its extra{beside}: pip install 'gatepass[client]'"
            reason = missing_extra(missing, name, sentence=sentence)
            if reason is missing or name in (_chosen, "httpx"):
                raise reason from None
        else:
            if library not in found:  # httpx2 can stand in the place of httpx: alias_httpx()
                found.append(library)
    return tuple(found)
