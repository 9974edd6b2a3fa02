"""A change of secrets, and a restart, in the middle of everything: no session ends (PROTOCOL §2)."""

import pytest

from gatepass.core.keyring import Secrets, key_id_of_secret, parse_secret
from gatepass.errors import ConfigurationError
from tests.support.asgi import call
from tests.support.browser import ORIGIN, RT, Browser, identity
from tests.support.gates import OTHER_SECRET, SECRET, GateHarness, WatchedStore, open_gate


class TestSecrets:
    async def test_a_token_under_an_unknown_key_is_a_503_never_an_ended_session(
        self, at: GateHarness, ann: Browser
    ) -> None:
        async with open_gate(secrets=[OTHER_SECRET], store=at.store) as other:
            moved = ann.clone(key=ann.key)
            moved.app = other.gate.asgi
            for answer in (await moved.refresh(), await moved.logout()):
                assert (answer.status, answer.code) == (503, "unknown-key")
                assert answer.one("retry-after")
                assert answer.cookies == []
            assert at.store.verbs == []
        assert (await ann.refresh()).status == 200

    async def test_secrets_roll_without_a_logout(self) -> None:
        store = WatchedStore()
        jar: dict[str, str] = {}
        for secrets in (
            [SECRET],
            [SECRET, OTHER_SECRET],
            [OTHER_SECRET, SECRET],
            [OTHER_SECRET],
        ):
            async with open_gate(secrets=secrets, store=store) as at:
                browser = Browser(at.gate.asgi)
                browser.jar = jar
                if not jar:
                    await browser.register()
                answer = await browser.refresh()
                assert answer.status == 200, len(secrets)
                assert (await browser.get("/me")).status == 200
                jar = browser.jar

    async def test_a_lost_answer_during_the_roll_is_repeated_with_the_same_identity(self) -> None:
        store = WatchedStore()
        async with (
            open_gate(secrets=[SECRET, OTHER_SECRET], store=store) as one,
            open_gate(secrets=[OTHER_SECRET, SECRET], store=store) as two,
        ):
            browser = Browser(one.gate.asgi)
            await browser.register()
            for place in range(6):
                browser.app = (one, two)[place % 2].gate.asgi
                lost = await browser.refresh(lose=True)
                browser.app = (two, one)[place % 2].gate.asgi
                again = await browser.refresh()
                assert (lost.status, again.status) == (200, 200)
                assert identity(lost) == identity(again)

    async def test_a_pass_signed_under_either_secret_opens_both_servers(self) -> None:
        store = WatchedStore()
        async with (
            open_gate(secrets=[SECRET, OTHER_SECRET], store=store) as one,
            open_gate(secrets=[OTHER_SECRET, SECRET], store=store) as two,
        ):
            browser = Browser(one.gate.asgi)
            await browser.register()
            browser.app = two.gate.asgi
            assert (await browser.get("/me")).status == 200


class TestRetired:
    """A secret leaked and was dropped at once: every client is told to sign in, none hangs (PROTOCOL §2)."""

    KEY_ID = key_id_of_secret(parse_secret(SECRET))

    async def test_what_it_signed_is_over_and_sign_out_clears_the_cookies(self) -> None:
        async with open_gate(secrets=[SECRET]) as before:
            for key in (b"k" * 32, None):
                browser = Browser(before.gate.asgi, key=key)
                await browser.login() if key is None else await browser.register()
                secrets = Secrets([OTHER_SECRET], retired_key_ids=[self.KEY_ID])
                async with open_gate(secrets=secrets, store=before.store) as after:
                    browser.app = after.gate.asgi
                    after.store.verbs.clear()
                    answer = await browser.refresh()
                    assert (answer.status, answer.code) == (401, "session-ended")
                    assert (answer.json()["sid"], answer.json()["reason"]) == (browser.sid, "revoked")
                    assert answer.cookies == []
                    assert (await browser.get("/me")).status == 401
                    assert after.store.verbs == []
                    assert (await browser.logout()).status == 204
                    assert browser.jar == {}
                    assert (await browser.login()).status == 200
                    assert (await browser.refresh()).status == 200

    async def test_beside_a_good_token_it_means_nothing(self, at: GateHarness, ann: Browser) -> None:
        async with open_gate(secrets=[OTHER_SECRET]) as leaked:
            other = Browser(leaked.gate.asgi)
            await other.register()
        secrets = Secrets([SECRET], retired_key_ids=[key_id_of_secret(parse_secret(OTHER_SECRET))])
        async with open_gate(secrets=secrets, store=at.store) as after:
            headers = [*ann.refresh_headers(), ("cookie", f"{RT}={other.rt}; {RT}={ann.rt}"), ("origin", ORIGIN)]
            assert (await call(after.gate.asgi, "POST", "/refresh", headers=headers)).status == 200

    def test_a_secret_in_use_cannot_be_retired(self) -> None:
        for wrong in ([self.KEY_ID], [256], [-1]):
            with pytest.raises(ConfigurationError, match="`retired_key_ids`"):
                Secrets([SECRET], retired_key_ids=wrong)


async def test_a_server_that_restarts_between_request_and_retry_repeats_the_same_successor() -> None:
    store = WatchedStore()
    async with open_gate(store=store) as before:
        browser = Browser(before.gate.asgi)
        await browser.register()
        lost = await browser.refresh(lose=True)
    async with open_gate(store=store) as after:
        browser.app = after.gate.asgi
        again = await browser.refresh()
        assert (lost.status, again.status) == (200, 200)
        assert identity(lost) == identity(again)
