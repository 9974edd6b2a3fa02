"""Indicators that show that calls are under way: a spinner or a progress line in the terminal, or your own function.

Client(..., loading=Loading(spinner()))             rich
Client(..., loading=Loading(progress_line()))       tqdm
Client(..., loading=Loading(callback(set_busy)))    set_busy(count); 0: none
"""

from collections.abc import Callable
from typing import Any

from gatepass._extras import missing_extra
from gatepass.client.layers.loading import Indicator


def spinner(text: str = "Loading …", *, console: Any = None) -> Indicator:
    """Return a spinner of rich. `console`: a `rich.console.Console`, by default one on standard error."""
    try:
        from rich.console import Console
    except ModuleNotFoundError as missing:
        sentence = "The spinner needs its extra: pip install 'gatepass[rich]'"
        raise missing_extra(missing, "rich", sentence=sentence) from None
    return _Spinner(text, console or Console(stderr=True))


def progress_line(text: str = "Loading", **arguments: Any) -> Indicator:
    """Return a line of tqdm with the number of calls, on standard error. `arguments` are those of `tqdm.tqdm`."""
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]
    except ModuleNotFoundError as missing:
        sentence = "The progress line needs tqdm: pip install tqdm"
        raise missing_extra(missing, "tqdm", sentence=sentence) from None
    return _Line(lambda: tqdm(**{"desc": text, "leave": False, "bar_format": "{desc}: {n_fmt}", **arguments}))


def callback(function: Callable[[int], object]) -> Indicator:
    """Return an indicator that calls `function(count)` when the number to show changes; 0: hide.

    The function is called on a thread of the client.
    """
    return _Callback(function)


def _labelled(text: str, count: int) -> str:
    return text if count == 1 else f"{text} ({count})"


class _Spinner:
    def __init__(self, text: str, console: Any) -> None:
        self._text = text
        self._console = console
        self._status: Any = None

    def show(self, count: int) -> None:
        self._status = self._console.status(_labelled(self._text, count))
        self._status.start()

    def update(self, count: int) -> None:
        self._status.update(_labelled(self._text, count))

    def hide(self) -> None:
        self._status.stop()


class _Line:
    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._line: Any = None

    def show(self, count: int) -> None:
        self._line = self._make()
        self.update(count)

    def update(self, count: int) -> None:
        self._line.n = count
        self._line.refresh()

    def hide(self) -> None:
        self._line.close()


class _Callback:
    def __init__(self, function: Callable[[int], object]) -> None:
        self._function = function

    def show(self, count: int) -> None:
        self._function(count)

    def update(self, count: int) -> None:
        self._function(count)

    def hide(self) -> None:
        self._function(0)
