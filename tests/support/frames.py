"""What a crash report would show: every local variable of our functions, whenever something is called that may fail.

Instead of raising an error at some of the calls of a store, a mailer or a clock, `Frames` looks at all of them: what
stands in the local variables of the functions on the stack is what Sentry, rich or `traceback.TracebackException` would
show of an error there.
"""

import sys
import threading
from collections.abc import Collection, Iterator
from types import FrameType, TracebackType
from typing import Any

EFFECTS = (
    "gatepass.stores.",
    "gatepass.testing.clock.FastHasher.",
    "gatepass.system.SystemEntropy.",
    "gatepass.runtime.event_log.",
    "gatepass.accounts.passwords.blocklist.",
    "gatepass.mail.templates.",
    "tests.support.asgi.",
    "tests.support.mail.",
    "posix.",
    "_io.",
    "httpx2.",
    "http.client.",
    "joserfc.",
    "keyring.",
)
"""Functions that use the outside, or that an application supplies."""


class Frames:
    """A context manager. `shown` maps the `repr` of a local variable to the places where it was seen."""

    def __init__(self, effects: tuple[str, ...] = EFFECTS) -> None:
        self.shown: dict[str, set[str]] = {}
        self.called: set[str] = set()
        self._effects = effects

    def __enter__(self) -> "Frames":
        self._before = sys.getprofile()
        threading.setprofile(self._call)
        sys.setprofile(self._call)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.setprofile(self._before)
        threading.setprofile(None)

    def holding(self, secrets: Collection[str]) -> list[str]:
        """The variables that showed one of the secrets, and what was called meanwhile."""
        found = ((text, places) for text, places in self.shown.items() if any(secret in text for secret in secrets))
        return sorted({place for _, places in found for place in places})

    def _call(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            self._look(_name(frame), frame.f_back)
        elif event == "c_call":
            self._look(f"{argument.__module__}.{argument.__qualname__}", frame)

    def _look(self, effect: str, caller: FrameType | None) -> None:
        if effect.startswith(self._effects):
            self.called.add(effect)
            for frame in self._callers(caller):
                for variable, value in frame.f_locals.items():
                    self.shown.setdefault(_shown(value), set()).add(f"{_name(frame)}: {variable} (calls {effect})")

    def _callers(self, caller: FrameType | None) -> Iterator[FrameType]:
        """Our own functions on the stack, without those that an application supplies."""
        while caller is not None:
            if _name(caller).startswith("gatepass.") and not _name(caller).startswith(self._effects):
                yield caller
            caller = caller.f_back


def _name(frame: FrameType) -> str:
    return f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # an object that is being made
        return ""
