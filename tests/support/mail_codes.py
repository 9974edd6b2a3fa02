"""What the tests of codes by mail do: ask for one, read it in the mailbox, show it."""

from typing import Any

from gatepass.core.policy import Policy
from gatepass.testing import mail_code
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, Browser
from tests.support.mail import Post

POLICY = Policy(registration="open", mail_codes=True)
BOB = "bob@example.com"


async def ask(browser: Browser, email: str = EMAIL, **more: Any) -> str:
    """Ask for a code; the ticket."""
    answer = await browser.enter("/login/mail-code/request", email=email, **more)
    assert answer.status == 200, answer.body
    return str(answer.json()["ticket"])


async def code_at(at: Post) -> str:
    """The code in the newest mail."""
    return mail_code((await at.mails())[-1])


async def show(browser: Browser, ticket: str, code: str, **more: Any) -> Answer:
    """Sign in with a code."""
    return await browser.ask("/login/mail-code", ticket=ticket, code=code, **more)


def wrong(code: str) -> str:
    """Another code of the same form."""
    return ("1" if code[0] == "0" else "0") + code[1:]


def other_browser(at: Post, number: int = 2) -> Browser:
    return at.browser(key=bytes([number]) * 32, address=f"198.51.{number}.7")
