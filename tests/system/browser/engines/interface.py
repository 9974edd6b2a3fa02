"""What a test may ask of every browser: the part of Playwright's names that Firefox and WebKit have here too.

A network that fails, and an answer that is lost, are no matter of the browser: `Stage.proxy` does that.
"""

from typing import Any, Protocol


class PageError(Exception):
    """What an expression has thrown within a page."""


class DriverError(Exception):
    """Why a browser has not done what it was told, such as to look at a page that it was just leaving."""


class BrowserGone(Exception):
    """A browser has ended, or does not answer. What it is told next fails at once, and another one takes its place."""


class Page(Protocol):
    """A tab."""

    @property
    def url(self) -> str:
        """Where it is."""

    @property
    def context(self) -> Any:
        """The profile that it is of."""

    def goto(self, url: str) -> object:
        """Load a page, and wait for it."""

    def reload(self) -> object:
        """Load it again, and wait for it."""

    def evaluate(self, expression: str, arg: Any = None) -> Any:
        """The value of an expression as JSON. A function is called with `arg`, a promise is awaited."""

    def click(self, selector: str) -> None:
        """Press what this CSS selector names, as a person does."""

    def close(self) -> None:
        """Close the tab."""


class Profile(Protocol):
    """A browser profile: a cookie jar and a storage of its own."""

    def new_page(self) -> Any:
        """Open another tab: a Page."""

    def cookies(self) -> Any:
        """All: dicts with `name`, `value`, `httpOnly`, `secure`, `sameSite`, `expires` (-1: with the browser)."""

    def clear_cookies(self) -> None:
        """Delete them all, as a person does in the settings."""

    def close(self) -> None:
        """Close it with its tabs; what it has stored is gone."""


class Engine(Protocol):
    """A browser that is running."""

    @property
    def is_gone(self) -> bool:
        """Whether the next test needs another one."""

    def new_profile(self) -> Profile:
        """Make an empty profile."""

    def close(self) -> None:
        """End the browser."""
