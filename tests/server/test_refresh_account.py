"""A page that was just loaded asks with its refresh who is signed in, and gets both in one answer."""

import pytest

from gatepass.errors import StoreUnavailable
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, Browser
from tests.support.gates import GateHarness


async def _asked(browser: Browser, *, account: object = True) -> Answer:
    return await browser.send("POST", "/refresh", body={"account": account}, headers=browser.refresh_headers())


async def test_the_answer_has_the_account_where_the_request_asks_for_it(ann: Browser) -> None:
    asked = await _asked(ann)
    me = (await ann.get("/me")).json()
    assert asked.json()["account"]["email"] == EMAIL
    assert asked.json()["account"].items() <= me.items()


async def test_one_that_does_not_ask_costs_no_look_at_the_account(at: GateHarness, ann: Browser) -> None:
    assert "account" not in (await ann.refresh()).json()
    assert "find_account" not in at.store.verbs


async def test_a_store_that_fails_after_the_swap_costs_the_account_and_not_the_tokens(
    at: GateHarness, ann: Browser
) -> None:
    async def fail(verb: str) -> None:
        if verb == "find_account":
            raise StoreUnavailable("gone")

    at.store.before = fail
    asked = await _asked(ann)
    assert asked.status == 200
    assert "account" not in asked.json()


@pytest.mark.parametrize("account", ["yes", 1, None])
async def test_what_is_no_boolean_is_refused_before_anything_changes(
    at: GateHarness, ann: Browser, account: object
) -> None:
    answer = await _asked(ann, account=account)
    assert (answer.status, answer.json()["code"]) == (422, "invalid-body")
    assert at.store.verbs == []
