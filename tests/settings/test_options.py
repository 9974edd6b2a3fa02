"""Settings of limits, of page cookies and of passkeys."""

import sys

import pytest

from gatepass.core.policy import HOUR, MINUTE
from gatepass.core.rate import Rate
from gatepass.errors import ConfigurationError
from gatepass.factors.options import Passkeys
from gatepass.gate import Gatepass
from gatepass.server.limits import Limits
from gatepass.settings import Settings
from gatepass.wire.pages import Pages
from tests.support.gates import SECRET
from tests.support.settings import URL, faults, load


def test_limits_are_set_as_rates_and_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = load(
        monkeypatch,
        REFRESH_RATE="60/1m",
        ADDRESS_REFRESH_RATE="off",
        REGISTRATION_RATE="5/1d",
        PROVIDER_RATE="7/1m",
        SIGN_INS_AT_ONCE="4",
        HASHING_QUEUE="8",
        SLOW_REQUEST="5s",
        LIVE_ADMISSION="3s",
        LIVE_WAITING="7",
        LIVE_GRACE="4s",
        CONNECTIONS="100",
        PASSWORD_MIN="8",
        PASSWORD_MAX="64",
        SESSIONS_PER_ACCOUNT="7",
        RECENT_SIGN_IN="10m",
    ).arguments()
    rates = (Rate(60, 60), Rate(0, 1), Rate(5, 86_400))
    assert arguments["limits"] == Limits(
        refresh_rate=rates[0],
        address_refresh_rate=rates[1],
        registration_rate=rates[2],
        provider_rate=Rate(7, 60),
        sign_ins_at_once=4,
        hashing_queue=8,
        slow_request=5,
        live_admission=3,
        live_waiting=7,
        live_grace=4,
        connections=100,
    )
    assert (arguments["policy"].password_min, arguments["policy"].password_max) == (8, 64)
    assert (arguments["policy"].sessions_per_account, arguments["policy"].recent_sign_in) == (7, 10 * MINUTE)
    assert load(monkeypatch, RECENT_SIGN_IN="off").arguments()["policy"].recent_sign_in == 0


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ({"REFRESH_RATE": "60"}, "a rate is a number, a slash and a duration"),
        ({"SIGN_INS_AT_ONCE": "0"}, "GATEPASS_SIGN_INS_AT_ONCE"),
        ({"SLOW_REQUEST": "0s"}, "at least 1"),
        ({"LIVE_GRACE": "0s"}, "at least 1"),
        ({"PASSWORD_MIN": "7"}, "GATEPASS_PASSWORD_MIN must be 8 to GATEPASS_PASSWORD_MAX"),
        ({"PASSWORD_MAX": "63"}, "GATEPASS_PASSWORD_MAX must be 64 to 1024"),
        ({"SESSIONS_PER_ACCOUNT": "-1"}, "GATEPASS_SESSIONS_PER_ACCOUNT must be at least 1, or 0 for no limit"),
        ({"RECENT_SIGN_IN": "30s"}, "GATEPASS_RECENT_SIGN_IN must be a minute to GATEPASS_SESSION_TTL"),
        ({"RECENT_SIGN_IN": "of"}, "GATEPASS_RECENT_SIGN_IN: a duration is a number and a unit: 30s, 15m, 12h or 7d"),
    ],
)
def test_a_limit_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, names: dict[str, str], sentence: str) -> None:
    assert sentence in faults(monkeypatch, **names)


