"""Users of the application's own: they sign in with the passwords they have, and what ends their sessions."""

import asyncio
import functools
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from gatepass import AuthenticatedUser, HookFacts, Refused, RequestFacts
from gatepass.accounts.attempt import LASTING
from gatepass.accounts.throttling import HOME_TTL
from gatepass.core.throttle import PER_GUESSER
from gatepass.errors import ConfigurationError, SignInRefused
from gatepass.server.limits import Limits
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.mail import Postbox
from tests.support.throttling import exhaust, exhaust_waits, fail
from tools.services.patience import becomes


class Users:
    """The table of another project."""

    def __init__(self) -> None:
        self.rows = {EMAIL: (AuthenticatedUser("42", EMAIL, version="1"), PASSWORD)}
        self.asked: list[str] = []
        self.requests: list[RequestFacts] = []
        self.fault: Exception | None = None

    async def authenticate(self, email: str, password: str, request: RequestFacts) -> AuthenticatedUser | None:
        self.asked.append(email)
        self.requests.append(request)
        if self.fault is not None:
            raise self.fault
        user, right = self.rows.get(email, (None, ""))
        return user if password == right else None

    async def find(self, user_id: str) -> AuthenticatedUser | None:
        return next((user for user, _ in self.rows.values() if user.id == user_id), None)

    def change(self, **facts: Any) -> None:
        user, right = self.rows[EMAIL]
        self.rows[EMAIL] = (replace(user, **facts), right)


@pytest.fixture
async def users() -> Users:
    return Users()


@pytest.fixture
async def at(users: Users) -> AsyncIterator[GateHarness]:
    async with open_gate(users=users, mail=Postbox()) as made:
        yield made


async def test_they_sign_in_refresh_and_are_known_by_their_own_id(at: GateHarness) -> None:
    browser = Browser(at.gate.asgi)
    answer = await browser.login()
    assert answer.status == 200
    assert answer.json()["account"]["id"] == "42"
    assert (await browser.refresh()).status == 200
    assert (await browser.get("/me")).json()["email"] == EMAIL
    assert at.hasher.calls == 0, "no password of theirs is hashed here"


async def test_the_address_comes_as_it_was_typed(at: GateHarness, users: Users) -> None:
    assert (await Browser(at.gate.asgi).login("ANN@Example.com ")).status == 401
    assert users.asked == ["ANN@Example.com "]


async def test_wrong_and_unknown_are_one_answer_and_throttled(at: GateHarness, users: Users) -> None:
    wrong = await Browser(at.gate.asgi).login(EMAIL, "wrong wrong wrong")
    unknown = await Browser(at.gate.asgi).login("bob@example.com", PASSWORD)
    assert (wrong.status, wrong.body, wrong.headers) == (401, unknown.body, unknown.headers)
    statuses = [(await Browser(at.gate.asgi).login(EMAIL, "wrong wrong wrong")).status for _ in range(5)]
    assert statuses == [401] * 4 + [429]
    asked = len(users.asked)
    assert (await Browser(at.gate.asgi).login()).status == 429
    assert len(users.asked) == asked, "the throttle stands before their users"


async def test_a_new_version_ends_the_older_sessions_at_the_next_sign_in(at: GateHarness, users: Users) -> None:
    old = Browser(at.gate.asgi)
    await old.login()
    users.change(version="2")
    new = Browser(at.gate.asgi)
    assert (await new.login()).status == 200
    assert (await old.get("/me")).status == 401
    assert (await old.refresh()).json()["reason"] == "revoked"
    assert (await new.refresh()).status == 200
    assert (await Browser(at.gate.asgi).login()).status == 200
    assert (await new.get("/me")).status == 200


async def test_the_application_ends_sessions_at_once_by_the_users_id(at: GateHarness) -> None:
    browser = Browser(at.gate.asgi)
    await browser.login()
    assert await at.gate.sessions.revoke_all("42", reason="revoked") == 1
    assert (await browser.get("/me")).status == 401


