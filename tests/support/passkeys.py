"""What the tests of passkeys do at the endpoints: register, add a key, sign in with it."""

from typing import Any

from gatepass.core.event import PasskeyRefused
from gatepass.core.policy import Policy
from gatepass.core.principal import Principal
from gatepass.factors.options import Passkeys
from gatepass.testing.soft_token import Credential, Lie, SoftToken
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, ORIGIN, Browser
from tests.support.gates import GateHarness

OPTIONS = Passkeys(rp_id="gate.example", service="Gate")
OPTIONAL = Passkeys(rp_id="gate.example", user_verification="preferred")
POLICY = Policy(registration="open")


async def ann_of(at: GateHarness, email: str = EMAIL) -> Browser:
    """A person who has just registered with a password."""
    browser = Browser(at.gate.asgi)
    assert (await browser.register(email)).status == 201
    return browser


async def options_of(browser: Browser, path: str = "/login/passkey/options") -> dict[str, Any]:
    answer = await browser.ask(path)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


async def add(browser: Browser, token: SoftToken, *, lie: Lie | None = None, **more: Any) -> Answer:
    """Make a passkey and send it. An account that has one adds another in a session with several factors."""
    options = await options_of(browser, "/passkeys/options")
    return await browser.ask("/passkeys", response=token.create(options, origin=ORIGIN, lie=lie), **more)


async def enter(
    browser: Browser, token: SoftToken, *, lie: Lie | None = None, chosen: Credential | None = None, **more: Any
) -> Answer:
    """Sign in with a passkey, without a name."""
    response = token.get(await options_of(browser), origin=ORIGIN, lie=lie, chosen=chosen)
    return await browser.enter("/login/passkey", response=response, **more)


async def with_passkey(at: GateHarness, token: SoftToken, email: str = EMAIL) -> Browser:
    """A person who has added a passkey and signed in with it."""
    ann = await ann_of(at, email)
    assert (await add(ann, token)).status == 201
    assert (await enter(ann, token)).status == 200
    return ann


def principal_of(at: GateHarness, browser: Browser) -> Principal:
    return at.gate.check.principal([browser.bearer[1]])


def reasons(at: GateHarness) -> list[str]:
    return [event.why for event in at.events if isinstance(event, PasskeyRefused)]


async def remove(browser: Browser, passkey_id: str) -> tuple[int, str | None]:
    answer = await browser.send("DELETE", f"/passkeys/{passkey_id}", headers=[browser.bearer])
    return answer.status, answer.code if answer.body else None
