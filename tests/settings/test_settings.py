"""GATEPASS_*: every setting is read, from the environment, a file or code."""

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from gatepass.core.claims import Tokens
from gatepass.core.keyring import Secrets
from gatepass.core.policy import DAY, HOUR, Policy
from gatepass.errors import ConfigurationError
from gatepass.gate import Gatepass
from gatepass.mail import LinkPages, Mail
from gatepass.server.limits import Limits
from gatepass.settings import ENV_FILE, Settings
from gatepass.wire.browsers import Browsers
from gatepass.wire.pages import Pages
from tests.support.gates import OTHER_SECRET, SECRET
from tests.support.settings import URL, load


def test_with_a_secret_and_a_url_everything_else_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = load(monkeypatch).arguments()
    assert arguments.pop("secrets") == Secrets([SECRET], feed=[], peppers=[])
    assert arguments == {
        "public_url": URL,
        "store": "sqlite:///gatepass.db",
        "sessions": None,
        "testing": False,
        "policy": Policy(),
        "tokens": Tokens(),
        "browsers": Browsers(),
        "limits": Limits(),
        "mail": Mail(),
        "pages": None,
        "providers": (),
        "passkeys": None,
    }


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("STORE", "memory://", {"store": "memory://"}),
        ("SESSIONS", "redis+cluster://127.0.0.1:6379", {"sessions": "redis+cluster://127.0.0.1:6379"}),
        ("SECRET", f"{SECRET},{OTHER_SECRET}", {"secrets": Secrets([SECRET, OTHER_SECRET], [], [])}),
        ("SECRET", f" {SECRET} ,\n{OTHER_SECRET}", {"secrets": Secrets([SECRET, OTHER_SECRET], [], [])}),
        (
            "REVOCATION_FEED_SECRET",
            f"{SECRET},{OTHER_SECRET}",
            {"secrets": Secrets([SECRET], [SECRET, OTHER_SECRET], [])},
        ),
        ("PEPPER", f"{SECRET},{OTHER_SECRET}", {"secrets": Secrets([SECRET], [], [SECRET, OTHER_SECRET])}),
        ("REVOCATION_MAX_AGE", "1m", {"limits": Limits(revocation_max_age=60)}),
        ("REVOCATION_MAX_AGE", "never", {"limits": Limits(revocation_max_age=math.inf)}),
        ("MAIL", "smtp://localhost:1025", {"mail": Mail("smtp://localhost:1025")}),
        ("MAIL_FROM", "Gate <gate@example.com>", {"mail": Mail(sender="Gate <gate@example.com>")}),
        ("SECURITY_MAIL", "false", {"mail": Mail(security_mail=False)}),
        (
            "VERIFY_URL",
            "https://a.example/v?t={token}",
            {"mail": Mail(pages=LinkPages(verify_url="https://a.example/v?t={token}"))},
        ),
        (
            "RESET_URL",
            "https://a.example/r/{token}",
            {"mail": Mail(pages=LinkPages(reset_url="https://a.example/r/{token}"))},
        ),
        (
            "EMAIL_URL",
            "https://a.example/#{token}",
            {"mail": Mail(pages=LinkPages(email_url="https://a.example/#{token}"))},
        ),
        ("VERIFY_TTL", "2h", {"mail": Mail(pages=LinkPages(verify_ttl=7200))}),
        ("RESET_TTL", "10m", {"mail": Mail(pages=LinkPages(reset_ttl=600))}),
        ("RECOVERY_URL", "/lost#{token}", {"mail": Mail(pages=LinkPages(recovery_url="/lost#{token}"))}),
        ("FACTOR_RECOVERY_WAIT", "5d", {"policy": Policy(factor_recovery_wait=5 * 86_400)}),
        ("FACTOR_RECOVERY_WAIT", "off", {"policy": Policy(factor_recovery_wait=0)}),
        ("ISSUER", "https://issuer.example", {"tokens": Tokens(issuer="https://issuer.example")}),
        ("AUDIENCE", "https://api.example", {"tokens": Tokens(audience="https://api.example")}),
        ("CLIENT_ID", "web", {"tokens": Tokens(client_id="web")}),
        ("ALGORITHM", "ES256", {"tokens": Tokens(algorithm="ES256")}),
        ("ORIGINS", "https://a.example", {"browsers": Browsers(origins=["https://a.example"])}),
        (
            "ORIGINS",
            " https://a.example , https://b.example ,",
            {"browsers": Browsers(origins=["https://a.example", "https://b.example"])},
        ),
        ("ORIGINS", "", {"browsers": Browsers()}),
        ("COOKIE_PATH", "/auth", {"browsers": Browsers(cookie_path="/auth")}),
        ("SAME_SITE", "none", {"browsers": Browsers(same_site="none")}),
        ("HSTS", "host", {"browsers": Browsers(hsts="host")}),
        ("TRUSTED_PROXIES", "10.0.0.0/8,::1/128", {"browsers": Browsers(trusted_proxies=["10.0.0.0/8", "::1/128"])}),
        ("TRUSTED_PROXIES", "unix", {"browsers": Browsers(trusted_proxies=["unix"])}),
        ("PRIVATE_CLIENTS", "true", {"browsers": Browsers(private_clients=True)}),
        ("REGISTRATION", "closed", {"policy": Policy(registration="closed")}),
    ],
)
def test_every_setting_reaches_the_gate(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: dict[str, Any]
) -> None:
    arguments = load(monkeypatch, **{name: text}).arguments()
    assert {key: arguments[key] for key in value} == value
    Gatepass(**{**arguments, "store": "memory://"})