async def test_a_new_address_is_taken_over(at: GateHarness, users: Users) -> None:
    await Browser(at.gate.asgi).login()
    users.change(email="ann@new.example")
    answer = await Browser(at.gate.asgi).login()
    assert answer.json()["account"]["email"] == "ann@new.example"


async def test_a_mirror_can_be_disabled_and_is_no_way_in_by_itself(at: GateHarness, users: Users) -> None:
    browser = Browser(at.gate.asgi)
    await browser.login()
    assert at.memory._accounts["42"].password_hash.startswith("external ")
    assert await at.gate.accounts.disable("42")
    assert (await browser.get("/me")).status == 401
    assert (await Browser(at.gate.asgi).login()).code == "invalid-credentials"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/register", {"email": EMAIL, "password": PASSWORD}, "registration-closed"),
        ("/password", {"current": PASSWORD, "new": "eight green bottles on a wall"}, "not-offered"),
        ("/password/forgot", {"email": EMAIL}, "not-offered"),
        ("/account", {"password": PASSWORD}, "not-offered"),
        ("/email", {"email": "ann@new.example", "password": PASSWORD}, "not-offered"),
    ],
)
async def test_what_is_theirs_to_change_is_refused_with_a_word(
    at: GateHarness, path: str, body: dict[str, str], code: str
) -> None:
    browser = Browser(at.gate.asgi)
    await browser.login()
    method = "DELETE" if path == "/account" else "POST"
    answer = await browser.send(method, path, body=body, headers=[browser.bearer, ("gatepass-client", "1")])
    assert (answer.status, answer.code) == (403, code)


async def test_a_fault_of_theirs_signs_nobody_in_and_nobody_out(at: GateHarness, users: Users) -> None:
    browser = Browser(at.gate.asgi)
    await browser.login()
    users.fault = RuntimeError("their database is down")
    assert (await Browser(at.gate.asgi).login()).status == 500
    assert (await browser.refresh()).status == 200


