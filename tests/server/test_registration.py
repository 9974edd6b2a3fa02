"""Signing up: which passwords and addresses do, and one account per address."""

import asyncio

import pytest

from gatepass.core.policy import Policy
from gatepass.core.secret import Secret
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate


class TestRegistration:
    @pytest.mark.parametrize(
        ("password", "code"),
        [
            ("a" * 7, "password-too-short"),
            ("correct horse b", None),
            ("correct horse ", "password-too-short"),
            ("😀🎉" * 7, "password-too-short"),
            ("é" * 200, "password-too-long"),
            ("a" * 16, "password-blocklisted"),
            ("abababababababab", "password-blocklisted"),
            ("abcdefghijklmnopq", "password-blocklisted"),
            ("bob.builder@example.com", "password-contains-context"),
            ("moc.elpmaxe@redliub.bob", "password-contains-context"),
            ("gatepassgatepass", "password-contains-context"),
            ("bob.builderbob.builder", "password-contains-context"),
            ("aaaa bbbb cccc d", None),
            ("   leading and trailing   ", None),
            ("日本語のパスワードはとても安全です", None),
        ],
    )
    async def test_a_password_that_does_not_do_is_a_422_that_says_why(
        self, at: GateHarness, password: str, code: str | None
    ) -> None:
        answer = await Browser(at.gate.asgi).register("bob.builder@example.com", password)
        if code is None:
            assert answer.status == 201
            return
        assert (answer.status, answer.code) == (422, code)
        assert password not in answer.body.decode()
        assert answer.cookies == []
        assert at.hasher.calls == 0

    async def test_a_password_too_long_is_refused_at_login_before_any_hash(self, at: GateHarness) -> None:
        answer = await Browser(at.gate.asgi).login(EMAIL, "x" * 129)
        assert (answer.status, answer.code) == (422, "password-too-long")
        assert at.hasher.calls == 0

    async def test_passwords_are_compared_whole_in_one_normal_form_and_nothing_is_trimmed(
        self, at: GateHarness
    ) -> None:
        password = "  Motörhead and Møtley Crüe  "
        decomposed = "  Moto\u0308rhead and Møtley Cru\u0308e  "
        await Browser(at.gate.asgi).register(EMAIL, password)
        for other, status in (
            (decomposed, 200),
            (password.strip(), 401),
            (password.lower(), 401),
            (password[:-1], 401),
            (password + "\x00", 401),
        ):
            assert (await Browser(at.gate.asgi).login(EMAIL, other)).status == status, other

    @pytest.mark.parametrize("taken", [EMAIL, "ANN@EXAMPLE.COM", "Ann@example.com"])
    async def test_an_address_is_taken_in_every_spelling(self, at: GateHarness, ann: Browser, taken: str) -> None:
        answer = await Browser(at.gate.asgi).register(taken, "another long pass phrase")
        assert (answer.status, answer.code) == (409, "email-taken")
        assert answer.cookies == []
        assert (await Browser(at.gate.asgi).login()).status == 200, "the first one's password still holds"

    @pytest.mark.parametrize(
        ("typed", "shown", "also"),
        [
            ("Bob@Example.COM", "Bob@example.com", "bob@example.com"),
            ("bob@bücher.example", "bob@bücher.example", "BOB@xn--bcher-kva.example"),
            ("Ünï@example.com", "Ünï@example.com", "u\u0308ni\u0308@example.com"),
            ("a+b@example.com", "a+b@example.com", "A+B@EXAMPLE.com"),
            ("root@intranet", "root@intranet", "ROOT@INTRANET"),
            ("x@host.test", "x@host.test", "X@host.test"),
        ],
    )
    async def test_an_address_is_shown_as_typed_and_found_in_every_spelling(
        self, at: GateHarness, typed: str, shown: str, also: str
    ) -> None:
        answer = await Browser(at.gate.asgi).register(typed)
        assert answer.status == 201
        assert answer.json()["account"]["email"] == shown
        assert (await Browser(at.gate.asgi).login(also)).status == 200

    @pytest.mark.parametrize(
        "text",
        ["x", "@", "a@", "@b", "a b@example.com", "a@b@c", "a@-b.example", "<a@b.example>", "a@b.example\r\nx: y"],
    )
    async def test_what_is_no_address_is_named_as_such(self, at: GateHarness, text: str) -> None:
        answer = await Browser(at.gate.asgi).register(text)
        assert (answer.status, answer.code) == (422, "invalid-body")
        assert answer.json()["errors"] == [{"field": "email", "message": "This is not an e-mail address."}]

    async def test_closed_registration_is_a_403_and_login_goes_on(self) -> None:
        async with open_gate(policy=Policy(registration="closed")) as at:
            answer = await Browser(at.gate.asgi).register()
            assert (answer.status, answer.code) == (403, "registration-closed")
            assert (at.memory._accounts, at.hasher.calls) == ({}, 0)
            await at.gate.accounts.add(EMAIL, Secret(PASSWORD), email_key=EMAIL)
            assert (await Browser(at.gate.asgi).login()).status == 200

    async def test_two_at_once_for_one_address_make_one_account(self, at: GateHarness) -> None:
        answers = await asyncio.gather(*(Browser(at.gate.asgi).register() for _ in range(5)))
        assert sorted(answer.status for answer in answers) == [201, 409, 409, 409, 409]
        assert len(at.memory._accounts) == 1