class TestPages:
    def test_they_are_off_and_on_by_one_setting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert load(monkeypatch, PAGES="on").arguments()["pages"] == Pages()
        given = load(monkeypatch, PAGES="on", PAGE_TTL="12h", SIGN_IN_PAGE="/sign-in", AUTH_PATH="/api/auth")
        assert given.arguments()["pages"] == Pages(page_ttl=12 * HOUR, sign_in_page="/sign-in", auth_path="/api/auth")

    def test_what_would_do_nothing_without_them_is_a_fault(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {"PAGE_TTL": "1h", "SIGN_IN_PAGE": "/sign-in", "AUTH_PATH": "/auth"}.items():
            said = faults(monkeypatch, **{name: value})
            assert said == f"GATEPASS_{name} is for page cookies, which are off: set GATEPASS_PAGES on too."
            monkeypatch.delenv(f"GATEPASS_{name}")

    def test_faults_are_told_by_the_names_of_the_settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said = faults(monkeypatch, PAGES="on", PAGE_TTL="25h", SIGN_IN_PAGE="https://x.example")
        assert "GATEPASS_PAGE_TTL must be 1 minute to 24 hours." in said
        assert "GATEPASS_SIGN_IN_PAGE must be a path of this host" in said

    def test_settings_that_code_would_undo_are_a_fault(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {"SECRET": SECRET, "PUBLIC_URL": URL, "PAGES": "on"}.items():
            monkeypatch.setenv(f"GATEPASS_{name}", value)
        with pytest.raises(ConfigurationError, match="GATEPASS_PAGES: `pages` is given in code"):
            Gatepass.from_env(pages=Pages())


class TestPasskeys:
    def test_an_rp_id_makes_the_options_of_passkeys(self, monkeypatch: pytest.MonkeyPatch) -> None:
        names = {"PASSKEY_RP_ID": "example.com", "PASSKEY_SERVICE": "Example", "PUBLIC_URL": "https://app.example.com"}
        names |= {"PASSKEY_ORIGINS": "https://example.de, https://example.fr", "PASSKEY_USER_VERIFICATION": "preferred"}
        assert load(monkeypatch, **names).arguments()["passkeys"] == Passkeys(
            rp_id="example.com",
            service="Example",
            origins=("https://example.de", "https://example.fr"),
            user_verification="preferred",
        )

    def test_every_fault_is_told_in_the_words_of_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("SERVICE", "ORIGINS", "USER_VERIFICATION"):
            with monkeypatch.context() as alone:
                said = faults(alone, **{f"PASSKEY_{name}": "required"})
                assert (
                    said == f"GATEPASS_PASSKEY_{name} is for passkeys, which are off: set GATEPASS_PASSKEY_RP_ID too."
                )
        said = faults(monkeypatch, PASSKEY_RP_ID="example.org", PUBLIC_URL="https://app.example.com")
        assert said.startswith("GATEPASS_PASSKEY_RP_ID example.org is neither the host of the pages nor")
        assert "For pages of GATEPASS_PUBLIC_URL it is app.example.com" in said
        said = faults(monkeypatch, PASSKEY_RP_ID="example.org", PUBLIC_URL="http://localhost:8000")
        assert "For pages of GATEPASS_PUBLIC_URL it is localhost" in said, "an address is no RP id"
        said = faults(monkeypatch, PASSKEY_RP_ID="co.uk", PUBLIC_URL="https://example.co.uk")
        assert "public suffix" in said
        said = faults(monkeypatch, PASSKEY_RP_ID="example.com", PUBLIC_URL="http://example.com")
        assert len(said.splitlines()) == 1, "the fault of the URL alone"

    def test_beside_options_in_code_they_would_be_lost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GATEPASS_PASSKEY_RP_ID", "example.com")
        monkeypatch.setenv("GATEPASS_SECRET", SECRET)
        monkeypatch.setenv("GATEPASS_PUBLIC_URL", "https://example.com")
        with pytest.raises(ConfigurationError, match="GATEPASS_PASSKEY_RP_ID: `passkeys` is given in code"):
            Settings.load(given=["passkeys"])

    def test_without_the_library_the_mend_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in sys.modules if name.split(".")[0] == "fido2" or name == "gatepass.factors.fido"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "fido2", None)
        said = faults(monkeypatch, PASSKEY_RP_ID="example.com", PUBLIC_URL="https://example.com")
        assert said == "Passkeys need a library of WebAuthn: pip install 'gatepass[passkeys]'"
