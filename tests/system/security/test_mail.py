"""Links in mail go to the owner of the account alone, and stand nowhere else (LG-03, EL-04, P6)."""

import logging
from pathlib import Path

import pytest

from gatepass.core.policy import Policy
from gatepass.stores.sqlite.store import SQLiteStore
from tests.support.browser import PASSWORD
from tests.support.gates import WatchedStore
from tests.support.mail import post
from tests.system.security.lifetimes import Life

NEW = "eight green bottles on a wall"


@pytest.mark.parametrize(
    ("owner", "typed"),
    [
        ("ann@example.com", "ANN@EXAMPLE.COM"),
        ("k@example.com", "\u212a@example.com"),
        ("é@example.com", "e\u0301@example.com"),
        ("ann@xn--bcher-kva.example", "ann@bücher.example"),
    ],
)
async def test_a_link_goes_to_the_address_that_is_on_record_not_to_the_one_that_was_typed(
    owner: str, typed: str
) -> None:
    """Two spellings may fold into one account; the mailbox of the other spelling may be an attacker's."""
    async with post(policy=Policy(registration="open")) as at:
        browser = at.browser()
        made = await browser.register(owner)
        assert made.status == 201
        assert (await at.ask("/password/forgot", {"email": typed})).status == 202
        assert {mail.to for mail in await at.mails()} == {made.json()["account"]["email"]}


@pytest.mark.parametrize(("owner", "typed"), [("fi@example.com", "ﬁ@example.com"), ("ss@example.com", "ß@example.com")])
async def test_an_address_that_only_looks_alike_is_another_mailbox_and_gets_no_mail(owner: str, typed: str) -> None:
    async with post(policy=Policy(registration="open")) as at:
        assert (await at.browser().register(owner)).status == 201
        assert (await at.ask("/password/forgot", {"email": typed})).status == 202
        assert not await at.mails()


async def test_a_domain_that_folds_into_another_is_not_that_domain() -> None:
    """faß.example and fass.example have two owners."""
    async with post(policy=Policy(registration="open")) as at:
        await at.browser().register("ann@fass.example")
        assert (await at.ask("/password/forgot", {"email": "ann@faß.example"})).status == 202
        assert await at.mails() == []
        assert (await at.browser().register("ann@faß.example")).status == 201


async def test_no_link_can_be_had_from_a_copy_of_the_store_or_from_a_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, life = SQLiteStore(str(tmp_path / "gate.db")), Life()
    await store.open()
    with caplog.at_level(logging.DEBUG):
        async with post(store=WatchedStore(store)) as at:
            await at.browser().register()
            life.secrets["to confirm"] = (await at.token()).encode()
            await at.ask("/verify", {"token": life.secrets["to confirm"].decode(), "password": PASSWORD})
            await at.ask("/password/forgot", {"email": "ann@example.com"})
            life.secrets["to reset"] = (await at.token()).encode()
            stored = b"".join(file.read_bytes() for file in tmp_path.glob("gate.db*"))
            answer = await at.ask("/password/reset", {"token": life.secrets["to reset"].decode(), "new": NEW})
            assert answer.status == 204
    await store.close()
    # The part that only the server secret makes, too: the last 16 bytes of a MAC in base64.
    life.secrets |= {f"the end of {name}": secret[-21:] for name, secret in dict(life.secrets).items()}
    assert life.leaks(stored) == []
    assert life.leaks(caplog.text.encode()) == []
