"""Pages that a server renders for a person: the same cases behind every guard (PROTOCOL §10)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from gatepass import Pages, Tokens
from gatepass.wire.asgi import ASGIApp
from tests.guards import apps
from tests.guards.conftest import scopes
from tests.guards.shared_apps import running
from tests.support.asgi import Answer, call
from tests.support.browser import Browser
from tests.support.gates import GateHarness

PAGE, STATE, RESUMED = "__Host-Http-gatepass_page", "__Host-gatepass_state", "__Host-gatepass_resumed"
NAVIGATION = [("sec-fetch-mode", "navigate"), ("accept", "text/html,*/*;q=0.8")]
SCRIPT = [("sec-fetch-mode", "cors"), ("accept", "*/*")]
SCRIPTS = (SCRIPT, [("hx-request", "true"), ("accept", "*/*")], [("accept", "application/json")])
"""A fetch; htmx and a client of JSON in a browser that does not say what a request is for."""
PROGRAMS: tuple[list[tuple[str, str]], ...] = (
    [("accept", "*/*")],
    [],
    [("accept", "application/json, text/plain, */*")],
)
"""curl, httpx and what makes previews of links; a health check; Axios in Node."""
TTL = 3600
GUARDS = sorted(set(apps.ALL) - {"django-rest"})
"""Django REST framework renders no pages."""


@dataclass
class Site:
    """An application whose pages are rendered for people, and a browser that is signed in there."""

    at: GateHarness
    app: ASGIApp
    ann: Browser
    account: str

    async def open(
        self,
        path: str,
        *,
        method: str = "GET",
        query: bytes = b"",
        headers: list[tuple[str, str]] = NAVIGATION,
        jar: dict[str, str] | None = None,
    ) -> Answer:
        """Open a page with the cookies of the browser, without an access token."""
        held = self.ann.jar if jar is None else jar
        cookies = [("cookie", "; ".join(f"{name}={value}" for name, value in held.items()))] if held else []
        return await call(self.app, method, path, query=query, headers=[*headers, *cookies])

    def run_out(self) -> None:
        """The page cookie runs out; browsers send it until they have seen so themselves."""
        self.at.clock.advance(TTL + 10)


@pytest.fixture(params=GUARDS)
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    at = GateHarness(tokens=Tokens(claims=scopes), pages=Pages(page_ttl=TTL, sign_in_page="/sign-in"))
    async with running(request.param, at.gate) as app:
        ann = Browser(app, mount="/auth")
        begun = await ann.register()
        at.store.verbs.clear()
        yield Site(at, app, ann, begun.json()["account"]["id"])


def sent_to(answer: Answer) -> str:
    """Where a redirect leads; one of the projects has its routes below a prefix."""
    return answer.one("location").replace("next=/async/", "next=/")


def assert_kept_by_nobody_else(answer: Answer) -> None:
    assert "Cookie" in answer.one("vary")
    assert "no-store" in answer.one("cache-control")


async def test_a_page_is_rendered_for_the_person_of_the_page_cookie(site: Site) -> None:
    for path in ("/page", "/page-notes", "/page-or-not"):
        for headers in (NAVIGATION, SCRIPT):
            answer = await site.open(path, headers=headers)
            assert (answer.status, answer.json()) == (200, {"account": site.account}), path
            assert answer.one("vary") == "Cookie"
            assert answer.one("cache-control") == "private, no-store"
    assert site.at.store.verbs == [], "no store read per request"


async def test_head_is_read_as_get_is(site: Site) -> None:
    assert (await site.open("/page", method="HEAD")).status == 200


async def test_the_page_cookie_changes_nothing(site: Site) -> None:
    for path in ("/page", "/page-or-not"):
        answer = await site.open(path, method="POST")
        assert (answer.status, answer.code) == (403, "page-cookie-reads")
        assert "Authorization: Bearer" in answer.json()["detail"]


async def test_a_script_may_send_its_access_token_there(site: Site) -> None:
    for method in ("GET", "POST"):
        answer = await site.open("/page", method=method, headers=[*SCRIPT, site.ann.bearer], jar={})
        assert answer.json() == {"account": site.account}


async def test_a_server_may_pass_the_cookie_on_as_a_bearer_token_for_reading(site: Site) -> None:
    bearer = ("authorization", f"Bearer {site.ann.jar[PAGE]}")
    assert (await site.open("/page", headers=[bearer], jar={})).json() == {"account": site.account}
    assert (await site.open("/page", method="POST", headers=[bearer], jar={})).code == "page-cookie-reads"
    assert (await site.open("/me", headers=[bearer], jar={})).code == "invalid-token"
    site.run_out()
    assert (await site.open("/page", headers=[bearer])).code == "invalid-token"
    assert (await site.open("/page-or-not", headers=[bearer])).code == "invalid-token"


async def test_no_token_of_another_kind_counts_in_its_place(site: Site) -> None:
    assert (await site.open("/me")).code == "token-required"
    for other in (site.ann.access_token, site.ann.rt, "", "x"):
        answer = await site.open("/page", headers=SCRIPT, jar={PAGE: other})
        assert (answer.status, answer.code) == (401, "invalid-token")
    for name in ("gatepass_page", "__Host-gatepass_page", "__Host-Http-gatepass_page_8443", RESUMED):
        answer = await site.open("/page", headers=SCRIPT, jar={name: site.ann.jar[PAGE]})
        assert (answer.status, answer.code) == (401, "token-required")


async def test_a_proxy_that_asks_for_a_password_is_in_no_ones_way(site: Site) -> None:
    basic = ("authorization", "Basic c3RhZ2luZzpvcGVu")
    assert (await site.open("/page", headers=[*NAVIGATION, basic])).json() == {"account": site.account}


async def test_the_application_does_not_see_the_page_cookie_of_another_port(site: Site) -> None:
    other = "__Host-Http-gatepass_page_8443"
    answer = await site.open("/seen", jar={**site.ann.jar, other: "secret", "theme": "dark"})
    assert set(answer.json()["cookies"]) == {PAGE, STATE, "theme"}


class TestRunOut:
    async def test_a_person_whose_session_exists_is_sent_to_resume_it(self, site: Site) -> None:
        site.run_out()
        for jar in (site.ann.jar, {STATE: site.ann.jar[STATE]}):
            answer = await site.open("/page", query=b"tab=a&x=%C3%A4", jar=jar)
            assert (answer.status, sent_to(answer)) == (303, "/auth/resume?next=/page%3Ftab%3Da%26x%3D%25C3%25A4")
            assert_kept_by_nobody_else(answer)
            answer = await site.open("/page-or-not", jar=jar)
            assert (answer.status, sent_to(answer)) == (303, "/auth/resume?next=/page-or-not&optional=1")
            assert_kept_by_nobody_else(answer)

    async def test_a_refresh_makes_it_whole_again(self, site: Site) -> None:
        site.run_out()
        assert (await site.open("/page")).status == 303
        assert (await site.ann.refresh()).status == 200
        assert (await site.open("/page")).json() == {"account": site.account}

    async def test_nobody_is_sent_there_twice_in_a_row(self, site: Site) -> None:
        """nextauthjs/next-auth#8065, gladly-team/next-firebase-auth#591: page and sign-in redirect to each other."""
        site.run_out()
        tried = {**site.ann.jar, RESUMED: "1"}
        answer = await site.open("/page", jar=tried)
        assert (answer.status, answer.code) == (401, "page-cookie-lost")
        assert (await site.open("/page-or-not", jar=tried)).json() == {"account": None}

    async def test_neither_a_script_nor_a_program_is_sent_anywhere(self, site: Site) -> None:
        """HyphaApp/hypha#4531, IBM/mcp-context-forge#2874: the sign-in page stands inside the part that was loaded."""
        site.run_out()
        for path in ("/page", "/page-or-not"):
            for headers in (*SCRIPTS, *PROGRAMS):
                answer = await site.open(path, headers=headers)
                assert (answer.status, answer.code) == (401, "invalid-token")

    async def test_a_change_is_sent_nowhere(self, site: Site) -> None:
        jar = {STATE: site.ann.jar[STATE]}
        for path in ("/page", "/page-or-not"):
            assert (await site.open(path, method="POST", jar=jar)).code == "token-required"


