"""A link opens one path, by GET, for one session, for minutes, behind every guard that asks for it; nothing else."""

from urllib.parse import urlsplit

import pytest

from gatepass.core.claims import Tokens
from gatepass.core.policy import Policy
from gatepass.wire.asgi import ASGIApp
from tests.guards.apps import ALL, PREFIXES
from tests.guards.conftest import Guarded, scopes
from tests.guards.shared_apps import running
from tests.support.asgi import Answer, HeaderPairs, call
from tests.support.browser import Browser
from tests.support.gates import OTHER_SECRET, SECRET, GateHarness


async def link_to(guarded: Guarded, path: str) -> str:
    """The query of a link that Ann's page asks for, and the path that it is for."""
    return await link_of(guarded.ann, guarded.prefix + path)


async def link_of(person: Browser, path: str) -> str:
    answer = await person.send("POST", "/links", body={"paths": [path]}, headers=[person.bearer])
    assert answer.status == 200, answer.body
    (link,) = answer.json()["links"]
    return str(link)


async def follow(
    app: ASGIApp, link: str, *, prefix: str = "", method: str = "GET", headers: HeaderPairs = ()
) -> Answer:
    parts = urlsplit(link)
    path = parts.path.removeprefix(prefix)
    return await call(app, method, path, query=parts.query.encode(), headers=headers)


async def opened(guarded: Guarded, link: str, *, method: str = "GET", headers: HeaderPairs = ()) -> Answer:
    return await follow(guarded.app, link, prefix=guarded.prefix, method=method, headers=headers)


async def test_it_opens_its_path_and_the_route_knows_how_it_was_opened(guarded: Guarded) -> None:
    answer = await opened(guarded, await link_to(guarded, "/file"))
    assert answer.status == 200, answer.body
    assert (answer.json()["session"], answer.json()["by_link"]) == (guarded.ann.sid, True)
    by_token = await call(guarded.app, "GET", "/file", headers=[guarded.ann.bearer])
    assert by_token.json() == {**answer.json(), "by_link": False}
    assert guarded.at.store.verbs == [], "no store read per request, and none to make a link"


async def test_the_application_sees_its_query_without_the_link(guarded: Guarded) -> None:
    link = await link_to(guarded, "/file?size=large&tag=a%20b")
    assert (await opened(guarded, link)).json()["query"] in ("size=large&tag=a%20b", "size=large&tag=a+b")


async def test_its_response_is_for_no_shared_cache_and_its_address_for_no_other_site(guarded: Guarded) -> None:
    answer = await opened(guarded, await link_to(guarded, "/file"))
    assert "private" in answer.one("cache-control")
    assert answer.one("referrer-policy") == "no-referrer"
    plain = await call(guarded.app, "GET", "/file", headers=[guarded.ann.bearer])
    assert plain.get("referrer-policy") is None


@pytest.mark.parametrize("other", ["/secret", "/me", "/file?size=large", "/notes"])
async def test_it_opens_no_other_path_and_no_other_query(guarded: Guarded, other: str) -> None:
    query = urlsplit(await link_to(guarded, "/file")).query
    answer = await opened(guarded, f"{other}{'&' if '?' in other else '?'}{query}")
    assert answer.status == 401
    assert answer.code in ("invalid-token", "token-required")


async def test_a_route_that_does_not_ask_for_links_is_opened_by_none(guarded: Guarded) -> None:
    assert (await opened(guarded, await link_to(guarded, "/me"))).code == "token-required"


async def test_it_changes_nothing(guarded: Guarded) -> None:
    link = await link_to(guarded, "/file")
    refused = await opened(guarded, link, method="POST")
    assert (refused.status, refused.json()["reason"]) == (401, "link-method")
    assert (await opened(guarded, link, method="POST", headers=[guarded.ann.bearer])).status == 200


