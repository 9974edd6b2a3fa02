"""Reading and withholding cookies agree: what an application may see never holds what we would read."""

from hypothesis import given
from hypothesis import strategies as st

from gatepass.wire.cookies import Cookies

HTTPS = Cookies.for_url("https://gate.example")
NAMES = st.sampled_from([*HTTPS.refresh_names, HTTPS.state_name, "theme", "", "__host-http-gatepass"])
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
        return [crumb for crumb in crumbs if crumb.partition("=")[0].strip() not in HTTPS.refresh_names and crumb]

    assert others([value.decode("latin-1") for _, value in kept]) == others(values)


def test_headers_that_are_no_cookies_pass_as_they_are() -> None:
    raw = [(b"x-cookie", b"__Host-Http-gatepass=x"), (b"accept", b"*/*")]
    assert HTTPS.withhold(raw) == (raw, b"")
