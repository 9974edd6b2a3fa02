"""Firefox by WebDriver BiDi, which it speaks itself: https://w3c.github.io/webdriver-bidi/.

Profiles of tests are its containers ("user contexts"): each has cookies, storage, channels and locks of its own.
"""

import contextlib
import itertools
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.system.browser.engines.interface import BrowserGone, DriverError, PageError
from tests.system.browser.engines.leash import Leashed
from tests.system.browser.engines.script import function_of, result_of
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port

QUIET: Mapping[str, object] = {
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
BLOCKED = {"network.cookie.cookieBehavior": 1}
"""It takes no cookie of another site: the strictest that a person can choose without breaking every page."""
PRIVATE = {"browser.privatebrowsing.autostart": True}
"""Every window is a private one."""


def find_firefox() -> str | None:
    """The executable, if there is one."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    """A Firefox on a profile folder, which may outlast it. `preferences` are further ones of about:config."""

    def __init__(self, folder: Path, preferences: Mapping[str, object] = {}) -> None:
        folder.mkdir(exist_ok=True)
        lines = (
            f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in {**QUIET, **preferences}.items()
        )
        (folder / "user.js").write_text("\n".join(lines))
        port = free_port()
        command = [str(find_firefox()), "--headless", "--no-remote", f"--remote-debugging-port={port}"]
        variables = {**os.environ, "HOME": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1"}
        self._process = Leashed([*command, "--profile", str(folder)], env=variables)
        self.is_gone = False
        self._ids = itertools.count()
        self._stack = contextlib.ExitStack()
        self._stack.callback(self._process.end)
        self._socket = self._connect(port)
        self.command("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})

    def _connect(self, port: int) -> ClientConnection:
        made: list[ClientConnection] = []

        def is_connected() -> bool:
            assert not self._process.has_ended, "Firefox has ended at once"
            address = f"ws://127.0.0.1:{port}/session"
            with contextlib.suppress(OSError):
                made.append(
                    self._stack.enter_context(connect(address, open_timeout=PATIENCE, max_size=None, proxy=None))
                )
            return bool(made)

        until(is_connected, "Firefox")
        return made[0]

    def command(self, method: str, **parameters: Any) -> Any:
        """One command of BiDi, and its result. Raises DriverError if it is refused, BrowserGone if nothing answers."""
        if self.is_gone:
            raise BrowserGone(method)
        number = next(self._ids)
        try:
            self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
            while (message := json.loads(self._socket.recv(PATIENCE))).get("id") != number:
                pass  # an event
        except (ConnectionClosed, TimeoutError) as error:
            self.is_gone = True
            raise BrowserGone(method) from error
        if message["type"] == "error":
            raise DriverError(f"{method}: {message['error']}: {message['message']}")
        return message["result"]

    def new_profile(self) -> "Container":
        """See Engine."""
        return Container(self, self.command("browser.createUserContext")["userContext"])

    @property
    def own_profile(self) -> "Container":
        """What this Firefox keeps in its folder."""
        return Container(self, "default")

    def close(self) -> None:
        """Close the browser, as its owner does."""
        with contextlib.suppress(BrowserGone):
            self.command("browser.close")
            self._process.wait()
        self._stack.close()


class Container:
    """See Profile."""

    def __init__(self, firefox: Firefox, name: str) -> None:
        self._firefox = firefox
        self._name = name

    def new_page(self) -> "FirefoxPage":
        """See Profile. A window: tabs behind another one are hidden, and no page of the other engines is."""
        created = self._firefox.command("browsingContext.create", type="window", userContext=self._name)
        return FirefoxPage(self._firefox, self, created["context"])

    def cookies(self) -> list[dict[str, Any]]:
        """See Profile."""
        found = self._firefox.command("storage.getCookies", partition=self._partition())["cookies"]
        return [
            {
                **cookie,
                "value": cookie["value"]["value"],
                "sameSite": cookie["sameSite"].capitalize(),
                "expires": cookie.get("expiry", -1),
            }
            for cookie in found
        ]

    def clear_cookies(self) -> None:
        """See Profile."""
        self._firefox.command("storage.deleteCookies", partition=self._partition())

    def _partition(self) -> dict[str, str]:
        return {"type": "storageKey", "userContext": self._name}

    def close(self) -> None:
        """See Profile."""
        with contextlib.suppress(BrowserGone):
            self._firefox.command("browser.removeUserContext", userContext=self._name)


class FirefoxPage:
    """See Page."""

    def __init__(self, firefox: Firefox, profile: Container, name: str) -> None:
        self._firefox = firefox
        self._name = name
        self.context = profile

    @property
    def url(self) -> str:
        """See Page."""
        tree = self._firefox.command("browsingContext.getTree", root=self._name)
        return str(tree["contexts"][0]["url"])

    def goto(self, url: str) -> None:
        """See Page."""
        self._firefox.command("browsingContext.navigate", context=self._name, url=url, wait="complete")

    def reload(self) -> None:
        """See Page."""
        self._firefox.command("browsingContext.reload", context=self._name, wait="complete")

    def evaluate(self, expression: str, arg: Any = None) -> Any:
        """See Page."""
        return result_of(str(self._run(f"({function_of(expression, arg)})()")["value"]))

    def click(self, selector: str) -> None:
        """See Page."""
        node = self._run(f"document.querySelector({json.dumps(selector)})")
        assert "sharedId" in node, selector
        at = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        steps = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": at},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        actions = [{"type": "pointer", "id": "mouse", "actions": steps}]
        self._firefox.command("input.performActions", context=self._name, actions=actions)

    def close(self) -> None:
        """See Page."""
        self._firefox.command("browsingContext.close", context=self._name)

    def _run(self, expression: str) -> Any:
        outcome = self._firefox.command(
            "script.evaluate", expression=expression, target={"context": self._name}, awaitPromise=True
        )
        if outcome["type"] == "exception":
            raise PageError(outcome["exceptionDetails"]["text"])
        return outcome["result"]
