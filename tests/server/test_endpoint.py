"""A declaration is all that there is to an endpoint: what is not declared is not served, and what is declared holds."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gatepass.server import endpoints
from gatepass.server.app import AuthApp
from gatepass.server.endpoint import Endpoint
from tests.server.test_endpoints import EVERY_ENDPOINT
from tests.support.asgi import Answer, call
from tests.support.gates import GateHarness, open_gate

MOUNTED = (*endpoints.DESCRIBED, *endpoints.FEED)
CLIENT = ("gatepass-client", "1")
SIGNED = ("endProviderSession",)
"""By another server, which brings a token that it has signed."""


def app_of(at: GateHarness, declared: Sequence[Endpoint]) -> AuthApp:
    """An application that serves these, with the services of a gate."""
    app = at.gate.asgi
    assert isinstance(app, AuthApp)
    return AuthApp(
        declared,
        app._context,
        origins=app._origins,
        lifecycle=app._lifecycle,
        clock=app._clock,
        report=app._report,
        refused=app._refused,
    )


def path_of(endpoint: Endpoint) -> str:
    """A path that it answers."""
    return endpoint.path.replace("{sid}", "0" * 32).replace("{id}", "0" * 32).replace("{name}", "acme")


async def ask(app: AuthApp, endpoint: Endpoint, *headers: tuple[str, str]) -> Answer:
    return await call(app, endpoint.method, path_of(endpoint), headers=headers)


async def test_what_is_not_declared_is_not_served(at: GateHarness) -> None:
    for endpoint in MOUNTED:
        others = [other for other in MOUNTED if other.path != endpoint.path]
        assert (await ask(app_of(at, others), endpoint, CLIENT)).code == "not-found", endpoint.name


def test_the_declared_endpoints_are_those_that_the_other_tests_know() -> None:
    assert {(endpoint.method, path_of(endpoint)) for endpoint in endpoints.DESCRIBED} == set(EVERY_ENDPOINT)


async def test_a_gate_serves_the_feed_only_where_there_is_a_secret_for_it(at: GateHarness) -> None:
    (feed,) = endpoints.FEED
    assert isinstance(at.gate.asgi, AuthApp)
    assert (await ask(at.gate.asgi, feed)).code == "not-found"


async def test_a_page_of_another_site_is_refused_exactly_where_that_is_declared(at: GateHarness) -> None:
    app = app_of(at, MOUNTED)
    for endpoint in MOUNTED:
        answer = await ask(app, endpoint, CLIENT, ("origin", "https://evil.example"))
        assert (answer.status == 403) is endpoint.cross_site, endpoint.name


async def test_an_access_token_is_needed_exactly_where_that_is_declared(at: GateHarness) -> None:
    app = app_of(at, MOUNTED)
    for endpoint in MOUNTED:
        answer = await ask(app, endpoint, CLIENT)
        needed = endpoint.bearer or endpoint.recent or endpoint in endpoints.FEED
        assert ("www-authenticate" in dict(answer.headers)) is (needed or endpoint.name == "refresh"), endpoint.name
        assert not needed or answer.code == "token-required", endpoint.name


def test_no_endpoint_is_open_to_pages_of_other_sites_unless_it_takes_a_token_or_only_tells() -> None:
    for endpoint in MOUNTED:
        needs_token = endpoint.bearer or endpoint.recent or endpoint.name in SIGNED
        open_to_others = needs_token or endpoint.by_navigation or endpoint.method == "GET"
        assert endpoint.cross_site is not open_to_others, endpoint.name


async def test_two_declarations_of_one_path_and_method_are_refused(at: GateHarness) -> None:
    first = endpoints.DESCRIBED[0]
    with pytest.raises(ValueError, match="POST /register is declared twice"):
        app_of(at, [first, replace(first, name="another")])


@pytest.mark.parametrize(
    ("path", "status"),
    [("/sessions/x", 401), ("/sessions/", 404), ("/sessions/%0a", 401), ("/sessions/x/y", 404), ("/session/x", 404)],
)
async def test_a_path_parameter_is_one_segment_whatever_it_contains(at: GateHarness, path: str, status: int) -> None:
    assert (await call(at.gate.asgi, "DELETE", path)).status == status


async def test_a_closed_gate_opens_again_at_the_next_request() -> None:
    async with open_gate() as at:
        await at.gate.close()
        assert (await call(at.gate.asgi, "GET", "/me")).status == 401
        assert at.store.verbs.count("open") == 1