class TestSignedOut:
    async def test_a_person_is_sent_to_where_people_sign_in(self, site: Site) -> None:
        answer = await site.open("/page", query=b"tab=a", jar={})
        assert (answer.status, sent_to(answer)) == (303, "/sign-in?next=/page%3Ftab%3Da")
        assert_kept_by_nobody_else(answer)

    async def test_a_browser_that_does_not_say_what_a_request_is_for_names_what_it_shows(self, site: Site) -> None:
        for method in ("GET", "HEAD"):
            answer = await site.open("/page", method=method, headers=[("accept", "text/html,*/*;q=0.8")], jar={})
            assert (answer.status, sent_to(answer)) == (303, "/sign-in?next=/page")

    async def test_a_script_or_a_program_gets_the_401_with_a_challenge(self, site: Site) -> None:
        """A program that follows redirects would have the sign-in page with a 200, and take it for its answer."""
        for headers in (*SCRIPTS, *PROGRAMS):
            answer = await site.open("/page", headers=headers, jar={})
            assert (answer.status, answer.code) == (401, "token-required")
            assert answer.one("www-authenticate") == "Bearer"
            assert_kept_by_nobody_else(answer)
            assert (await site.open("/page", method="HEAD", headers=headers, jar={})).status == 401

    async def test_a_page_for_everybody_is_rendered_and_varies(self, site: Site) -> None:
        for headers in (NAVIGATION, SCRIPT, *PROGRAMS):
            answer = await site.open("/page-or-not", headers=headers, jar={})
            assert answer.json() == {"account": None}
            assert answer.one("vary") == "Cookie"

    async def test_signing_out_ends_the_page_cookie_at_once(self, site: Site) -> None:
        kept = dict(site.ann.jar)
        assert (await site.ann.logout()).status == 204
        assert (await site.open("/page")).one("location").startswith("/sign-in")
        copied = {PAGE: kept[PAGE]}
        assert (await site.open("/page", headers=SCRIPT, jar=copied)).code == "invalid-token"
        assert (await site.open("/page-or-not", jar=copied)).json() == {"account": None}


async def test_the_end_of_the_session_elsewhere_is_the_end_of_the_cookie(site: Site) -> None:
    await site.at.gate.sessions.revoke(bytes.fromhex(site.ann.sid), reason="revoked")
    assert (await site.open("/page")).one("location").startswith("/auth/resume")
    assert (await site.open("/page", headers=SCRIPT)).code == "invalid-token"


async def test_changed_claims_make_it_stale_as_they_do_an_access_token(site: Site) -> None:
    site.at.clock.advance(1)
    await site.at.gate.refresh_claims(site.account)
    answer = await site.open("/page", headers=SCRIPT)
    assert (answer.code, answer.json()["reason"]) == ("invalid-token", "claims-changed")
    assert (await site.open("/page")).one("location").startswith("/auth/resume")
    assert (await site.ann.refresh()).status == 200
    assert (await site.open("/page")).json() == {"account": site.account}


async def test_a_person_who_lacks_a_scope_is_refused_and_sent_nowhere(site: Site) -> None:
    bob = Browser(site.app, mount="/auth")
    await bob.register("bob@example.com", remember=False)
    answer = await site.open("/page-notes", jar=bob.jar)
    assert (answer.status, answer.code) == (403, "insufficient-scope")
