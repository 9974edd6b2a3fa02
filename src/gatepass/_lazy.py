"""Names of a package whose modules are imported at their first use (PEP 562).

    __all__, __getattr__, __dir__ = lazy_names(__name__, {"gatepass.gate": ["Gatepass"], …})

So `import gatepass.client` does not load the server, and no program waits for what it does not use. A type checker
reads the `.pyi` file beside the package instead; tests/test_imports.py compares the two.
"""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` for a package. `homes`: the names that each module defines.

    A name must not be that of a submodule: the import system sets that attribute itself.
    """
    modules = {name: module for module, names in homes.items() for name in names}

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(modules[name]), name)
        setattr(sys.modules[package], name, value)  # from now on Python finds it without this function
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return sorted(modules), get, names
