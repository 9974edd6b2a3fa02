"""Signing up and in: one answer for every failure, one hash for every attempt, a throttle without a way around it."""

import contextlib
import re

from gatepass.core.secret import Secret
from tests.support import cheap_hashes
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import NOW, GateHarness, open_gate

WRONG = "seven green bottles on the wall"


def account_id(at: GateHarness) -> str:
    (found,) = at.memory._accounts
    return found


class TestOneAnswer:
    async def test_unknown_wrong_and_disabled_are_the_same_byte_for_byte(self, at: GateHarness, ann: Browser) -> None:
        stranger = Browser(at.gate.asgi)
        answers = [
            await stranger.login("nobody@example.com"),
            await stranger.login(EMAIL, WRONG),
            await stranger.login("not an address", WRONG),
        ]
        await at.gate.accounts.disable(account_id(at))
        answers.append(await stranger.login(EMAIL, PASSWORD))
        answers.append(await stranger.login(EMAIL, WRONG))
        assert answers[0].status == 401
        assert answers[0].code == "invalid-credentials"
        assert answers == [answers[0]] * 5

    async def test_each_costs_one_hash(self, at: GateHarness, ann: Browser) -> None:
        stranger = Browser(at.gate.asgi)
        await at.gate.accounts.add("carl@example.com", Secret(PASSWORD), email_key="carl@example.com")
        for email, password in (
            ("nobody@example.com", PASSWORD),
            (EMAIL, WRONG),
            ("not an address", WRONG),
            ("carl@example.com", PASSWORD),
        ):
            before = at.hasher.calls
            await stranger.login(email, password)
            assert at.hasher.calls == before + 1, email
        carl = next(a for a in at.memory._accounts.values() if a.email_key.startswith("carl"))
        await at.gate.accounts.disable(carl.id)
        before = at.hasher.calls
        await stranger.login("carl@example.com", PASSWORD)
        assert at.hasher.calls == before + 1

    async def test_the_same_store_calls_are_made(self, at: GateHarness, ann: Browser) -> None:
        traces = []
        for email in ("nobody@example.com", EMAIL):
            at.store.verbs.clear()
            await Browser(at.gate.asgi).login(email, WRONG)
            traces.append(list(at.store.verbs))
        assert traces[0] == traces[1]

    async def test_the_log_knows_the_account_and_never_the_address(self, at: GateHarness, ann: Browser) -> None:
        await ann.login(EMAIL, WRONG)
        await ann.login("nobody@example.com", WRONG)
        known, unknown = at.named("authn_login_fail")
        assert f"{account_id(at)}" in repr(known)
        assert "account_id=None" in repr(unknown)
        assert EMAIL not in repr(known)
        assert "nobody" not in repr(unknown)


class TestRaces:
    """A sign-in never outlives a password change or a closing of the account that raced it (PROTOCOL §3)."""

    async def raced(self, at: GateHarness, race: object) -> Answer:
        async def interfere(verb: str) -> None:
            if verb == "add":
                at.store.before = None
                await race()  # type: ignore[operator]

        at.store.before = interfere
        return await Browser(at.gate.asgi).login()

    async def test_a_password_change_wins(self, at: GateHarness, ann: Browser) -> None:
        async def change() -> None:
            body = {"current": PASSWORD, "new": "eight green bottles on a wall"}
            answer = await ann.send("POST", "/password", headers=[ann.bearer], body=body)
            assert answer.status == 200

        answer = await self.raced(at, change)
        assert (answer.status, answer.code, answer.cookies) == (401, "invalid-credentials", [])
        assert [row.revoked_at is None for row in at.memory.rows().values()] == [False, True]

    async def test_closing_the_account_wins(self, at: GateHarness, ann: Browser) -> None:
        async def close() -> None:
            await at.gate.accounts.disable(account_id(at))

        answer = await self.raced(at, close)
        assert (answer.status, answer.code, answer.cookies) == (401, "invalid-credentials", [])


async def test_the_stored_hash_is_argon2id_at_or_above_the_floor() -> None:
    async with contextlib.AsyncExitStack() as stack:
        with cheap_hashes.real():
            at = await stack.enter_async_context(open_gate(hasher=None))
        for email in ("a@example.com", "b@example.com"):
            assert (await Browser(at.gate.asgi).register(email)).status == 201
        first, second = (account.password_hash for account in at.memory._accounts.values())
        match = re.match(r"^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$", first)
        assert match is not None
        assert int(match[1]) >= 19_456
        assert int(match[2]) >= 2
        assert first != second, "each has a salt of its own"
        assert (await Browser(at.gate.asgi).login("a@example.com")).status == 200
        assert (await Browser(at.gate.asgi).login("a@example.com", WRONG)).status == 401


async def test_created_at_is_the_time_of_registration(at: GateHarness, ann: Browser) -> None:
    assert (await ann.get("/me")).json()["created_at"] == NOW
