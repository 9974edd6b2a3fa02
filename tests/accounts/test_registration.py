"""Registration where addresses are verified: what a link is good for, and that it does not tell who has an account."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gatepass.core.policy import DAY, Policy
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import OTHER_SECRET, SECRET, open_gate
from tests.support.mail import Post, post


@pytest.fixture
async def at() -> AsyncIterator[Post]:
    async with post() as made:
        yield made


@pytest.mark.parametrize("around", [" {}", "{}\u00a0", "\u200b{}", "{}\n"])
async def test_a_space_around_an_address_is_no_part_of_it(around: str) -> None:
    async with open_gate() as at:
        made = await Browser(at.gate.asgi).register(around.format(EMAIL))
        assert (made.status, made.json()["account"]["email"]) == (201, EMAIL)
        assert (await Browser(at.gate.asgi).register(EMAIL)).code == "email-taken"
        for spelt in (EMAIL, around.format(EMAIL), around.format(EMAIL.upper())):
            assert (await Browser(at.gate.asgi).login(spelt)).status == 200


async def test_an_account_under_the_key_of_an_earlier_version_is_found_and_no_other_is() -> None:
    async with open_gate() as at:
        browser = Browser(at.gate.asgi)
        await browser.register("ann@example.com")
        (account,) = at.memory._accounts.values()
        old = replace(account, id="0" * 32, email="straße@example.com", email_key="strasse@example.com")
        assert await at.memory.add_account(old)
        assert (await Browser(at.gate.asgi).login("straße@example.com")).json()["account"]["id"] == old.id
        assert (await Browser(at.gate.asgi).register("straße@example.com")).code == "email-taken"
        other = replace(account, id="1" * 32, email="fuss@example.com", email_key="fuss@example.com")
        assert await at.memory.add_account(other)
        assert (await Browser(at.gate.asgi).login("fuß@example.com")).status == 401


async def test_registering_makes_no_account_and_signs_nobody_in(at: Post) -> None:
    browser = at.browser()
    answer = await browser.register()
    assert (answer.status, answer.body, answer.cookies) == (202, b"", [])
    assert await at.subjects() == [(EMAIL, "Confirm your address")]
    assert at.at.memory._accounts == {}
    assert (await browser.login()).code == "invalid-credentials"


async def test_link_and_password_make_the_account_and_sign_in(at: Post) -> None:
    browser = await at.verified()
    assert browser.rt
    account = (await browser.get("/me")).json()
    assert account["email"] == EMAIL
    assert at.at.memory._accounts[account["id"]].verified_at == at.at.clock.now()
    assert [event.name for event in at.at.events] == ["user_created", "user_verified", "session_created"]
    assert (await at.browser().login()).status == 200


async def test_a_link_expires(at: Post) -> None:
    await at.browser().register()
    token = await at.token()
    at.at.clock.advance(DAY)
    assert (await at.ask("/verify", {"token": token, "password": PASSWORD})).code == "invalid-link"


async def test_a_link_without_the_password_that_was_chosen_makes_no_account(at: Post) -> None:
    """Else a stranger registers your address, and waits for you to follow the link."""
    await at.browser().register(EMAIL, "the password of a stranger")
    answer = await at.ask("/verify", {"token": await at.token(), "password": PASSWORD})
    assert (answer.status, answer.code) == (401, "invalid-credentials")
    assert at.at.memory._accounts == {}


async def test_guesses_at_that_password_are_throttled(at: Post) -> None:
    await at.browser().register()
    token = await at.token()
    statuses = [(await at.ask("/verify", {"token": token, "password": f"guess {n}"})).status for n in range(6)]
    assert statuses == [401] * 5 + [429]


async def test_a_stranger_who_came_first_keeps_nobody_out(at: Post) -> None:
    await at.browser().register(EMAIL, "the password of a stranger")
    first = await at.token()
    owner = await at.verified()
    assert (await owner.get("/me")).status == 200
    late = await at.ask("/verify", {"token": first, "password": "the password of a stranger"})
    assert late.code == "invalid-link"
    assert (await at.browser().login(EMAIL, "the password of a stranger")).status == 401


async def test_a_lost_mail_is_sent_again(at: Post) -> None:
    await at.browser().register()
    assert (await at.ask("/verify/resend", {"email": EMAIL.upper()})).status == 202
    assert len(await at.mails()) == 2
    assert (await at.ask("/verify", {"token": await at.token(), "password": PASSWORD})).status == 201


async def test_a_link_that_was_sent_again_holds_as_long_as_its_mail_says(at: Post) -> None:
    await at.browser().register()
    at.at.clock.advance(DAY - 60)
    assert (await at.ask("/verify/resend", {"email": EMAIL})).status == 202
    token = await at.token()
    at.at.clock.advance(DAY - 60)
    await at.browser(address="198.51.100.7").register("bob@example.com")
    await at.mails()
    await at.at.gate._parts.janitor.sweep()
    assert (await at.ask("/verify", {"token": token, "password": PASSWORD})).status == 201


async def test_who_never_follows_the_link_is_forgotten_also_where_no_other_registers(at: Post) -> None:
    await at.browser().register()
    await at.mails()
    at.at.clock.advance(2 * DAY + 1)
    await at.at.gate._parts.janitor.sweep()
    assert at.at.memory._registrations == {}


async def test_no_link_is_sent_again_for_a_registration_that_is_over(at: Post) -> None:
    """Whether it is still in the store depends on the janitor; what it is good for does not."""
    await at.browser().register()
    at.at.clock.advance(DAY)
    await at.ask("/verify/resend", {"email": EMAIL})
    assert len(await at.mails()) == 1


@pytest.mark.parametrize(
    "mangle",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token + "AAAA",
        lambda token: token.replace("gp_vt_", "gp_pr_"),
        lambda token: token + "\n",
        lambda token: token[: len(token) // 2],
        lambda token: "gp_vt_" + "A" * 110,
        lambda token: token.swapcase(),
    ],
)
async def test_a_mangled_link_is_refused_before_any_look_into_the_store(at: Post, mangle: object) -> None:
    await at.browser().register()
    token = await at.token()
    at.at.store.verbs.clear()
    answer = await at.ask("/verify", {"token": mangle(token), "password": PASSWORD})  # type: ignore[operator]
    assert answer.code == "invalid-link"
    assert at.at.store.verbs == []
    assert token not in answer.body.decode()


async def test_a_link_outlives_a_change_of_secrets() -> None:
    async with post() as before:
        await before.browser().register()
        token = await before.token()
        for secrets in ([SECRET, OTHER_SECRET], [OTHER_SECRET, SECRET]):
            async with open_gate(
                policy=Policy(registration="verify"), mail=before.box, secrets=secrets, store=before.at.store
            ) as after:
                body = {"token": token, "password": "not the right one"}
                answer = await Post(after, before.box).ask("/verify", body)
                assert answer.code == "invalid-credentials", "the link itself holds"
        async with open_gate(
            policy=Policy(registration="verify"), mail=before.box, secrets=[OTHER_SECRET], store=before.at.store
        ) as gone:
            answer = await Post(gone, before.box).ask("/verify", {"token": token, "password": PASSWORD})
            assert (answer.status, answer.code) == (503, "unknown-key")


class TestNobodyLearnsWhoHasAnAccount:
    """Taken, free, waiting and disabled addresses: the same bytes, the same work before the answer."""

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/register", {"password": PASSWORD}),
            ("/verify/resend", {}),
            ("/password/forgot", {}),
        ],
    )
    async def test_answers_and_work_are_the_same(self, at: Post, path: str, body: dict[str, str]) -> None:
        for name in ("taken", "disabled"):
            await at.verified(f"{name}@example.com", PASSWORD)
        disabled = await at.at.store.inner.find_account_by_email("disabled@example.com")
        assert disabled is not None
        await at.at.gate.accounts.disable(disabled.id)
        await at.browser().register("waiting@example.com")
        await at.mails()
        seen = []
        for number, name in enumerate(("taken", "waiting", "disabled", "free")):
            at.at.store.verbs.clear()
            at.at.hasher.calls = 0
            at.at.clock.advance(DAY)
            browser = at.browser(address=f"203.0.{number}.7")
            answer = await browser.send(
                "POST", path, body={"email": f"{name}@example.com", **body}, headers=[("gatepass-client", "1")]
            )
            seen.append((answer, list(at.at.store.verbs), at.at.hasher.calls))
            await at.mails()
        assert seen[0][0].status == 202
        assert all(each == seen[0] for each in seen)
        assert seen[0][1] == ["attempts", "count_failure", "attempts"]
        assert seen[0][2] == (1 if path == "/register" else 0)

    async def test_the_owner_of_a_taken_address_is_told_and_can_recover(self, at: Post) -> None:
        await at.verified()
        await at.browser().register(EMAIL, "another long pass phrase")
        assert (await at.subjects())[-1] == (EMAIL, "You have an account at gate.example")
        reset = {"token": await at.token(), "new": "eight green bottles on a wall"}
        assert (await at.ask("/password/reset", reset)).status == 204

    async def test_a_refused_password_is_refused_for_every_address(self, at: Post) -> None:
        await at.verified()
        for email in (EMAIL, "free@example.com"):
            for _ in range(5):  # and is no request for mail
                answer = await at.browser().register(email, "short")
                assert (answer.status, answer.code) == (422, "password-too-short")
            at.at.hasher.calls = 0
            statuses = [(await at.browser().register(email)).status for _ in range(4)]
            assert statuses[-1] == 429
            assert at.at.hasher.calls == statuses.count(202), "what is refused costs no hash"

    async def test_a_mailbox_is_not_flooded_and_the_limit_tells_nothing(self, at: Post) -> None:
        await at.verified()
        for email in (EMAIL, "free@example.com"):
            statuses = [(await at.ask("/password/forgot", {"email": email})).status for _ in range(4)]
            assert statuses in ([202, 202, 202, 429], [202, 202, 429, 429]), email
        assert len(await at.mails()) <= 4

    async def test_a_failing_mail_server_changes_no_answer(self, at: Post) -> None:
        class Down:
            async def send(self, message: object) -> None:
                raise RuntimeError("canary")

        async with open_gate(policy=Policy(registration="verify"), mail=Down()) as other:
            assert (await Post(other, at.box).browser().register()).status == 202


async def test_verify_without_mail_does_not_start() -> None:
    from gatepass.errors import ConfigurationError
    from gatepass.gate import Gatepass

    with pytest.raises(ConfigurationError, match="`registration` verify needs mail: set `mailer`"):
        Gatepass(
            secrets=[SECRET], public_url="https://gate.example", store="memory://", policy=Policy(registration="verify")
        )


@pytest.mark.parametrize("path", ["/verify", "/verify/resend", "/password/forgot", "/password/reset"])
async def test_a_page_elsewhere_cannot_make_a_visitor_ask_for_mail(at: Post, path: str) -> None:
    browser = at.browser(origin="https://evil.example")
    answer = await browser.send("POST", path, body={"email": EMAIL})
    assert (answer.status, answer.code) == (403, "cross-site")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/verify", {"token": "x", "password": PASSWORD}),
        ("/verify/resend", {"email": EMAIL}),
        ("/password/forgot", {"email": EMAIL}),
        ("/password/reset", {"token": "x", "new": PASSWORD}),
        ("/email", {"email": EMAIL, "password": PASSWORD}),
        ("/email/confirm", {"token": "x"}),
    ],
)
async def test_without_mail_it_is_said_that_this_is_not_offered(path: str, body: object) -> None:
    async with open_gate() as plain:
        at = Post(plain, None)  # type: ignore[arg-type]
        browser = at.browser()
        await browser.register()
        answer = await at.ask(path, body, browser=browser)
        assert (answer.status, answer.code) == (403, "not-offered")
