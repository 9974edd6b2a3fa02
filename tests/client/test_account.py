"""The words for the account, on a real server, with both kinds of client (J4)."""

import asyncio
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from gatepass.client import (
    AccountActions,
    AsyncAccountActions,
    AsyncClient,
    Client,
    ForbiddenError,
    MemoryStorage,
    UnauthenticatedError,
    UnprocessableError,
)
from gatepass.client.account import AccountFlows
from tests.client.harness import PASSWORD, ROOT, Harness

pytestmark = pytest.mark.slow
NEW = "eleven red lanterns at the quay"


class Person:
    """An account with one client of the kind, whose words are called alike."""

    def __init__(self, real: Harness, kind: str, email: str) -> None:
        self.email, self.kind, self.real = email, kind, real
        client: Any = Client if kind == "sync" else AsyncClient
        self.api = client(real.url, storage=MemoryStorage())
        self.words: Any = AccountActions(self.api) if kind == "sync" else AsyncAccountActions(self.api)
        self.loop = asyncio.new_event_loop()

    def run(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not inspect.iscoroutinefunction(method) and self.kind == "sync":
            return method(*args, **kwargs)
        return self.loop.run_until_complete(method(*args, **kwargs))

    def close(self) -> None:
        self.run(self.api.close if self.kind == "sync" else self.api.aclose)
        self.loop.close()


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_owner_manages_the_account(real: Harness, kind: str) -> None:
    ann = Person(real, kind, f"owner-{kind}@example.com")
    other = Client(real.url)
    try:
        assert ann.run(ann.api.sign_up, ann.email, PASSWORD)
        other.sign_in(ann.email, PASSWORD)
        listed = ann.run(ann.words.sessions)
        assert sorted(session.current for session in listed) == [False, True]
        (theirs,) = (session for session in listed if not session.current)
        for each in listed:
            assert (each.bound, each.methods, each.acr) == ("key", ["pwd"], None)
            assert each.authenticated_at == each.created_at
        ann.run(ann.words.end_session, theirs.id)
        assert len(ann.run(ann.words.sessions)) == 1
        other.sign_in(ann.email, PASSWORD)
        ann.run(ann.words.end_other_sessions)
        assert [session.current for session in ann.run(ann.words.sessions)] == [True]

        links = ann.run(ann.api.links, [f"/files/{number}" for number in range(201)])
        assert [link.partition("?gp_link=gp_ln_")[0] for link in links[199:]] == [
            f"{real.url}/files/199",
            f"{real.url}/files/200",
        ]
        assert ann.run(ann.api.link, "/files/7?size=large").startswith(f"{real.url}/files/7?size=large&gp_link=gp_ln_")
        with pytest.raises(UnprocessableError, match="invalid-body"):
            ann.run(ann.api.link, "files/7")

        assert ann.run(ann.words.sign_in_again, PASSWORD).email == ann.email
        with pytest.raises(ForbiddenError, match="invalid-credentials") as wrong:
            ann.run(ann.words.change_password, "not the password", NEW)
        assert wrong.value.request.content == b""  # what is in an error holds no password
        with pytest.raises(UnprocessableError, match="password-"):
            ann.run(ann.words.change_password, PASSWORD, "x")
        ann.run(ann.words.change_password, PASSWORD, NEW)
        with pytest.raises(UnauthenticatedError):
            other.sign_in(ann.email, PASSWORD)

        for word, arguments in {"forgot_password": [ann.email], "resend_verification": [ann.email]}.items():
            with pytest.raises(ForbiddenError, match="not-offered"):
                ann.run(getattr(ann.words, word), *arguments)
        ann.run(ann.words.delete_account, NEW)
        assert ann.api.session.status == "anonymous" or ann.api.session.session_id is None
        with pytest.raises(UnauthenticatedError):
            other.sign_in(ann.email, NEW)
    finally:
        ann.close()
        other.close()


def test_ending_ones_own_session_signs_out_here(real: Harness) -> None:
    with Client(real.url) as api:
        api.sign_up("own@example.com", PASSWORD)
        assert api.session.session_id is not None
        AccountActions(api).end_session(api.session.session_id)
        assert api.session.session_id is None


def test_both_kinds_have_all_words_and_the_names_are_those_of_the_browser() -> None:
    flows = {name for name in vars(AccountFlows) if not name.startswith("_")}
    source = (ROOT / "web/client/src/account.ts").read_text().partition("export interface AccountActions {")[2]
    in_browsers = re.findall(r"^  (\w+)\(", source.partition("\n}")[0], re.MULTILINE)
    # A program has no page that a provider could send back: identities are linked and unlinked in a browser.
    of_pages = {"identities", "link", "unlink", "has_password", "sign_out_at_provider"}
    assert flows == {re.sub(r"([A-Z])", r"_\1", name).lower() for name in in_browsers} - of_pages
    for kind in (AccountActions, AsyncAccountActions):
        assert {name for name in vars(kind) if not name.startswith("_")} == flows
        assert all(vars(kind)[name].__doc__ == getattr(AccountFlows, name).__doc__ for name in flows)
