"""The middleware: `required`, websockets, scopes that it passes on, problems that the application does not handle."""

import traceback

import pytest

from gatepass import Browsers, Pages
from gatepass.access import asgi
from gatepass.core.claims import Tokens
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.wire.asgi import WITHHELD, Message, Receive, Scope, Send, Withheld
from tests.support.asgi import call
from tests.support.browser import RT, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.websocket import connect


async def signed_in(at: GateHarness) -> Browser:
    ann = Browser(at.gate.asgi)
    await ann.register()
    return ann


class Recorder:
    """An application that records its scopes and responds 204."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class TestRequired:
    async def test_nothing_reaches_the_application_without_a_valid_token(self) -> None:
        async with open_gate() as at:
            ann = await signed_in(at)
            inside = Recorder()
            app = at.gate.guard(inside, required=True)
            for headers in ([], [("authorization", "Bearer x")], [("cookie", f"{RT}={ann.rt}")]):
                assert (await call(app, "GET", "/anything", headers=headers)).status == 401
            assert inside.scopes == []
            assert (await call(app, "GET", "/anything", headers=[ann.bearer])).status == 204

    async def test_a_websocket_without_a_token_is_closed_before_it_opens(self) -> None:
        async with open_gate() as at:
            ann = await signed_in(at)
            inside = Recorder()
            app = at.gate.guard(inside, required=True)
            (refusal,) = await connect(app, "/ws")
            assert (refusal["type"], refusal["code"]) == ("websocket.close", 1008)
            assert inside.scopes == []
            (accepted,) = await connect(app, "/ws", headers=[ann.bearer])
            assert accepted["type"] == "websocket.accept"


async def test_a_websocket_bears_no_refresh_cookie_either() -> None:
    async with open_gate() as at:
        ann = await signed_in(at)
        inside = Recorder()
        await connect(at.gate.guard(inside), "/ws", headers=[("cookie", f"a=b; {RT}={ann.rt}")])
        assert inside.scopes[0]["headers"] == [(b"cookie", b"a=b")]


async def test_the_callers_scope_is_left_as_it_was() -> None:
    async with open_gate() as at:
        inside = Recorder()
        headers = [(b"cookie", f"{RT}=x".encode())]
        scope: dict[str, object] = {"type": "http", "headers": headers}

        async def receive() -> Message:
            raise AssertionError

        async def send(message: Message) -> None:
            pass

        await at.gate.guard(inside)(scope, receive, send)
        assert scope == {"type": "http", "headers": [(b"cookie", f"{RT}=x".encode())]}


async def test_what_was_withheld_does_not_print_itself() -> None:
    async with open_gate() as at:
        inside = Recorder()
        await call(at.gate.guard(inside), "GET", "/", headers=[("cookie", f"{RT}=canary-1")])
        held = inside.scopes[0][WITHHELD]
        assert isinstance(held, Withheld)
        assert held.text == f"{RT}=canary-1".encode()
        assert "canary-1" not in f"{held!r} {held!s} {inside.scopes[0]}"


async def test_other_scopes_pass_through() -> None:
    async with open_gate() as at:
        seen = []

        async def inside(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope)

        async def receive() -> Message:
            raise AssertionError

        async def send(message: Message) -> None:
            raise AssertionError

        scope = {"type": "lifespan"}
        await at.gate.guard(inside, required=True)(scope, receive, send)
        assert seen == [scope]


async def test_problems_that_an_application_lets_through_are_answered_as_documents() -> None:
    async with open_gate() as at:

        async def inside(scope: Scope, receive: Receive, send: Send) -> None:
            raise StoreUnavailable

        answer = await call(at.gate.guard(inside), "GET", "/")
        assert (answer.status, answer.code, answer.one("retry-after")) == (503, "store-unavailable", "1")


async def test_an_application_without_a_guard_is_told_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match=r"gate\.guard\(app\)"):
        asgi.current_principal({"type": "http", "headers": [], "state": {}})


async def test_two_gates_do_not_answer_for_each_other() -> None:
    """An application and its administration in one process: the inner guard decides."""
    async with open_gate() as staff, open_gate(tokens=Tokens(issuer="https://staff.example")) as people:
        ann = await signed_in(people)

        async def inside(scope: Scope, receive: Receive, send: Send) -> None:
            asgi.current_principal(scope)
            await Recorder()(scope, receive, send)

        bearer = [ann.bearer]
        assert (await call(people.gate.guard(inside), "GET", "/", headers=bearer)).status == 204
        assert (await call(staff.gate.guard(inside), "GET", "/", headers=bearer)).status == 401
        nested = people.gate.guard(staff.gate.guard(inside))
        assert (await call(nested, "GET", "/", headers=bearer)).status == 401


@pytest.mark.parametrize("required", [True, False])
async def test_no_token_is_in_a_local_variable_of_ours_when_the_application_fails(*, required: bool) -> None:
    async def fail(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("the application's own")

    async with open_gate() as at:
        ann = await signed_in(at)
        app = at.gate.guard(fail, required=required)
        with pytest.raises(RuntimeError) as caught:
            await call(app, "GET", "/orders", headers=[ann.bearer, ("cookie", f"{RT}={ann.rt}")])
        ours = [
            repr(frame.f_locals)
            for frame, _ in traceback.walk_tb(caught.value.__traceback__)
            if frame.f_globals["__name__"].startswith("gatepass.")
        ]
        assert ours
        assert not [shown for shown in ours if ann.rt in shown or ann.access_token in shown]


async def test_a_page_of_another_gate_of_the_host_has_its_person_behind_both_guards() -> None:
    """The outer guard takes the page cookies of all other gates out, and the inner one takes its own back."""

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        found = asgi.page_principal(scope).account_id.encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": found})

    inner = Browsers(cookie_path="/one")
    async with open_gate(pages=Pages()) as at, open_gate(pages=Pages(), browsers=inner) as other:
        outside, inside = await signed_in(at), Browser(other.gate.asgi)
        account = (await inside.register()).json()["account"]["id"]
        jar = {**outside.jar, **inside.jar}
        cookies = ("cookie", "; ".join(f"{name}={value}" for name, value in jar.items()))
        answer = await call(at.gate.guard(other.gate.guard(page)), "GET", "/", headers=[cookies])
        assert answer.body.decode() == account
