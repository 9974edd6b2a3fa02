"""What an application hangs into a gate is plain or async, and never stands in the way of a request (E5)."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from gatepass.accounts.external import AuthenticatedUser
from gatepass.core.claims import Tokens
from gatepass.core.event import AllSessionsEnded, Event
from gatepass.core.hook_facts import RequestFacts
from gatepass.core.secret import Secret
from gatepass.core.session import Session
from gatepass.core.strict_json import Json
from gatepass.errors import ConfigurationError
from gatepass.hooks import call_hook
from gatepass.mail.options import Mail
from gatepass.mail.templates import MailTemplates
from gatepass.ports import Message
from gatepass.runtime import event_delivery
from gatepass.runtime.event_delivery import EventDelivery
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import NOW, open_gate

MAIN = threading.main_thread()


class Asked:
    async def __call__(self, text: str) -> str:
        return text


def plain(text: str) -> str:
    assert threading.current_thread() is not MAIN
    return text


async def asynchronous(text: str) -> str:
    assert threading.current_thread() is MAIN
    return text


@pytest.mark.parametrize(
    "hook", [plain, asynchronous, Asked(), partial(plain), partial(asynchronous), lambda text: asynchronous(text)]
)
async def test_a_hook_of_any_kind_is_called_and_a_plain_one_off_the_loop(hook: Callable[[str], Any]) -> None:
    assert await call_hook(hook, "x") == "x"
    assert await call_hook(hook, text=Secret("y")) == "y"


@pytest.mark.parametrize("fault", [SystemExit(1), asyncio.CancelledError()])
async def test_a_hook_ends_neither_the_process_nor_the_task_of_its_caller(fault: BaseException) -> None:
    def plain_one() -> None:
        raise fault

    async def async_one() -> None:
        raise fault

    for hook in (plain_one, async_one):
        with pytest.raises(RuntimeError, match=f"raised {type(fault).__name__}"):
            await call_hook(hook)


async def test_a_task_that_is_cancelled_while_a_hook_runs_is_cancelled() -> None:
    begun = asyncio.Event()

    async def waits() -> None:
        begun.set()
        await asyncio.Event().wait()

    task: asyncio.Task[None] = asyncio.create_task(call_hook(waits))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_secret_is_revealed_to_the_hook_and_shown_by_no_frame_of_ours() -> None:
    def fails(_text: str) -> None:
        raise ValueError

    with pytest.raises(ValueError) as caught:
        await call_hook(fails, Secret("canary"))
    frames = [
        entry.frame
        for entry in caught.traceback
        if str(entry.path).endswith(("gatepass/hooks.py", "asyncio/threads.py"))
    ]
    assert frames
    assert not any("canary" in repr(frame.f_locals) for frame in frames)


class Listener:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def plain(self, event: Event) -> None:
        assert threading.current_thread() is not MAIN
        self.heard.append(event.name)

    async def asynchronous(self, event: Event) -> None:
        await asyncio.sleep(0)
        self.heard.append(event.name)


async def test_listeners_of_both_kinds_hear_all_events_in_their_order() -> None:
    listeners = [Listener(), Listener()]
    async with open_gate() as at:
        at.gate.on_event(listeners[0].plain)
        at.gate.on_event(listeners[1].asynchronous)
        ann = Browser(at.gate.asgi)
        await ann.register()
        await ann.refresh()
        await ann.logout()
        expected = [event.name for event in at.events]
    assert [listener.heard for listener in listeners] == [expected, expected]
    assert len(expected) == 4


async def test_a_listener_that_blocks_or_fails_keeps_no_request_waiting() -> None:
    go_on, heard = threading.Event(), Listener()

    def blocks(event: Event) -> None:
        go_on.wait()

    async def fails(event: Event) -> None:
        raise RuntimeError(event.name)

    async with open_gate() as at:
        for listener in (blocks, fails, heard.plain):
            at.gate.on_event(listener)
        try:
            assert (await Browser(at.gate.asgi).register()).status == 201
        finally:
            go_on.set()
    assert len(heard.heard) == 2


async def test_a_listener_that_is_too_slow_loses_events_and_the_log_says_how_many(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_delivery, "MAX_WAITING", 4)
    listener = Listener()
    delivery = EventDelivery(listener.asynchronous)
    for _ in range(10):
        delivery(AllSessionsEnded(at=NOW, epoch=NOW))
    await delivery.finish()
    assert len(listener.heard) == 4
    assert "6 events were not delivered" in caplog.text


def roles(_session: Session) -> Mapping[str, Json]:
    assert threading.current_thread() is not MAIN
    return {"roles": ["editor"]}


async def roles_async(_session: Session) -> Mapping[str, Json]:
    await asyncio.sleep(0)
    return {"roles": ["editor"]}


@pytest.mark.parametrize("hook", [roles, roles_async])
async def test_claims_may_be_asked_of_either_kind_of_function(hook: Any) -> None:
    async with open_gate(tokens=Tokens(claims=hook)) as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        assert (await ann.refresh()).status == 200
        assert at.gate.check.principal([ann.bearer[1]]).claims["roles"] == ["editor"]


class Users:
    def authenticate(self, email: str, password: str, _request: RequestFacts) -> AuthenticatedUser | None:
        assert threading.current_thread() is not MAIN
        return AuthenticatedUser("7", email) if password == PASSWORD else None

    def find(self, user_id: str) -> AuthenticatedUser | None:
        assert threading.current_thread() is not MAIN
        return AuthenticatedUser(user_id, EMAIL) if user_id == "7" else None


class AsyncUsers:
    async def authenticate(self, email: str, password: str, _request: RequestFacts) -> AuthenticatedUser | None:
        return AuthenticatedUser("7", email) if password == PASSWORD else None

    async def find(self, user_id: str) -> AuthenticatedUser | None:
        return AuthenticatedUser(user_id, EMAIL) if user_id == "7" else None


@pytest.mark.parametrize("users", [Users(), AsyncUsers()])
async def test_external_users_may_be_asked_by_either_kind(users: Any) -> None:
    async with open_gate(users=users) as at:
        ann = Browser(at.gate.asgi)
        assert (await ann.login(password="wrong wrong wrong")).status == 401
        assert (await ann.login()).status == 200
        assert await at.gate.accounts.authenticated("7", ip_prefix="") is not None
        assert await at.gate.accounts.authenticated("8", ip_prefix="") is None


class Templates(MailTemplates):
    def reset(self, to: str, *, link: str, minutes: int) -> Message:
        assert threading.current_thread() is not MAIN
        return Message(to, "plain", link)


class AsyncTemplates(MailTemplates):
    async def reset(self, to: str, *, link: str, minutes: int) -> Message:
        return Message(to, "async", link)


class Mailbox:
    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        assert threading.current_thread() is not MAIN
        self.sent.append(message)


@pytest.mark.parametrize("templates", [Templates("Example"), AsyncTemplates("Example")])
async def test_mail_is_written_and_sent_by_either_kind(templates: MailTemplates) -> None:
    mailbox = Mailbox()
    async with open_gate(mail=Mail(mailbox, templates=templates)) as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        await ann.send("POST", "/password/forgot", body={"email": EMAIL}, headers=[("gatepass-client", "1")])
    assert [mail.to for mail in mailbox.sent if mail.subject in ("plain", "async")] == [EMAIL]


async def test_a_listener_that_cannot_be_called_with_an_event_is_refused_at_once() -> None:
    async with open_gate() as at:
        for wrong in (lambda: None, lambda one, two: None, "heard", None):
            with pytest.raises(ConfigurationError, match="one parameter, the event"):
                at.gate.on_event(wrong)  # type: ignore[arg-type]
        at.gate.on_event(print)
