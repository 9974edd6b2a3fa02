"""Which addresses a link can be for, how it stands in their query, and what a response to it says."""

import pytest

from gatepass.wire.links import Address, has_link, private_headers, privately, split_query

FINE = {
    "/files/7": ("/files/7?gp_link=T", "/files/7", ""),
    "/files/7?size=large": ("/files/7?size=large&gp_link=T", "/files/7", "size=large"),
    "/my film.mp4?q=a b": ("/my%20film.mp4?q=a%20b&gp_link=T", "/my film.mp4", "q=a%20b"),
    "/ünï/%C3%BC": ("/%C3%BCn%C3%AF/%C3%BC?gp_link=T", "/ünï/ü", ""),
    "/doc.pdf#page=3": ("/doc.pdf?gp_link=T#page=3", "/doc.pdf", ""),
    "/a?": ("/a?gp_link=T", "/a", ""),
    "/": ("/?gp_link=T", "/", ""),
    "https://media.example.com/7?x": ("https://media.example.com/7?x&gp_link=T", "/7", "x"),
}
REFUSED = [
    *("", "files/7", "//evil.example/x", "/\\evil.example", "https://media.example.com", "javascript:alert(1)"),
    *("/a/../b", "/a/%2e%2e/b", "/./a", "/a\nb", "/a%00b", "/a%0Ab", "/%ff", "ftp://x/y", "\t/a", "/a?gp_link=x"),
]


@pytest.mark.parametrize("url", FINE)
def test_an_address_is_spelt_as_browsers_send_it(url: str) -> None:
    address = Address.read(url)
    assert (address.with_link("T"), address.path, address.query) == FINE[url]


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_no_path_of_one_spelling_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="a link is for"):
        Address.read(url)


@pytest.mark.parametrize(
    ("query", "rest", "link"),
    [
        ("gp_link=T", "", "T"),
        ("a=1&gp_link=T", "a=1", "T"),
        ("gp_link=T&a=1", "a=1", "T"),
        ("gp_link=T&gp_link=T", "", ""),
        ("a=gp_link=T", "a=gp_link=T", None),
        ("xgp_link=T", "xgp_link=T", None),
        ("", "", None),
    ],
)
def test_the_link_is_taken_out_of_the_query(query: str, rest: str, link: str | None) -> None:
    assert split_query(query) == (rest, link)
    assert has_link(query) == has_link(query.encode())


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (None, "private, no-cache"),
        ("max-age=60", "private, max-age=60"),
        ("public, max-age=60, s-maxage=600, immutable", "private, max-age=60, immutable"),
        ("private, max-age=60", "private, max-age=60"),
        ("no-store", "no-store"),
    ],
)
def test_a_response_is_kept_by_no_shared_cache(said: str | None, sent: str) -> None:
    assert privately(said) == sent


def test_headers_that_an_application_has_set_are_replaced() -> None:
    given = [(b"Cache-Control", b"public"), (b"Referrer-Policy", b"unsafe-url"), (b"etag", b"1")]
    assert private_headers(given) == [
        (b"etag", b"1"),
        (b"cache-control", b"private"),
        (b"referrer-policy", b"no-referrer"),
    ]
