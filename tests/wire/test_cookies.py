"""Reading and withholding cookies agree: what an application may see never holds what we would read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.wire.cookie_names import state_names
from gatepass.wire.cookies import Cookies

HTTPS = Cookies.for_url("https://gate.example")
OURS = ("__Host-Http-gatepass", "__Secure-gatepass", "__Host-gatepass-device", "gatepass_8000")
"""How the names begin that are withheld: what follows is the mark of a gate, or a text that only looks like one."""
OTHERS = ["__Secure-gatepass", "__Secure-gatepass_8443_one.auth", "__Host-Http-gatepass_8443", "gatepass_8000"]
"""Refresh cookies of other gates on the same host."""
NAMES = st.sampled_from([*HTTPS.place.names, *OTHERS, "theme", "", "__host-http-gatepass"])
SPACES = st.text(alphabet=" \t\x0b\x0c\x1f\x85\xa0", max_size=2)
CRUMBS = st.builds(
    lambda before, name, middle, sign, value: f"{before}{name}{middle}{sign}{value}",
    SPACES,
    NAMES,
    SPACES,
    st.sampled_from(["=", "==", "", ";", "=\t"]),
    st.text(alphabet="ab=; \xff", max_size=5),
)
VALUES = st.lists(st.lists(CRUMBS, max_size=4).map(";".join), max_size=3)


@given(VALUES)
def test_nothing_that_we_would_read_is_left_for_the_application(values: list[str]) -> None:
    raw = [(b"cookie", value.encode("latin-1")) for value in values]
    kept, held = HTTPS.withhold(raw)
    left = [value.decode("latin-1") for _, value in kept]
    assert HTTPS.read(left) == []
    assert HTTPS.read([held.decode("latin-1")]) == HTTPS.read(values)


@given(VALUES)
def test_no_cookie_of_others_is_lost(values: list[str]) -> None:
    kept, _ = HTTPS.withhold([(b"cookie", value.encode("latin-1")) for value in values])

    def others(texts: list[str]) -> list[str]:
        crumbs = [crumb.strip(" \t") for text in texts for crumb in text.split(";")]
        return [crumb for crumb in crumbs if crumb and not crumb.partition("=")[0].strip().startswith(OURS)]

    assert others([value.decode("latin-1") for _, value in kept]) == others(values)


def test_headers_that_are_no_cookies_pass_as_they_are() -> None:
    raw = [(b"x-cookie", b"__Host-Http-gatepass=x"), (b"accept", b"*/*")]
    assert HTTPS.withhold(raw) == (raw, b"")


@pytest.mark.parametrize(
    ("public_url", "path", "names"),
    [
        ("https://gate.example", "/", ("__Host-Http-gatepass", "__Host-gatepass_state")),
        ("https://gate.example:443", "/", ("__Host-Http-gatepass", "__Host-gatepass_state")),
        ("https://gate.example:8443", "/", ("__Host-Http-gatepass_8443", "__Host-gatepass_state_8443")),
        ("https://gate.example", "/one/auth", ("__Secure-gatepass_one.auth", "__Host-gatepass_state_one.auth")),
        ("https://gate.example", "/one/auth/", ("__Secure-gatepass_one.auth", "__Host-gatepass_state_one.auth")),
        ("https://gate.example:8443", "/a", ("__Secure-gatepass_8443_a", "__Host-gatepass_state_8443_a")),
        ("http://localhost:8000", "/", ("gatepass_8000", "gatepass_state_8000")),
        ("http://localhost", "/", ("gatepass_80", "gatepass_state_80")),
        ("http://127.0.0.1:8000", "/one/auth", ("gatepass_8000_one.auth", "gatepass_state_8000_one.auth")),
    ],
)
def test_the_names_have_a_mark_of_port_and_path(public_url: str, path: str, names: tuple[str, str]) -> None:
    place = Cookies.for_url(public_url, path=path).place
    assert place.names == names
    raw = [(b"cookie", f"{names[0]}=x; {names[1]}=y".encode())]
    assert HTTPS.withhold(raw) == ([(b"cookie", f"{names[1]}=y".encode())], f"{names[0]}=x".encode())


@pytest.mark.parametrize(
    ("public_url", "path", "name"),
    [
        ("https://gate.example", "/", "__Host-gatepass-device"),
        ("https://gate.example:8443", "/", "__Host-gatepass-device_8443"),
        ("https://gate.example", "/device", "__Secure-gatepass-device_device"),
        ("https://gate.example:8443", "/a", "__Secure-gatepass-device_8443_a"),
    ],
)
def test_the_cookie_of_a_device_has_a_name_of_its_own_and_is_withheld_too(
    public_url: str, path: str, name: str
) -> None:
    cookies = Cookies.for_url(public_url, path=path)
    assert cookies.place.names.device == name
    assert cookies.withhold([(b"cookie", f"{name}=x".encode())]) == ([], f"{name}=x".encode())
    assert cookies.read_device([f"{name}=x; __Host-Http-gatepass=y; __Host-gatepass-device_1=z"]) == ["x"]
    assert cookies.device("x", max_age=9).startswith(f"{name}=x; {cookies.device_attributes}")


def test_a_client_finds_its_state_by_its_address_the_longest_path_first() -> None:
    assert state_names("https://gate.example/one/auth") == (
        "__Host-gatepass_state_one.auth",
        "__Host-gatepass_state_one",
        "__Host-gatepass_state",
    )
    assert state_names("http://localhost:8000/auth/") == ("gatepass_state_8000_auth", "gatepass_state_8000")
    assert state_names("https://gate.example:8443") == ("__Host-gatepass_state_8443",)
