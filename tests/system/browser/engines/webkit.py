"""WebKitGTK's MiniBrowser on a virtual screen, by WebDriver: https://w3c.github.io/webdriver/.

A profile is a browser of its own, and a tab a window of it. A profile that was closed is used again by the next test
once its cookies are deleted: what it has stored is of the origin of another stage, whose port was another one.
"""

import contextlib
import http.client
import itertools
import json
import os
import select
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.process import is_listening
from tests.system.browser.engines.interface import BrowserGone, DriverError
from tests.system.browser.engines.leash import Leashed
from tests.system.browser.engines.script import function_of, result_of
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port

_CALL = "(window.calls ??= []).push(%d); const done = arguments[0]; (%s)().then(done);"
_IS_THERE = "return window.calls?.includes(arguments[0]) ?? false"
_numbers = itertools.count()
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The member that holds the name of an element (WebDriver §12)."""
_DELAY = 10.0
"""Seconds. The driver says of a page that has taken all of PATIENCE that it has, unless it hangs itself."""
_PAUSE = 2.0
"""Seconds between two looks whether the page of a script that is under way is still there."""


def find_minibrowser() -> str | None:
    """WebKitGTK's MiniBrowser, if it, its driver and Xvfb are there."""
    if not (shutil.which("WebKitWebDriver") and shutil.which("Xvfb")):
        return None
    return next(iter(sorted(map(str, Path("/usr/lib").glob("*/webkit2gtk-4*/MiniBrowser")))), None)


class WebKit:
    """See Engine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._all: list[Browser] = []
        self._free: list[Browser] = []
        read, write = os.pipe()
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
        self._screen = Leashed(command, keep=[write])
        os.close(write)
        with open(read) as display:
            self._display = f":{display.readline().strip()}"

    @property
    def is_gone(self) -> bool:
        """See Engine. Each profile is a browser of its own."""
        return self._screen.has_ended

    def new_profile(self) -> "Browser":
        """See Engine."""
        if self._free:
            return self._free.pop()
        self._all.append(Browser(self._folder, self._display, self._free))
        return self._all[-1]

    def close(self) -> None:
        """See Engine."""
        for browser in self._all:
            browser.end()
        self._screen.end()


class Browser:
    """See Profile. `free` takes it when it is closed."""

    def __init__(self, folder: Path, display: str, free: list["Browser"]) -> None:
        port = free_port()
        self._free = free
        variables = {**os.environ, "DISPLAY": display, "GDK_BACKEND": "x11", "HOME": str(folder), "NO_AT_BRIDGE": "1"}
        self._process = Leashed(["WebKitWebDriver", f"--port={port}"], env=variables)
        self._is_gone = False
        until(lambda: is_listening(port), "WebKitWebDriver")
        self._port = port
        self._base = "/session"
        options = {"binary": find_minibrowser(), "args": ["--automation"]}
        wanted = {"webkitgtk:browserOptions": options, "acceptInsecureCerts": True}
        self._base += "/" + self.send("POST", "", capabilities={"alwaysMatch": wanted})["sessionId"]
        self.send("POST", "/timeouts", script=PATIENCE * 1_000, pageLoad=PATIENCE * 1_000)
        self._first: str = self.send("GET", "/window")

    def send(self, method: str, path: str, **parameters: Any) -> Any:
        """One command, and its value. Raises DriverError if it is refused, BrowserGone if nothing answers."""
        return self.send_while(lambda: True, method, path, **parameters)

    def send_while(self, is_wanted: Callable[[], bool], method: str, path: str, **parameters: Any) -> Any:
        """The same, and DriverError too where the answer is not wanted any more. The driver takes others meanwhile."""
        if self._is_gone:
            raise BrowserGone(path)
        end = time.monotonic() + PATIENCE + _DELAY
        body = json.dumps(parameters).encode() if method == "POST" else None
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        with contextlib.closing(connection):
            try:
                connection.request(method, self._base + path, body)
                while not select.select([connection.sock], [], [], _PAUSE)[0]:
                    if not is_wanted():
                        raise DriverError(f"{path}: what was asked is no more")
                    if time.monotonic() > end:
                        raise TimeoutError
                answer = connection.getresponse()
                said = answer.read().decode()
                if answer.status < 400:
                    return json.loads(said)["value"]
                cause: Exception = DriverError(said)
            except (OSError, ValueError, http.client.HTTPException) as error:
                cause = error
        # What it says of a browser that has crashed.
        if isinstance(cause, DriverError) and "invalid session id" not in str(cause):
            raise cause
        self._is_gone = True
        raise BrowserGone(path) from cause

    def new_page(self) -> "WebKitPage":
        """See Profile."""
        return WebKitPage(self, self.send("POST", "/window/new", type="window")["handle"])

    def cookies(self) -> list[dict[str, Any]]:
        """See Profile: those of the page that was loaded last. WebDriver tells of no others."""
        found: list[dict[str, Any]] = self.send("GET", "/cookie")
        return [{**cookie, "expires": cookie.get("expiry", -1)} for cookie in found]

    def clear_cookies(self) -> None:
        """See Profile."""
        self.send("DELETE", "/cookie")

    def close(self) -> None:
        """See Profile."""
        try:
            self._empty()
        except BrowserGone:
            self.end()
        else:
            self._free.append(self)

    def _empty(self) -> None:
        """Close its tabs, and delete its cookies."""
        for handle in self.send("GET", "/window/handles"):
            self.send("POST", "/window", handle=handle)
            with contextlib.suppress(DriverError):
                self.clear_cookies()
            if handle != self._first:
                self.send("DELETE", "/window")
        self.send("POST", "/window", handle=self._first)

    def end(self) -> None:
        """End the driver and its browser."""
        with contextlib.suppress(BrowserGone, DriverError):
            self.send("DELETE", "")
        self._is_gone = True
        self._process.end()


class WebKitPage:
    """See Page."""

    def __init__(self, browser: Browser, handle: str) -> None:
        self._browser = browser
        self._handle = handle

    @property
    def context(self) -> Browser:
        """See Page."""
        self._send("GET", "/url")
        return self._browser

    @property
    def url(self) -> str:
        """See Page."""
        return str(self._send("GET", "/url"))

    def goto(self, url: str) -> None:
        """See Page."""
        self._send("POST", "/url", url=url)

    def reload(self) -> None:
        """See Page."""
        self._send("POST", "/refresh")

    def evaluate(self, expression: str, arg: Any = None) -> Any:
        """See Page. Of a page that WebKit keeps for the way back, the driver never says what became of a script."""
        number = next(_numbers)

        def is_there() -> bool:
            return bool(self._browser.send("POST", "/execute/sync", script=_IS_THERE, args=[number]))

        self._browser.send("POST", "/window", handle=self._handle)
        script = _CALL % (number, function_of(expression, arg))
        return result_of(self._browser.send_while(is_there, "POST", "/execute/async", script=script, args=[]))

    def click(self, selector: str) -> None:
        """See Page."""
        element = self._send("POST", "/element", using="css selector", value=selector)[_ELEMENT]
        self._send("POST", f"/element/{element}/click")

    def close(self) -> None:
        """See Page."""
        self._send("DELETE", "/window")

    def _send(self, method: str, path: str, **parameters: Any) -> Any:
        self._browser.send("POST", "/window", handle=self._handle)
        return self._browser.send(method, path, **parameters)
