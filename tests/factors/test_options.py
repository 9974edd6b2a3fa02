"""What an application says of its passkeys, and what is wrong with it in one sentence."""

from collections.abc import Sequence
from typing import Any

import pytest

from gatepass.errors import ConfigurationError
from gatepass.factors.options import Passkeys
from gatepass.wire.browsers import Browsers
from gatepass.wire.origin import Origins
from tests.support.gates import GateHarness

ANDROID = "android:apk-key-hash:" + "A" * 43


def origins_of(public_url: str, *foreign: str) -> Origins:
    return Origins.of(public_url, foreign)


def refused(**options: Any) -> str:
    with pytest.raises(ConfigurationError) as fault:
        Passkeys(**{"rp_id": "example.com", **options})
    return str(fault.value)


class TestTheRpId:
    def test_it_is_a_domain_as_the_network_spells_it(self) -> None:
        assert Passkeys(rp_id="Bücher.Example").rp_id == "xn--bcher-kva.example"
        assert Passkeys(rp_id="localhost").name == "localhost"
        for wrong in ("https://example.com", "example.com:443", "example.com/", "", "a b", "exa_mple.com", "-a.com"):
            assert "must be a domain alone" in refused(rp_id=wrong)

    def test_an_address_is_none_and_localhost_is_named_instead(self) -> None:
        for address in ("127.0.0.1", "[::1]", "192.0.2.1"):
            assert "http://localhost:8000" in refused(rp_id=address)

    def test_it_is_the_host_of_the_pages_or_a_domain_above(self) -> None:
        for rp_id in ("app.example.com", "example.com"):
            expected = Passkeys(rp_id=rp_id).expected(origins_of("https://app.example.com"))
            assert expected.origins == {"https://app.example.com"}
        for rp_id in ("www.example.com", "ple.com", "example.org"):
            with pytest.raises(ConfigurationError, match=r"it is app\.example\.com"):
                Passkeys(rp_id=rp_id).expected(origins_of("https://app.example.com"))

    def test_a_public_suffix_is_refused_when_the_gate_is_made(self) -> None:
        for rp_id, url in (("co.uk", "https://example.co.uk"), ("github.io", "https://ann.github.io")):
            with pytest.raises(ConfigurationError, match="public suffix"):
                GateHarness(passkeys=Passkeys(rp_id=rp_id), public_url=url)

    def test_pages_elsewhere_than_the_api_decide_too(self) -> None:
        pages = Passkeys(rp_id="shop.example").expected(
            origins_of("https://api.example", "https://shop.example", "https://other.example")
        )
        assert pages.origins == {"https://shop.example"}


class TestOrigins:
    def test_in_development_pages_of_localhost_use_them_and_those_of_its_address_do_not(self) -> None:
        for url in ("http://localhost:8000", "http://127.0.0.1:8000"):
            expected = Passkeys(rp_id="localhost").expected(origins_of(url))
            assert expected.origins == {"http://localhost:8000"}

    def test_related_origins_and_applications_are_named(self) -> None:
        named = ("https://example.de", "https://shop.example.com", ANDROID)
        passkeys = Passkeys(rp_id="example.com", origins=named)
        assert passkeys.related() == ["https://example.de"]
        assert passkeys.expected(origins_of("https://example.com")).origins == {"https://example.com", *named}

    @pytest.mark.parametrize(
        ("origins", "why"),
        [
            ("https://example.de", "list"),
            (("https://example.de/",), "scheme://host"),
            (("https://*.example.de",), "scheme://host"),
            (("http://example.de",), "https alone"),
            (("null",), "null"),
            (("android:apk-key-hash:short",), "43 characters"),
        ],
    )
    def test_what_is_no_origin_is_refused(self, origins: Sequence[str], why: str) -> None:
        assert why in refused(origins=origins)


def test_the_other_options_are_checked() -> None:
    assert "one line" in refused(service="two\nlines")
    assert "one line" in refused(service="x" * 65)
    assert "required, preferred or discouraged" in refused(user_verification="always")


def test_the_origins_of_the_gate_count_beside_the_own_one() -> None:
    gate = GateHarness(
        passkeys=Passkeys(rp_id="example.com"),
        public_url="https://api.example.com",
        browsers=Browsers(origins=["https://app.example.com", "capacitor://localhost"]),
    ).gate
    assert gate.passkeys.party.expected.origins == {"https://api.example.com", "https://app.example.com"}