def test_every_option_of_a_group_has_a_setting_or_is_made_in_code() -> None:
    in_code = {"claims", "demonstration"}
    for group in (Policy, Tokens, Browsers, Limits):
        assert {option.name for option in fields(group)} - Settings.model_fields.keys() <= in_code, group


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60), ("1m", 60), ("15m", 900), ("1h", HOUR), (" 5m ", 300)])
def test_durations_have_a_unit(monkeypatch: pytest.MonkeyPatch, text: str, seconds: int) -> None:
    assert load(monkeypatch, ACCESS_TTL=text).arguments()["policy"].access_ttl == seconds


def test_the_other_durations_are_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = load(monkeypatch, REFRESH_TTL="12h", SESSION_TTL="2d", LEEWAY="30s", CLOCK_SKEW="20s").arguments()[
        "policy"
    ]
    assert (policy.refresh_ttl, policy.session_ttl, policy.leeway, policy.clock_skew) == (12 * HOUR, 2 * DAY, 30, 20)


def test_the_environment_overrides_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(ENV_FILE).write_text("GATEPASS_CLIENT_ID=file\nGATEPASS_LEEWAY=20s\n")
    settings = load(monkeypatch, CLIENT_ID="environment")
    assert (settings.client_id, settings.leeway) == ("environment", 20)


def test_a_gate_from_the_environment_takes_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    load(monkeypatch)
    gate = Gatepass.from_env(store="memory://", tokens=Tokens(client_id="web"))
    assert repr(gate) == "Gatepass(https://gate.example)"


def test_what_is_given_in_code_need_not_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    load(monkeypatch, REGISTRATION="verify", MAIL="console")
    for name in ("SECRET", "PUBLIC_URL", "MAIL"):
        monkeypatch.delenv(f"GATEPASS_{name}", raising=False)
    mail, url = Mail("console"), "https://code.example"
    gate = Gatepass.from_env(secrets=[SECRET], public_url=url, store="memory://", mail=mail)
    assert repr(gate) == f"Gatepass({url})"
    assert gate.policy.registration == "verify", "the rest is read"
    with pytest.raises(ConfigurationError, match="`registration` verify needs mail"):
        Gatepass.from_env(secrets=[SECRET], public_url=url, store="memory://", mail=Mail())


def test_an_empty_variable_counts_as_not_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As compose files write it: GATEPASS_ISSUER=${ISSUER:-}."""
    (tmp_path / ENV_FILE).write_text(f"GATEPASS_SECRET={SECRET}\nGATEPASS_PUBLIC_URL={URL}\n")
    before = Settings.load()
    for name in Settings.model_fields:
        with monkeypatch.context() as one:
            one.setenv(f"GATEPASS_{name.upper()}", "")
            found = Settings.load()
        assert found.arguments() == before.arguments(), name
        assert found.model_fields_set == before.model_fields_set, name


def test_so_do_empty_lines_of_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without = load(monkeypatch)
    (tmp_path / ENV_FILE).write_text("".join(f"GATEPASS_{name.upper()}=\n" for name in Settings.model_fields))
    assert Settings.load().arguments() == without.arguments()


def test_an_empty_secret_in_the_environment_leaves_the_secret_file_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / ENV_FILE).write_text(f"GATEPASS_SECRET_FILE={tmp_path}/secret\nGATEPASS_PUBLIC_URL={URL}\n")
    monkeypatch.setenv("GATEPASS_SECRET", "")
    assert Settings.load().arguments()["secrets"] == Secrets([SECRET], [], [])


@pytest.mark.parametrize("group", [Tokens, Policy, LinkPages, Mail, Limits, Browsers, Pages])
def test_an_empty_text_in_code_counts_as_not_given_where_an_option_may_be_left_out(group: type) -> None:
    """Tokens(issuer=os.environ.get("ISSUER", ""))."""
    for option in fields(group):
        if "str" in str(option.type) and option.default is None:
            assert group(**{option.name: ""}) == group(), option.name
