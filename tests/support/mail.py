"""Mail in tests: a mailer that keeps what it is given, and a browser's way to the links in it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

from gatepass.core.policy import Policy
from gatepass.errors import DeliveryFailed
from gatepass.mail import Mail, outbox
from gatepass.ports import Message
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate


class Postbox:
    """A Mailer that keeps its mail. `failures` are raised first, one for each attempt."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.failures: list[DeliveryFailed] = []
        self.attempts = 0

    async def send(self, message: Message) -> None:
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        self.messages.append(message)


class Post:
    """A gate with mail, and what was sent."""

    def __init__(self, at: GateHarness, box: Postbox) -> None:
        self.at = at
        self.box = box

    def browser(self, **options: Any) -> Browser:
        return Browser(self.at.gate.asgi, **options)

    async def mails(self) -> list[Message]:
        """Every mail so far, once the outbox is empty."""
        assert self.at.gate.outbox is not None
        await self.at.gate.outbox.drained()
        return self.box.messages

    async def subjects(self) -> list[tuple[str, str]]:
        """To whom and about what."""
        return [(mail.to, mail.subject.partition(" for ")[0]) for mail in await self.mails()]

    async def token(self) -> str:
        """The token in the newest mail that has one."""
        found = [re.search(r"#token=(\S+)", mail.text) for mail in await self.mails()]
        return next(match[1] for match in reversed(found) if match)

    async def ask(self, path: str, body: object, *, browser: Browser | None = None, method: str = "POST") -> Answer:
        """A request without a session, or of a signed-in browser."""
        caller = browser or self.browser()
        headers = [("gatepass-client", "1")]
        if caller.access_token:
            headers.append(caller.bearer)
        return await caller.send(method, path, body=body, headers=headers)

    async def verified(self, email: str = EMAIL, password: str = PASSWORD) -> Browser:
        """A browser that has registered and confirmed."""
        browser = self.browser()
        assert (await browser.register(email, password)).status == 202
        answer = await self.ask("/verify", {"token": await self.token(), "password": password}, browser=browser)
        assert answer.status == 201, answer.body
        return browser


@asynccontextmanager
async def post(**overrides: Any) -> AsyncIterator[Post]:
    """A gate that verifies addresses; `overrides` are arguments of Gatepass, `security_mail` an option of its mail.

    One task sends, so that what comes in the order of its jobs is no matter of their delays.
    """
    box = Postbox()
    mail = Mail(box, security_mail=overrides.pop("security_mail", True))
    arguments = {"policy": Policy(registration="verify"), "mail": mail, **overrides}
    with patch.object(outbox, "_NAMES", outbox._NAMES[:1]):
        async with open_gate(**arguments) as at:
            yield Post(at, box)
