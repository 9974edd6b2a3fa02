"""Firefox and WebKit by WebDriver, for what must hold in every browser. Playwright's own builds are not Debian's.

Firefox speaks WebDriver's commands on a socket of its own (Marionette), WebKitGTK's MiniBrowser by WebKitWebDriver over
HTTP. Both have the same commands and results, so a `Driver` is one function, `command`.

    firefox-esr                              Debian's package, headless
    webkit2gtk-driver, libwebkit2gtk-*, xvfb   WebKitWebDriver, MiniBrowser, and a screen for it
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from tests.support.process import is_listening
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port

SETTLE = """
const done = arguments[arguments.length - 1];
const say = (value) => done(JSON.stringify(value ?? null));
(async () => { %s })().then(say, (error) => say({ thrown: `${error}` }));
"""
QUIET = {
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "services.settings.server": "data:,",
    "toolkit.telemetry.unified": False,
}
"""A Firefox that makes no requests of its own."""


class Driver(Protocol):
    """A browser."""

    def command(self, name: str, parameters: Mapping[str, object] = {}) -> Any:
        """One command of WebDriver, by its name there: the value of its answer."""


class Tab:
    """A tab of a browser."""

    def __init__(self, driver: Driver, handle: str) -> None:
        self._driver = driver
        self.handle = handle

    def go(self, url: str) -> None:
        """Load a page, and wait for it."""
        self._switch()
        self._driver.command("Navigate To", {"url": url})

    def reload(self) -> None:
        """Load it again."""
        self._switch()
        self._driver.command("Refresh")

    def run(self, body: str) -> Any:
        """What the body of an async function returns, as JSON."""
        self._switch()
        value = json.loads(self._driver.command("Execute Async Script", {"script": SETTLE % body, "args": []}))
        assert not (isinstance(value, dict) and "thrown" in value), value
        return value

    def cookies(self) -> list[dict[str, Any]]:
        """All cookies of the page's host, those that no script reads too."""
        self._switch()
        found: list[dict[str, Any]] = self._driver.command("Get All Cookies")
        return found

    def _switch(self) -> None:
        self._driver.command("Switch To Window", {"handle": self.handle})


class Firefox:
    """A Firefox on a profile, by Marionette: `[0, id, name, parameters]` and `[1, id, error, value]`, with lengths."""

    names: Mapping[str, str] = {
        "Navigate To": "Navigate",
        "Get All Cookies": "GetCookies",
        "Execute Async Script": "ExecuteAsyncScript",
        "Switch To Window": "SwitchToWindow",
        "New Window": "NewWindow",
    }

    def __init__(self, profile: Path) -> None:
        port = free_port()
        profile.mkdir(exist_ok=True)
        preferences = {**QUIET, "marionette.port": port}
        lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in preferences.items())
        (profile / "user.js").write_text("\n".join(lines))
        command = [str(find_firefox()), "--headless", "--no-remote", "--marionette", "--profile", str(profile)]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, "HOME": str(profile), "MOZ_CRASHREPORTER_DISABLE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: is_listening(port), "Firefox")
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._file = self._socket.makefile("rb")
        self._read()
        self._count = 0
        self.command("NewSession")

    def command(self, name: str, parameters: Mapping[str, object] = {}) -> Any:
        """See Driver."""
        self._count += 1
        message = json.dumps([0, self._count, f"WebDriver:{self.names.get(name, name)}", dict(parameters)])
        self._socket.sendall(f"{len(message.encode())}:{message}".encode())
        _, _, error, value = self._read()
        assert not error, error
        is_wrapped = isinstance(value, dict) and value.keys() == {"value"}
        return value["value"] if is_wrapped else value

    def _read(self) -> Any:
        length = b""
        while (digit := self._file.read(1)) != b":":
            assert digit, "Firefox has ended"
            length += digit
        return json.loads(self._file.read(int(length)))

    def close(self) -> None:
        """Close the browser, as its owner does."""
        with contextlib.suppress(AssertionError):
            _quit = json.dumps([0, self._count + 1, "Marionette:Quit", {"flags": ["eForceQuit"]}])
            self._socket.sendall(f"{len(_quit)}:{_quit}".encode())
            self._read()
        self._process.wait(PATIENCE)
        self._file.close()
        self._socket.close()


class WebKit:
    """A MiniBrowser on a screen that nobody sees, by WebKitWebDriver. What it stores ends with it."""

    paths: Mapping[str, tuple[str, str]] = {
        "Navigate To": ("POST", "/url"),
        "Refresh": ("POST", "/refresh"),
        "Get All Cookies": ("GET", "/cookie"),
        "Execute Async Script": ("POST", "/execute/async"),
        "Switch To Window": ("POST", "/window"),
        "GetWindowHandle": ("GET", "/window"),
        "New Window": ("POST", "/window/new"),
        "SetTimeouts": ("POST", "/timeouts"),
    }

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        port = free_port()
        read, write = os.pipe()
        self._screen = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "1024x768x24", "-nolisten", "tcp"],
            pass_fds=[write],
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with open(read) as display:
            screen = f":{display.readline().strip()}"
        self._process = subprocess.Popen(
            ["WebKitWebDriver", f"--port={port}"],
            env={**os.environ, "DISPLAY": screen, "GDK_BACKEND": "x11", "HOME": str(folder), "NO_AT_BRIDGE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: is_listening(port), "WebKitWebDriver")
        self._url = f"http://127.0.0.1:{port}/session"
        options = {"binary": str(find_minibrowser()), "args": ["--automation"]}
        capabilities = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        self._url += "/" + self._call("POST", "", capabilities)["sessionId"]

    def command(self, name: str, parameters: Mapping[str, object] = {}) -> Any:
        """See Driver."""
        method, path = self.paths[name]
        return self._call(method, path, parameters)

    def _call(self, method: str, path: str, parameters: Mapping[str, object]) -> Any:
        body = json.dumps(dict(parameters)).encode() if method == "POST" else None
        request = urllib.request.Request(self._url + path, method=method, data=body)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)["value"]

    def close(self) -> None:
        """Close the browser and its screen."""
        self._call("DELETE", "", {})
        for process in (self._process, self._screen):
            process.terminate()
            process.wait(PATIENCE)


def new_tab(driver: Driver, *, private: bool = False) -> Tab:
    """Another tab, or in Firefox a `private` window."""
    kind: dict[str, object] = {"type": "window", "private": True} if private else {"type": "tab"}
    return Tab(driver, driver.command("New Window", kind)["handle"])


def find_firefox() -> Path | None:
    """The executable, if there is one."""
    return next((Path(found) for name in ("firefox-esr", "firefox") if (found := shutil.which(name))), None)


def find_minibrowser() -> Path | None:
    """WebKitGTK's MiniBrowser, if it, its driver and Xvfb are there."""
    if not (shutil.which("WebKitWebDriver") and shutil.which("Xvfb")):
        return None
    return next(iter(sorted(Path("/usr/lib").glob("*/webkit2gtk-4*/MiniBrowser"))), None)


@contextlib.contextmanager
def opened(driver: Firefox | WebKit) -> Iterator[Firefox | WebKit]:
    """Close it at the end."""
    try:
        yield driver
    finally:
        driver.close()
