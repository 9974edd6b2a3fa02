"""What a response for one person tells caches, whatever the application said."""

import logging

import pytest

from gatepass.access import rendered
from gatepass.access.rendered import cache_headers

PRIVATE = "private, no-store"


@pytest.fixture(autouse=True)
def first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "_warned", False)


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (None, PRIVATE),
        ("no-store", "no-store"),
        ("private, max-age=60", "private, max-age=60"),
        ("Private", "Private"),
        ("no-cache", "private, no-cache"),
        ("max-age=60", "private, max-age=60"),
        ("public, max-age=60", "private, max-age=60"),
        ("public", PRIVATE),
        ("s-maxage=60, max-age=5", "private, max-age=5"),
        ("private, S-MaxAge=60", "private"),
    ],
)
def test_no_shared_cache_may_keep_it(said: str | None, sent: str) -> None:
    headers = [("content-type", "text/html"), *([("Cache-Control", said)] if said else [])]
    fit = cache_headers(headers, "for-a-person")
    assert fit == [("content-type", "text/html"), ("Vary", "Cookie"), ("Cache-Control", sent)]


@pytest.mark.parametrize(
    ("said", "sent"),
    [([], "Cookie"), (["Accept"], "Accept, Cookie"), (["Accept", "cookie"], "Accept, cookie"), (["*"], "*")],
)
def test_it_varies_by_the_cookie_beside_what_it_varies_by_already(said: list[str], sent: str) -> None:
    assert ("Vary", sent) in cache_headers([("vary", each) for each in said], "for-anyone")


def test_headers_that_caches_in_front_obey_first_are_taken_away() -> None:
    """RFC 9213; simonw/django-sql-dashboard#92: a CDN kept the page of the person who was signed in."""
    for name in ("CDN-Cache-Control", "Surrogate-Control", "Cloudflare-CDN-Cache-Control"):
        assert (name, "max-age=60") not in cache_headers([(name, "max-age=60")], "for-a-person")
        assert (name, "max-age=60") in cache_headers([(name, "max-age=60")], "for-anyone")


def test_what_is_for_everybody_may_be_kept() -> None:
    assert ("Cache-Control", "public, max-age=60") in cache_headers(
        [("Cache-Control", "public, max-age=60")], "for-anyone"
    )


def test_a_contradiction_is_told_once_with_the_mend(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "gatepass.pages"):
        cache_headers([("Cache-Control", "max-age=60")], "for-a-person")
        assert caplog.messages == []
        for _ in range(2):
            cache_headers([("Cache-Control", "public")], "for-a-person")
    (message,) = caplog.messages
    assert "Take the header away from routes with page_principal." in message
