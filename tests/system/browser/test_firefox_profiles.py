"""What a Firefox has stored outlasts it; a private one works as any other, and leaves nothing behind."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.system.browser.conftest import Stage, expire, open_tab, ping, sign_up, status
from tests.system.browser.engines.firefox import PRIVATE, Firefox
from tests.system.browser.engines.variants import Variant, require

pytestmark = pytest.mark.firefox_only("profiles that outlast their browser, and private ones")


@contextmanager
def opened(stage: Stage, folder: Path, preferences: Mapping[str, object] = {}) -> Iterator[Any]:
    """A page of the stage in a Firefox of its own."""
    firefox = Firefox(folder, preferences)
    try:
        yield open_tab(stage, firefox.own_profile)
    finally:
        firefox.close()


def test_it_is_signed_in_after_a_restart_and_without_its_keys_signed_out_once(
    stage: Stage, tmp_path: Path, variant: Variant
) -> None:
    require(variant.browser)
    folder = tmp_path / "profile"
    with opened(stage, folder) as page:
        sign_up(page)
        sid = page.evaluate("stage.session.getSnapshot().sessionId")
    with opened(stage, folder) as page:
        assert (status(page), page.evaluate("stage.session.getSnapshot().sessionId")) == ("active", sid)
    shutil.rmtree(folder / "storage")
    with opened(stage, folder) as page:
        assert (status(page), page.evaluate("stage.session.getSnapshot().reason")) == ("ended", "unproven")
        assert any(cookie["name"] == stage.names.refresh for cookie in page.context.cookies()), "the cookies stay"


def test_a_private_one_refreshes_with_its_proof_and_forgets(stage: Stage, tmp_path: Path, variant: Variant) -> None:
    require(variant.browser)
    folder = tmp_path / "profile"
    with opened(stage, folder, PRIVATE) as page:
        sign_up(page)
        for _ in range(2):
            expire(page)
            assert "jti" in ping(page)
        assert page.evaluate("stage.api.get('/auth/sessions').then(r => r.data.sessions.map(s => s.bound))") == ["key"]
    with opened(stage, folder, PRIVATE) as page:
        assert status(page) == "anonymous"
