"""Several hosts in one URL, IPv6 addresses among them, on every version of Python."""

import pytest

from gatepass.stores.urls import split_url


@pytest.mark.parametrize("hosts", ["s1,[::1]:7001", "[::1]:7001,s2", "[::1],[::2]", "u:p@s1,[::1]", "a,b,c:1", ""])
@pytest.mark.parametrize("rest", ["", "/main/2", "/main?tls=off", "?tls=off", "/a#b"])
def test_the_hosts_stay_as_they_are_and_the_rest_is_split(hosts: str, rest: str) -> None:
    parts = split_url(f"redis://{hosts}{rest}")
    assert (parts.scheme, parts.netloc) == ("redis", hosts)
    path, _, query = rest.partition("#")[0].partition("?")
    assert (parts.path, parts.query, parts.fragment) == (path, query, rest.partition("#")[2])


def test_user_and_password_are_found() -> None:
    parts = split_url("postgresql://ann:pa%40ss@h1,[::1]:5433/app")
    assert (parts.username, parts.password) == ("ann", "pa%40ss")


def test_a_text_that_is_no_url_is_split_as_one() -> None:
    assert split_url("gatepass.db").path == "gatepass.db"
