"""A client is named so that its owner recognises it, in words of ours or by one plain product name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.wire.device import client_label

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT}"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
LINUX = "Mozilla/5.0 (X11; Linux x86_64"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT}"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPAD = IPHONE.replace("iPhone; CPU iPhone OS", "iPad; CPU OS")


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        (f"{WINDOWS} Chrome/142.0.0.0 Safari/537.36", "Chrome on Windows"),
        (f"{WINDOWS} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0", "Edge on Windows"),
        (f"{WINDOWS} Chrome/142.0.0.0 Safari/537.36 OPR/124.0.0.0", "Opera on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Windows"),
        (f"{MAC} {WEBKIT} Chrome/142.0.0.0 Safari/537.36", "Chrome on macOS"),
        (f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on macOS"),
        (f"{LINUX}) {WEBKIT} Chrome/142.0.0.0 Safari/537.36", "Chrome on Linux"),
        (f"{LINUX}; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Linux"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/142.0.0.0 Safari/537.36", "Chrome on ChromeOS"),
        (f"{ANDROID} Chrome/142.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        (f"{ANDROID} Chrome/142.0.0.0 Mobile Safari/537.36 EdgA/142.0.0.0", "Edge on Android"),
        (f"{ANDROID} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", "Samsung Internet on Android"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0", "Firefox on Android"),
        (f"{IPHONE} Version/26.0 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        (f"{IPHONE} CriOS/142.0.7444.46 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
        (f"{IPHONE} FxiOS/145.0 Mobile/15E148 Safari/604.1", "Firefox on iPhone"),
        (f"{IPHONE} Version/18.0 EdgiOS/142.0.0.0 Mobile/15E148 Safari/604.1", "Edge on iPhone"),
        (f"{IPAD} Version/18.0 Mobile/15E148 Safari/604.1", "Safari on iPad"),
        (f"{IPHONE} Mobile/15E148", "Unknown client on iPhone"),
    ],
)
def test_a_browser_is_named_with_its_system(agent: str, label: str) -> None:
    assert client_label(agent) == label


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        ("curl/8.5.0", "curl"),
        ("python-httpx/0.28.1", "python-httpx"),
        ("gatepass-python/0.1", "gatepass-python"),
        ("okhttp/4.12.0", "okhttp"),
        ("Go-http-client/1.1", "Go-http-client"),
        ("Dalvik/2.1.0 (Linux; U; Android 15; Pixel 9 Build/AP4A)", "Dalvik on Android"),
        ("Notes/12 CFNetwork/1568.200.51 Darwin/24.1.0", "Notes"),
        ("My%20Notes/12 CFNetwork/1568.200.51 Darwin/24.1.0", "My Notes"),
        ("Notes/1.0 (com.example.notes; build:1; iOS 18.6.0) Alamofire/5.9.1", "Notes on iOS"),
        ("Notes/1.0 (iPhone; iOS 18.6; Scale/3.00)", "Notes on iPhone"),
    ],
)
def test_an_application_is_named_as_it_names_itself(agent: str, label: str) -> None:
    assert client_label(agent) == label


@pytest.mark.parametrize(
    "agent",
    [
        None,
        "",
        " ",
        "Mozilla/5.0",
        "Mozilla/5.0 <script>alert(1)</script>",
        "<b>\x1b[31m",
        "\u202egnp.exe",
        "%20%20",
        "1234/5",
        "é" * 3000,
        "'; DROP TABLE session; --",
    ],
)
def test_what_says_nothing_is_an_unknown_client(agent: str | None) -> None:
    assert client_label(agent) == "Unknown client"


@given(st.text(max_size=200) | st.text(alphabet="aZ9%20._-<>&\"'\n\x1b/ ", max_size=200) | st.just("a" * 5000))
def test_no_text_brings_anything_else_into_a_label(agent: str) -> None:
    label = client_label(agent)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9._ -]{0,49}", label, re.ASCII), label