@pytest.mark.parametrize("facts", [{"id": ""}, {"id": "x" * 129}, {"id": "a\nb"}, {"email": "a\x1b[2J"}])
def test_an_id_and_an_address_are_one_line(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a user's"):
        AuthenticatedUser(**{"id": "42", "email": EMAIL, **facts})


async def test_so_many_sign_ins_are_worked_on_at_once_and_networks_take_turns(users: Users) -> None:
    async with open_gate(users=users, limits=Limits(sign_ins_at_once=1)) as at:
        done, authenticate = asyncio.Event(), users.authenticate

        async def slow(email: str, password: str, request: RequestFacts) -> AuthenticatedUser | None:
            found = await authenticate(email, password, request)
            await done.wait()
            return found

        users.authenticate = slow  # type: ignore[method-assign]

        def has_asked(count: int) -> bool:
            return at.store.verbs.count("lasting_failures") == count

        names = ["a1", "a2", "a3", "b1"]
        tasks = []
        for number, name in enumerate(names):
            browser = Browser(at.gate.asgi, address="198.51.100.1" if name < "b" else "192.0.2.1")
            tasks.append(asyncio.ensure_future(browser.login(name, PASSWORD)))
            await becomes(functools.partial(has_asked, number + 1))
        assert users.asked == ["a1"]
        done.set()
        await asyncio.gather(*tasks)
        assert users.asked == ["a1", "a2", "b1", "a3"]


async def test_a_browser_that_is_signed_in_is_a_known_device(at: GateHarness) -> None:
    browser = Browser(at.gate.asgi)
    assert (await browser.login()).status == 200
    for network in range(25):
        await Browser(at.gate.asgi, address=f"10.{network}.0.1").login(EMAIL, "wrong wrong wrong")
    assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429
    assert (await browser.login()).status == 200


async def test_a_network_in_which_they_signed_in_is_a_home_network_for_a_month(at: GateHarness) -> None:
    assert (await Browser(at.gate.asgi).login()).status == 200
    for network in range(25):
        await Browser(at.gate.asgi, address=f"10.{network}.0.1").login(EMAIL, "wrong wrong wrong")
    assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429
    assert (await Browser(at.gate.asgi).login()).status == 200
    await exhaust(at)
    await at.store.prune_attempts(before=at.clock.now() - PER_GUESSER.memory, keep=LASTING, limit=1000)
    assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429
    assert (await Browser(at.gate.asgi).login()).status == 200
    await exhaust(at)
    at.clock.advance(HOME_TTL)
    assert (await Browser(at.gate.asgi).login()).status == 429


async def test_where_they_only_failed_is_none(at: GateHarness) -> None:
    assert (await fail(Browser(at.gate.asgi), 1))[0].status == 401
    await exhaust_waits(at)
    assert (await Browser(at.gate.asgi).login()).status == 429


async def test_the_application_is_told_of_the_request_and_of_nothing_that_gives_access(
    at: GateHarness, users: Users
) -> None:
    browser = Browser(at.gate.asgi)
    for _ in range(2):
        await browser.login()
    told = users.requests[-1]
    assert (told.network, told.client, told.origin) == ("203.0.113.0/24", "Firefox on Linux", "https://gate.example")
    assert not {"cookie", "authorization"} & told.headers.keys()


async def test_hooks_are_asked_and_told_as_for_accounts_of_ours(at: GateHarness) -> None:
    heard: list[str] = []

    @at.gate.before("sign_in")
    async def ask(facts: HookFacts[None]) -> None:
        assert facts.account is not None
        heard.append(f"{facts.account.id} {facts.account.email_verified}")
        if len(heard) > 1:
            raise Refused("trial-over", "Your trial is over.")

    assert (await Browser(at.gate.asgi).login()).status == 200
    assert (await Browser(at.gate.asgi).login()).code == "app:trial-over"
    assert heard == ["42 False", "42 False"]


async def test_a_user_may_be_signed_in_who_never_was_here(at: GateHarness, users: Users) -> None:
    request = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": ("203.0.113.9", 1), "state": {}}
    signed_in = await at.gate.sign_in(request, "42", methods=("fed",))
    assert (signed_in.account.id, signed_in.account.email) == ("42", EMAIL)
    users.rows.clear()
    with pytest.raises(SignInRefused):
        await at.gate.sign_in({**request, "state": {}}, "42", methods=("fed",))


async def test_whether_an_address_is_verified_is_the_applications_word(at: GateHarness, users: Users) -> None:
    for verified in (False, True, False):
        users.change(email_verified=verified)
        browser = Browser(at.gate.asgi)
        assert (await browser.login()).json()["account"]["email_verified"] is verified
        assert (await browser.get("/me")).json()["email_verified"] is verified


def test_users_without_a_method_are_refused_at_once() -> None:
    class Old:
        def authenticate(self, _email: str, _password: str) -> None:
            return None

    class NotFound(Users):
        find = None  # type: ignore[assignment]

    for users, missing in ((Old(), "authenticate(email, password, request)"), (NotFound(), "find(user_id)")):
        with pytest.raises(ConfigurationError, match=re.escape(missing)):
            GateHarness(users=users)


@pytest.mark.parametrize("way", ["password", "door"])
@pytest.mark.parametrize("change", ["closed", "password changed"])
async def test_what_ends_a_user_between_the_check_and_the_session_ends_the_session_too(
    at: GateHarness, users: Users, way: str, change: str
) -> None:
    """The application writes its change, and then ends all sessions: this one has not begun yet, and is not found."""
    signed_in = Browser(at.gate.asgi)
    assert (await signed_in.login()).status == 200

    async def change_now(_facts: HookFacts[Any]) -> None:
        if change == "closed":
            users.rows.clear()
        else:
            users.change(version="2")
        await at.gate.sessions.revoke_all("42", reason="revoked")

    at.gate.before("sign_in")(change_now)
    request = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": ("203.0.113.9", 1), "state": {}}
    if way == "password":
        answer = await Browser(at.gate.asgi).login()
        assert (answer.status, answer.code, answer.cookies) == (401, "invalid-credentials", [])
    else:
        with pytest.raises(SignInRefused):
            await at.gate.sign_in(request, "42", methods=("otp",))
    assert [row.revoked_at for row in at.memory.rows().values() if row.revoked_at is None] == []