async def test_a_player_may_ask_for_the_head_first(guarded: Guarded) -> None:
    """What is signed for GET alone fails in players, in checkers of links and in downloaders."""
    assert (await opened(guarded, await link_to(guarded, "/file"), method="HEAD")).status == 200


async def test_it_is_no_access_token(guarded: Guarded) -> None:
    text = (await link_to(guarded, "/file")).partition("gp_link=")[2]
    answer = await call(guarded.app, "GET", "/file", headers=[("authorization", f"Bearer {text}")])
    assert answer.code == "invalid-token"
    assert (await call(guarded.app, "GET", "/file", query=f"gp_link={guarded.ann.access_token}".encode())).status == 401


async def test_it_dies_with_its_session(guarded: Guarded) -> None:
    link = await link_to(guarded, "/file")
    assert (await opened(guarded, link)).status == 200
    await guarded.ann.logout()
    assert (await opened(guarded, link)).code == "invalid-token"


async def test_it_expires(guarded: Guarded) -> None:
    ttl = Policy().link_ttl
    guarded.at.clock.advance(ttl - guarded.at.clock.now() % ttl)
    link = await link_to(guarded, "/file")
    guarded.at.clock.advance(ttl - 1)
    assert (await opened(guarded, link)).status == 200
    guarded.at.clock.advance(1)
    assert (await opened(guarded, link)).json()["reason"] == "link-expired"


async def test_it_carries_no_scope_unless_the_application_says_so(guarded: Guarded) -> None:
    link = await link_to(guarded, "/secret")
    assert (await opened(guarded, link)).code == "insufficient-scope"
    assert (await call(guarded.app, "GET", "/secret", headers=[guarded.ann.bearer])).status == 200


async def test_two_links_in_one_address_are_none(guarded: Guarded) -> None:
    link = await link_to(guarded, "/file")
    assert (await opened(guarded, f"{link}&{urlsplit(link).query}")).code == "invalid-token"


async def test_a_bearer_token_counts_before_a_link(guarded: Guarded) -> None:
    """A page that fetches an address which an `<img>` has too gets its 401, and refreshes."""
    link = await link_to(guarded, "/file")
    assert (await opened(guarded, link, headers=[("authorization", "Bearer x")])).code == "invalid-token"
    assert (await opened(guarded, link, headers=[("authorization", "Basic eDp4")])).status == 200


@pytest.mark.parametrize("kind", sorted(ALL))
async def test_it_carries_the_claims_that_the_application_names(kind: str) -> None:
    at = GateHarness(tokens=Tokens(claims=scopes, link_claims=("scope",)))
    async with running(kind, at.gate) as app:
        ann = Browser(app, mount="/auth")
        await ann.register()
        guarded = Guarded(at, app, ann, PREFIXES.get(kind, ""))
        assert (await opened(guarded, await link_to(guarded, "/secret"))).status == 200


async def test_a_change_of_the_secret_breaks_no_link() -> None:
    """Rolled out as `old,new`, `new,old`, `new`: the link of a step opens in that step and the next."""
    steps = [[SECRET], [SECRET, OTHER_SECRET], [OTHER_SECRET, SECRET], [OTHER_SECRET]]
    store = GateHarness().store
    apps = [GateHarness(secrets=step, store=store) for step in steps]
    opening: dict[tuple[int, int], int] = {}
    for made, maker in enumerate(apps):
        async with running("starlette", maker.gate) as app:
            ann = Browser(app, mount="/auth")
            await ann.register(f"ann{made}@example.com")
            link = await link_of(ann, "/file")
        for opened_at, opener in enumerate(apps):
            async with running("starlette", opener.gate) as app:
                opening[made, opened_at] = (await follow(app, link)).status
    assert {pair for pair, status in opening.items() if status == 200} == {
        *((0, 0), (0, 1), (0, 2)),
        *((1, 0), (1, 1), (1, 2)),
        *((2, 1), (2, 2), (2, 3)),
        *((3, 1), (3, 2), (3, 3)),
    }
