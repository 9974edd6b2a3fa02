"""Making links, and what must keep them from living longer or going further than they should."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from gatepass.core.policy import HOUR, LONGEST_LINK, Policy
from gatepass.core.principal import Principal
from gatepass.errors import ConfigurationError, InvalidToken
from gatepass.gate import Gatepass
from gatepass.guards.starlette import link_principal
from gatepass.remote.gate import RemoteGate
from gatepass.wire.links import LINK, AskedLink
from tests.support.asgi import Answer, call
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import GateHarness, open_gate


async def principal_at(at: GateHarness) -> tuple[Browser, Principal]:
    ann = Browser(at.gate.asgi)
    await ann.register()
    return ann, at.gate.check.principal([ann.bearer[1]])


def asked(link: str, method: str = "GET") -> AskedLink:
    path, _, query = link.partition("?")
    rest, _, text = query.rpartition("gp_link=")
    return AskedLink(text, method, path, rest.rstrip("&"))


async def shown(request: Request) -> Response:
    caller = link_principal(request)
    return JSONResponse({"session": caller.session_id, "url": str(request.url)})


async def broken(request: Request) -> Response:
    link_principal(request)
    raise ZeroDivisionError


async def moved(request: Request) -> Response:
    link_principal(request)
    return RedirectResponse(request.url.replace(hostname="elsewhere.example"))


ROUTES = [
    Route("/files/{id}", shown),
    Route("/broken", broken),
    Route("/moved", moved),
    Mount("/sub", routes=[Route("/files/{id}", shown)]),
]


async def get(gate: Gatepass, link: str, *, root_path: str = "") -> tuple[Answer, Starlette]:
    app = Starlette(routes=ROUTES, lifespan=gate.lifespan)
    path, _, query = link.partition("?")
    async with app.router.lifespan_context(app):
        return await call(app, "GET", path, query=query.encode(), root_path=root_path), app


class TestMaking:
    async def test_the_application_makes_links_itself_without_waiting_for_anything(self) -> None:
        async with open_gate() as at:
            ann, principal = await principal_at(at)
            at.store.verbs.clear()
            answer, _ = await get(at.gate, at.gate.link(principal, "/files/7"))
            assert answer.json() == {"session": ann.sid, "url": "https://gate.example/files/7"}
            assert at.store.verbs == []

    async def test_a_link_makes_no_other_links(self) -> None:
        async with open_gate() as at:
            _, principal = await principal_at(at)
            by_link = at.gate.check.linked([], asked(at.gate.link(principal, "/files/7")))
            with pytest.raises(ValueError, match="makes no other links"):
                at.gate.link(by_link, "/files/8")

    async def test_the_application_says_how_long_one_lives(self) -> None:
        async with open_gate() as at:
            _, principal = await principal_at(at)
            link = asked(at.gate.link(principal, "/film", ttl=LONGEST_LINK))
            at.clock.advance(LONGEST_LINK // 2 - 1)
            assert at.gate.check.linked([], link).account_id == principal.account_id
            for ttl in (0, -1, LONGEST_LINK + 1):
                with pytest.raises(ValueError, match="seconds"):
                    at.gate.link(principal, "/film", ttl=ttl)

    async def test_none_outlives_the_session_that_nobody_uses(self) -> None:
        policy = Policy(access_ttl=60, refresh_ttl=120, session_ttl=HOUR, link_ttl=10 * 60)
        async with open_gate(policy=policy) as at:
            _, principal = await principal_at(at)
            link = asked(at.gate.link(principal, "/files/7"))
            at.clock.advance(119)
            at.gate.check.linked([], link)
            at.clock.advance(1)
            with pytest.raises(InvalidToken, match="invalid-token"):
                at.gate.check.linked([], link)

    async def test_one_is_the_same_for_half_of_its_life_whichever_token_it_is_made_by(self) -> None:
        """A page that is rendered again, after a refresh too, finds its images in the cache of the browser."""
        async with open_gate() as at:
            ann, principal = await principal_at(at)
            at.clock.advance(300 - at.clock.now() % 300)
            first = at.gate.link(principal, "/files/7")
            at.clock.advance(299)
            await ann.refresh()
            newer = at.gate.check.principal([ann.bearer[1]])
            assert newer.token_id != principal.token_id
            assert at.gate.link(newer, "/files/7") == first
            at.clock.advance(1)
            assert at.gate.link(newer, "/files/7") != first

    @pytest.mark.parametrize("path", ["/a$b/(c)=d/ü", "/a%24b/%28c%29%3Dd/%C3%BC"])
    async def test_a_proxy_may_spell_the_path_in_another_way(self, path: str) -> None:
        async with open_gate() as at:
            _, principal = await principal_at(at)
            text = at.gate.link(principal, path).partition("gp_link=")[2]
            assert at.gate.check.linked([], AskedLink(text, "GET", "/a$b/(c)=d/ü", "")).by_link

    async def test_a_typed_principal_is_refused_with_what_to_do(self) -> None:
        async with open_gate() as at:
            _, principal = await principal_at(at)
            with pytest.raises(ValueError, match="typed"):
                at.gate.link(replace(principal, claims=object()), "/files/7")  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"paths": []}, "invalid-body"),
            ({"paths": ["//evil.example"]}, "invalid-body"),
            ({"paths": ["/x"] * 201}, "invalid-body"),
            ({"paths": [7]}, "invalid-body"),
            ({}, "invalid-body"),
        ],
    )
    async def test_the_endpoint_refuses_what_is_no_path(self, body: object, code: str) -> None:
        async with open_gate() as at:
            ann, _ = await principal_at(at)
            answer = await ann.send("POST", "/links", body=body, headers=[ann.bearer])
            assert (answer.status, answer.code) == (422, code)

    async def test_a_gallery_is_one_request_and_no_read(self) -> None:
        async with open_gate() as at:
            ann, _ = await principal_at(at)
            at.store.verbs.clear()
            paths = [f"/photos/{number}/{'a' * 200}" for number in range(200)]
            answer = await ann.send("POST", "/links", body={"paths": paths}, headers=[ann.bearer])
            links = answer.json()["links"]
            assert [link.partition("?")[0] for link in links] == paths
            assert answer.json()["expires_in"] == 300
            assert max(map(len, links)) < 600
            assert at.store.verbs == []

    async def test_the_endpoint_needs_an_access_token(self) -> None:
        async with open_gate() as at:
            ann, _ = await principal_at(at)
            assert (await ann.send("POST", "/links", body={"paths": ["/x"]})).code == "token-required"


class TestEnding:
    async def test_the_end_of_a_session_is_remembered_for_as_long_as_its_links_live(self) -> None:
        """Else a link of twelve hours would open again when the end of its session is forgotten."""
        async with open_gate(policy=Policy(access_ttl=60, link_ttl=LONGEST_LINK)) as at:
            assert at.gate.revocations.kept >= LONGEST_LINK

    async def test_a_change_of_claims_ends_links_too(self) -> None:
        async with open_gate() as at:
            _, principal = await principal_at(at)
            link = asked(at.gate.link(principal, "/files/7"))
            await at.gate.refresh_claims(principal.account_id)
            with pytest.raises(InvalidToken, match="invalid-token"):
                at.gate.check.linked([], link)

    async def test_sessions_before_the_epoch_have_no_links(self) -> None:
        async with open_gate() as at:
            _, principal = await principal_at(at)
            link = asked(at.gate.link(principal, "/files/7"))
            at.gate.revocations.raise_epoch(at.clock.now() + 1)
            with pytest.raises(InvalidToken, match="invalid-token"):
                at.gate.check.linked([], link)


class TestLeaking:
    async def test_a_redirect_of_the_application_takes_no_link_along(self) -> None:
        async with open_gate() as at:
            _, principal = await principal_at(at)
            answer, _ = await get(at.gate, at.gate.link(principal, "/moved"))
            assert answer.one("location") == "https://elsewhere.example/moved"

    async def test_nor_does_one_of_the_framework_to_another_spelling(self) -> None:
        async with open_gate() as at:
            _, principal = await principal_at(at)
            answer, _ = await get(at.gate, at.gate.link(principal, "/files/7/"))
            assert (answer.status, answer.one("referrer-policy")) == (307, "no-referrer")
            assert "gp_link" not in answer.one("location")

    async def test_nor_does_a_page_of_errors_or_a_refusal_tell_it_to_another_site(self) -> None:
        async with open_gate() as at:
            _, principal = await principal_at(at)
            path, _, query = at.gate.link(principal, "/broken").partition("?")
            scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": []}
            sent: list[Any] = []

            async def send(message: Any) -> None:
                sent.append(message)

            async def receive() -> Any:
                return {"type": "http.request"}

            app = Starlette(routes=ROUTES, lifespan=at.gate.lifespan)
            async with app.router.lifespan_context(app):
                with pytest.raises(ZeroDivisionError):
                    await app(scope, receive, send)
            assert sent[0]["status"] == 500
            assert (b"referrer-policy", b"no-referrer") in sent[0]["headers"]
            refused, _ = await get(at.gate, at.gate.link(principal, "/files/7").replace("/7", "/8"))
            assert (refused.status, refused.one("referrer-policy")) == (401, "no-referrer")

    async def test_what_a_server_logs_of_its_own_scope_has_no_link(self) -> None:
        async with open_gate() as at:
            _, principal = await principal_at(at)
            path, _, query = at.gate.link(principal, "/files/7?a=1").partition("?")
            scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": []}

            async def silent(*_: object) -> None:
                pass

            await at.gate.guard(silent)(scope, silent, silent)  # type: ignore[arg-type]
            assert scope["query_string"] == b"a=1"
            assert "gp_ln_" not in f"{scope}"

    async def test_nor_what_one_logs_of_a_wsgi_environ(self) -> None:
        async with open_gate() as at:
            _, principal = await principal_at(at)
            link = at.gate.link(principal, "/files/7?a=1")
            path, _, query = link.partition("?")
            environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query, "RAW_URI": link}
            at.gate.guard_wsgi(lambda _environ, _start: [])(environ, lambda *_: None)
            assert (environ["QUERY_STRING"], environ["RAW_URI"]) == ("a=1", "/files/7?a=1")
            assert "gp_ln_" not in f"{environ}"
            assert isinstance(environ[LINK], AskedLink)


class TestWhereTheApplicationIs:
    """A link is for the address that browsers know, wherever the application is mounted."""

    async def test_below_a_prefix_that_the_server_names(self) -> None:
        async with open_gate() as at:
            ann, principal = await principal_at(at)
            link = at.gate.link(principal, "/api/files/7")
            answer, _ = await get(at.gate, link, root_path="/api")
            assert answer.json()["session"] == ann.sid

    async def test_in_an_application_that_is_mounted_in_another(self) -> None:
        async with open_gate() as at:
            ann, principal = await principal_at(at)
            answer, _ = await get(at.gate, at.gate.link(principal, "/sub/files/7"))
            assert answer.json()["session"] == ann.sid


@pytest.fixture
def remote() -> Iterator[RemoteGate]:
    gate = RemoteGate("http://127.0.0.1:9/jwks.json", issuer=ORIGIN, audience=ORIGIN)
    yield gate
    gate.close()


def test_a_service_without_the_secrets_opens_no_link_and_says_why_once(
    remote: RemoteGate, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "gatepass.guard"):
        for _ in range(2):
            with pytest.raises(InvalidToken, match="invalid-token"):
                remote.check.linked([], AskedLink("gp_ln_x", "GET", "/files/7", ""))
    assert [record.name for record in caplog.records] == ["gatepass.guard"]
    assert "the gate's own application" in caplog.text


@pytest.mark.parametrize("ttl", [59, LONGEST_LINK + 1])
def test_a_life_out_of_bounds_is_refused_at_the_start(ttl: int) -> None:
    with pytest.raises(ConfigurationError, match="link_ttl"):
        Policy(link_ttl=ttl)
