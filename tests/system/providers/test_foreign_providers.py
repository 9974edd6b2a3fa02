"""Two OpenID providers that others wrote: the whole way there and back with each, as a browser goes it."""

import re
from collections.abc import AsyncIterator
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest

from gatepass.system import SystemClock
from tests.support.browser import RT
from tests.support.gates import GateHarness, open_gate
from tests.support.person import Person, error_of
from tests.system.providers.conftest import Foreign

_ACTION = re.compile(r'action="([^"]+)"')


@pytest.fixture
async def at() -> AsyncIterator[GateHarness]:
    """A gate whose clock is that of the providers."""
    async with open_gate(clock=SystemClock()) as made:
        yield made


@pytest.fixture
def foreign(request: pytest.FixtureRequest) -> Foreign:
    found: Foreign = request.getfixturevalue(request.param)
    return found


def without_state(url: str) -> str:
    """The address without this member of its query."""
    parts = urlsplit(url)
    members = [member for member in parts.query.split("&") if not member.startswith("state=")]
    return parts._replace(query="&".join(members)).geturl()


async def authorize(foreign: Foreign, location: str, *, subject: str, denies: bool = False) -> str:
    """Sign in at the provider and consent. Returns path and query of the way back to the gate."""
    async with httpx2.AsyncClient(follow_redirects=False) as client:
        page = await client.get(location)
        for _ in range(20):
            if page.is_redirect:
                target = urljoin(str(page.url), page.headers["location"])
                if target.startswith("https://gate.example"):
                    parts = urlsplit(target)
                    return f"{parts.path}?{parts.query}"
                page = await client.get(target)
            elif foreign.kind == "mock":
                form = {"action": "deny"} if denies else {"sub": subject}
                page = await client.post(str(page.url), data=form)
            elif denies:
                page = await client.get(urljoin(str(page.url), f"{page.url.path}/abort"))
            else:
                action = _ACTION.search(page.text)
                assert action is not None, page.text
                prompt = "login" if 'name="login"' in page.text else "consent"
                form = {"prompt": prompt, "login": subject, "password": "any"}
                page = await client.post(urljoin(str(page.url), action[1]), data=form)
    raise AssertionError("the provider goes round in circles")


BOTH = pytest.mark.parametrize("foreign", ["mock", "certified"], indirect=True)


@BOTH
async def test_the_person_comes_back_signed_in_with_a_bound_session_and_keeps_the_account(
    at: GateHarness, foreign: Foreign
) -> None:
    at.gate.oidc(foreign.kind, **foreign.options)
    accounts = set()
    for _ in range(2):
        person = Person(at.gate.asgi)
        location = (await person.start(foreign.kind, return_to="/notes")).json()["location"]
        back = await authorize(foreign, location, subject=foreign.subject)
        answer = await person.open(back, site="cross-site")
        assert (answer.status, answer.one("location")) == (303, "/notes"), at.events
        assert (await person.refresh()).status == 200
        me = (await person.get("/me")).json()
        assert me["email"] == "ann@example.com"
        accounts.add(me["id"])
        assert (await person.clone().refresh()).code == "proof-required"
    assert len(accounts) == 1


@BOTH
async def test_a_code_is_good_once_and_an_answer_in_another_browser_for_nothing(
    at: GateHarness, foreign: Foreign
) -> None:
    at.gate.oidc(foreign.kind, **foreign.options)
    person, thief = Person(at.gate.asgi), Person(at.gate.asgi)
    location = (await person.start(foreign.kind)).json()["location"]
    back = await authorize(foreign, location, subject=foreign.subject)
    assert (await thief.open(back, site="cross-site")).status == 400
    thief.jar = dict(person.jar)
    assert (await person.open(back, site="cross-site")).one("location") == "/"
    assert error_of(await thief.open(back, site="cross-site")) == "sign-in-expired"
    assert RT not in thief.jar


async def test_a_person_who_declines_is_told_so(at: GateHarness, certified: Foreign) -> None:
    at.gate.oidc("certified", **certified.options)
    person = Person(at.gate.asgi)
    location = (await person.start("certified", return_to="/in")).json()["location"]
    back = await authorize(certified, location, subject="ann", denies=True)
    assert (await person.open(back, site="cross-site")).one("location") == "/in?gatepass_error=access-denied"


async def test_a_refusal_without_a_state_is_a_page(at: GateHarness, mock: Foreign) -> None:
    """oidc-provider-mock 0.3 leaves the state out, against RFC 6749 §4.1.2.1: so it may be the answer to nothing."""
    at.gate.oidc("mock", **mock.options)
    person = Person(at.gate.asgi)
    location = (await person.start("mock")).json()["location"]
    back = await authorize(mock, location, subject="mock-ann", denies=True)
    answer = await person.open(without_state(back), site="cross-site")
    assert (answer.status, answer.cookies) == (400, [])


@BOTH
async def test_an_address_that_the_provider_did_not_verify_takes_over_no_account(
    at: GateHarness, foreign: Foreign
) -> None:
    at.gate.oidc(foreign.kind, **foreign.options)
    subject = {"mock": "mock-una", "certified": "una"}[foreign.kind]
    owner = Person(at.gate.asgi)
    await owner.register("una@example.com")
    person = Person(at.gate.asgi)
    location = (await person.start(foreign.kind)).json()["location"]
    back = await authorize(foreign, location, subject=subject)
    assert error_of(await person.open(back, site="cross-site")) == "link-required"


async def test_answers_of_two_providers_are_not_mixed_up(at: GateHarness, mock: Foreign, certified: Foreign) -> None:
    """The certified one names itself in its answers (RFC 9207)."""
    at.gate.oidc("mock", **mock.options)
    at.gate.oidc("certified", **certified.options)
    person = Person(at.gate.asgi)
    location = (await person.start("certified")).json()["location"]
    back = await authorize(certified, location, subject="ann")
    assert f"iss={certified.issuer.replace(':', '%3A').replace('/', '%2F')}" in back
    assert (await person.open(back.replace("/certified/", "/mock/"), site="cross-site")).status == 400
    assert (await person.open(back.replace("iss=http", "iss=https"), site="cross-site")).status in (303, 400)
    assert RT not in person.jar


async def test_what_was_asked_of_the_sign_in_is_done_and_checked(at: GateHarness, certified: Foreign) -> None:
    at.gate.oidc("strict", **certified.options, max_age=60, prompt="login")
    person = Person(at.gate.asgi)
    location = (await person.start("strict")).json()["location"]
    back = await authorize(certified, location, subject="ann")
    assert (await person.open(back, site="cross-site")).one("location") == "/"
    await person.refreshed()
    assert at.gate.check.principal([person.bearer[1]]).methods[0] == "fed"
