"""A thief with the cookie gets nothing, and the owner is not disturbed; what a script plants is mended or dropped."""

import pytest

from tests.system.browser.conftest import Stage, expire, open_tab, ping, resume, sign_up, status
from tests.system.browser.engines.interface import Engine, Page, Profile
from tests.system.browser.test_every_browser import STATE_OF, steal
from tools.services.patience import until

SUFFIX = "(location.protocol === 'https:' ? '; Path=/; Secure' : '; Path=/')"


def test_a_session_whose_key_is_gone_ends_here_alone_and_the_next_sign_in_replaces_it(stage: Stage, tab: Page) -> None:
    sign_up(tab)
    sid = tab.evaluate("stage.session.getSnapshot().sessionId")
    tab.evaluate(
        "new Promise((ok, no) => { const r = indexedDB.deleteDatabase('gatepass'); r.onsuccess = ok; r.onerror = no; })"
        ".then(() => null)"
    )
    tab.reload()
    resume(tab)
    assert (status(tab), tab.evaluate("stage.session.getSnapshot().reason")) == ("ended", "unproven")
    assert tab.evaluate("stage.ended") == [{"reason": "unproven", "sessionId": sid}]
    assert steal(stage, tab)[1].startswith("gp_rt_"), "the cookies stay"
    sign_up(tab)
    expire(tab)
    assert "jti" in ping(tab)


@pytest.mark.parametrize("kept", ["7", "{ text: 1 }", "await crypto.subtle.generateKey(AES, false, ['encrypt'])"])
def test_what_a_script_stores_in_place_of_the_key_counts_as_none(stage: Stage, tab: Page, kept: str) -> None:
    sign_up(tab)
    tab.evaluate(
        f"""async () => {{
          const AES = {{ name: "AES-GCM", length: 256 }};
          const planted = {kept};
          const done = (request) => new Promise((ok) => {{ request.onsuccess = () => ok(request.result); }});
          const db = await done(indexedDB.open("gatepass"));
          const store = db.transaction("gatepass", "readwrite").objectStore("gatepass");
          const [name] = await done(store.getAllKeys());
          const id = stage.session.getSnapshot().sessionId.slice(0, 16);
          await done(store.put({{ [id]: {{ key: planted }} }}, name));
          db.close();
        }}"""
    )
    tab.reload()
    resume(tab)
    assert (status(tab), tab.evaluate("stage.session.getSnapshot().reason")) == ("ended", "unproven")


@pytest.mark.parametrize("name", ["", "_auth"])
def test_a_state_cookie_that_a_script_plants_is_mended_with_the_next_refresh(
    stage: Stage, profile: Profile, name: str
) -> None:
    tab = open_tab(stage, profile)
    sign_up(tab)
    sid = tab.evaluate("stage.session.getSnapshot().sessionId")
    for planted in (f"{sid}.0.AAAAAAAAAAA.4102444800", f"{'f' * 32}.0.AAAAAAAAAAA.4102444800"):
        tab.evaluate(
            f"(value) => {{ document.cookie = {STATE_OF}[0] + '{name}=' + value + {SUFFIX}; }}",
            planted,
        )
        fresh = open_tab(stage, profile)
        assert "jti" in ping(fresh)
        assert fresh.evaluate("stage.session.getSnapshot().sessionId") == sid
        expire(fresh)
        assert "jti" in ping(fresh)
        fresh.close()


def test_a_token_that_a_script_sends_to_the_other_tabs_is_not_taken(
    stage: Stage, profile: Profile, engine: Engine
) -> None:
    elsewhere = engine.new_profile()
    tab, hostile, thief = open_tab(stage, profile), open_tab(stage, profile), open_tab(stage, elsewhere)
    sign_up(tab)
    sign_up(thief)
    until(lambda: status(hostile) == "active")
    stolen = thief.evaluate("stage.session.token().then((t) => t.value)")
    hostile.evaluate(
        """(token) => {
          const { sessionId: sid } = stage.session.getSnapshot();
          const times = { left: 900_000, lifetime: 900_000, at: Date.now() };
          new BroadcastChannel(`gatepass:${location.origin}/auth`)
            .postMessage({ sid, generation: 99, challenge: "AAAAAAAAAAA", token, ...times, account: null });
        }""",
        stolen,
    )
    tab.evaluate("fetch('/page.js').then(() => null)")
    assert tab.evaluate("stage.session.token().then((t) => t.value)") != stolen
    elsewhere.close()
