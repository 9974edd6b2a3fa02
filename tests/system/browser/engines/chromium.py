"""Chromium by Playwright. Its contexts and pages are a Profile and Pages as they are."""

from pathlib import Path

from playwright.sync_api import Browser, BrowserContext

from tools.services.patience import PATIENCE

TIME = Path(__file__).parents[1] / "pages" / "time.js"


class Chromium:
    """See Engine."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @property
    def is_gone(self) -> bool:
        """See Engine. The fixture that has started it would have to start it anew."""
        return False

    def new_profile(self) -> BrowserContext:
        """See Engine."""
        return prepared(self._browser.new_context(ignore_https_errors=True))

    def close(self) -> None:
        """See Engine. The fixture that has started it ends it."""


def prepared(profile: BrowserContext) -> BrowserContext:
    """A profile whose pages have their time from their test, and are waited for as long as anything here."""
    profile.set_default_timeout(PATIENCE * 1_000)
    profile.add_init_script(path=TIME)
    return profile
