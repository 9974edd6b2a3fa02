"""Where the browser may go: plain paths and allowed origins, and nothing that one reader takes for another host."""

import pytest

from gatepass.oidc.return_to import with_error
from gatepass.wire.return_to import is_safe

ORIGINS = frozenset({"https://gate.example", "https://app.example.com:8443", "capacitor://localhost"})


@pytest.mark.parametrize(
    "text",
    [
        "/",
        "/notes",
        "/notes/42?tab=a&next=https://evil.example#//x",
        "/a%20b",
        "/%C3%A4",
        "/.well-known/x",
        "/a..b/...",
        "https://gate.example",
        "https://gate.example/notes",
        "https://app.example.com:8443?x=1",
        "capacitor://localhost/home",
    ],
)
def test_a_path_of_ours_and_an_allowed_origin_are_safe(text: str) -> None:
    assert is_safe(text, origins=ORIGINS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "notes",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " /notes",
        "/notes ",
        "/a\x00",
        "/%2fevil.example",
        "/%2Fevil.example",
        "/%252fevil.example",
        "/%5cevil.example",
        "/%09/evil.example",
        "/%0d%0aset-cookie:x",
        "/..//evil.example",
        "/%2e%2e//evil.example",
        "/./x",
        "/a/../b",
        "/a//b",
        "https:evil.example",
        "https:/evil.example",
        "https://evil.example",
        "https://gate.example.evil.example",
        "https://gate.example@evil.example",
        "https://gate.example:443/",
        "https://gate.example\\evil.example",
        "https://gate.example//evil.example",
        "https://GATE.example/",
        "http://gate.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "/ä",
        "/" + "a" * 1024,
        "/%2525252525252fevil.example",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    assert not is_safe(text, origins=ORIGINS)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/", "/?gatepass_error=no"),
        ("/a?x=1#y", "/a?x=1&gatepass_error=no#y"),
        ("/a?gatepass_error=old&x=1", "/a?x=1&gatepass_error=no"),
        ("/a?#", "/a?gatepass_error=no#"),
    ],
)
def test_the_code_of_an_error_stands_once_in_the_query(before: str, after: str) -> None:
    assert with_error(before, "no") == after
