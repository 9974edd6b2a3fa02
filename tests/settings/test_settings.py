"""GATEPASS_*: every setting is read, every fault is told at once, nothing misspelt is ignored."""

import math
import os
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
from tests.support.settings import URL, faults, load


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


def test_testing_mode_is_for_this_machine_and_all_that_is_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, PUBLIC_URL="http://localhost:8000", TESTING="true").arguments()["testing"] is True
    told = faults(monkeypatch, TESTING="true", STORE="postgresql://gate@db.internal/app?sslmode=verify-full")
    assert "GATEPASS_TESTING signs in without a password, so GATEPASS_PUBLIC_URL must be on a loopback host" in told
    assert "so GATEPASS_STORE must be on this machine" in told


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


@pytest.mark.parametrize("text", ["15", "m", "-1m", "1.5m", "15 min", "1w", "1h30m", "١m", "15M"])
def test_anything_else_is_no_duration(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert "GATEPASS_ACCESS_TTL: a duration is a number and a unit" in faults(monkeypatch, ACCESS_TTL=text)


def test_every_fault_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEPASS_ACCESS_TTL", "soon")
    monkeypatch.setenv("GATEPASS_SAME_SITE", "maybe")
    monkeypatch.setenv("GATEPASS_ORIGN", "x")
    monkeypatch.setenv("GATEPASS_SECRET", "short")
    monkeypatch.setenv("GATEPASS_PUBLIC_URL", "http://gate.example")
    monkeypatch.setenv("GATEPASS_TRUSTED_PROXIES", "everybody")
    with pytest.raises(ConfigurationError) as caught:
        Settings.load()
    lines = str(caught.value).splitlines()
    for part in ("ACCESS_TTL", "SAME_SITE", "ORIGN", "SECRET", "PUBLIC_URL", "TRUSTED_PROXIES"):
        assert [line for line in lines if f"GATEPASS_{part}" in line], part
    assert len(lines) == 6


def test_nothing_set_tells_both_things_that_are_needed() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load()
    assert "GATEPASS_PUBLIC_URL is not set" in str(caught.value)
    assert "GATEPASS_SECRET is not set. Make one with: gatepass init" in str(caught.value)


def test_the_environment_overrides_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(ENV_FILE).write_text("GATEPASS_CLIENT_ID=file\nGATEPASS_LEEWAY=20s\n")
    settings = load(monkeypatch, CLIENT_ID="environment")
    assert (settings.client_id, settings.leeway) == ("environment", 20)


def test_another_settings_file_can_be_named_but_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine.env").write_text(f"GATEPASS_SECRET={SECRET}\nGATEPASS_PUBLIC_URL={URL}\nGATEPASS_LEEWAY=9s\n")
    assert Settings.load(env_file=Path("mine.env")).leeway == 9
    with pytest.raises(ConfigurationError, match=r"no settings file other\.env"):
        Settings.load(env_file=Path("other.env"))


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ({"ACCESS_TTL": "30s"}, "GATEPASS_ACCESS_TTL must be 1 to 60 minutes"),
        ({"ACCESS_TTL": "2h"}, "GATEPASS_ACCESS_TTL must be 1 to 60 minutes"),
        ({"REFRESH_TTL": "10m"}, "GATEPASS_REFRESH_TTL must be longer than GATEPASS_ACCESS_TTL"),
        ({"SESSION_TTL": "1d"}, "GATEPASS_SESSION_TTL must be at least GATEPASS_REFRESH_TTL"),
        ({"LEEWAY": "5m"}, "GATEPASS_LEEWAY must be 0 to 60 seconds"),
        ({"CLOCK_SKEW": "2m"}, "GATEPASS_CLOCK_SKEW must be 0 to 60 seconds"),
        ({"PUBLIC_URL": "http://gate.example"}, "https"),
        ({"PUBLIC_URL": "gate.example"}, "GATEPASS_PUBLIC_URL: not an http(s) origin"),
        ({"PUBLIC_URL": "https://user@gate.example"}, "not an http(s) origin"),
        ({"PUBLIC_URL": "https://gate.example:x"}, "not a URL"),
        ({"ORIGINS": "https://a.example/"}, "an allowed origin is scheme://host[:port]"),
        ({"ORIGINS": "*"}, "not an http(s) origin"),
        ({"ORIGINS": "null"}, "not an http(s) origin"),
        ({"ORIGINS": "https://*.example"}, "origin"),
        ({"ALGORITHM": "RS256"}, "ALGORITHM"),
        ({"ALGORITHM": "none"}, "ALGORITHM"),
        ({"ALGORITHM": "HS256", "AUDIENCE": "https://api.example"}, "HS256"),
        (
            {"SAME_SITE": "none", "PUBLIC_URL": "http://localhost"},
            "GATEPASS_SAME_SITE none needs an https GATEPASS_PUBLIC_URL",
        ),
        ({"COOKIE_PATH": "auth"}, "COOKIE_PATH"),
        ({"COOKIE_PATH": "/a;b"}, "COOKIE_PATH"),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "TRUSTED_PROXIES"),
        ({"STORE": "mysql://x"}, "GATEPASS_STORE must be postgresql://"),
        ({"STORE": "redis://x"}, "set GATEPASS_SESSIONS to it, and GATEPASS_STORE to"),
        ({"SESSIONS": "postgresql://x"}, "GATEPASS_SESSIONS must be redis://"),
        ({"REGISTRATION": "verify"}, "GATEPASS_REGISTRATION verify needs mail: set GATEPASS_MAIL to smtps://"),
        ({"REGISTRATION": "maybe"}, "REGISTRATION"),
        ({"MAIL": "mail.example"}, "MAIL must be smtps://"),
        ({"MAIL": "smtp://"}, "MAIL must be smtps://"),
        ({"MAIL": "smtp://host?tls=no"}, "MAIL takes no options"),
        ({"MAIL": "smtp://host:x"}, "MAIL cannot be read"),
        ({"MAIL": "file:///nowhere/at/all"}, "There is no folder"),
        ({"MAIL": "console", "MAIL_FROM": "a@b, c@d"}, "MAIL_FROM must be an address"),
        ({"MAIL": "console", "MAIL_FROM": "nobody"}, "MAIL_FROM must be an address"),
        ({"MAIL": "smtp://user:word@localhost"}, "smtps:// only"),
        ({"VERIFY_URL": "https://app.example/verify"}, "VERIFY_URL must be a URL with {token} once"),
        ({"VERIFY_URL": "https://{token}.example/"}, "VERIFY_URL must be a URL with {token} once, after its host"),
        ({"RESET_URL": "http://app.example/{token}"}, "RESET_URL must be https"),
        ({"EMAIL_URL": "javascript:{token}"}, "not an http(s) origin"),
        ({"RESET_TTL": "2d"}, "RESET_TTL must be 5 minutes to 1 d"),
        ({"VERIFY_TTL": "1m"}, "VERIFY_TTL must be 5 minutes to 7 d"),
        ({"PEPPER": "pepper"}, "GATEPASS_PEPPER: a secret begins with"),
    ],
)
def test_what_cannot_be_run_is_refused_before_the_first_request(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Gatepass(**load(monkeypatch, **names).arguments())
    assert sentence in str(caught.value)


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


def test_one_text_in_place_of_a_list_and_claims_that_are_no_function_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="`origins` must be a list"):
        Browsers(origins="https://app.example")
    with pytest.raises(ConfigurationError, match="`trusted_proxies` must be a list"):
        Browsers(trusted_proxies="10.0.0.0/8")
    with pytest.raises(ConfigurationError, match="`claims` must be a function"):
        Tokens(claims={"scope": "notes:read"})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "given"),
    [
        ("REGISTRATION", "closed", {"policy": Policy(access_ttl=60)}),
        ("AUDIENCE", "https://api.example", {"tokens": Tokens(client_id="web")}),
        ("TRUSTED_PROXIES", "10.0.0.0/8", {"browsers": Browsers(hsts="host")}),
        ("REFRESH_RATE", "60/1m", {"limits": Limits(connections=5)}),
        ("SECURITY_MAIL", "false", {"mail": Mail("console")}),
    ],
)
def test_a_setting_that_an_argument_in_code_would_undo_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, given: dict[str, Any]
) -> None:
    load(monkeypatch, **{name: text})
    (argument,) = given
    with pytest.raises(ConfigurationError, match=f"GATEPASS_{name}: `{argument}` is given in code and replaces it"):
        Gatepass.from_env(store="memory://", **given)


def test_a_file_that_this_user_may_not_read_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the system's refusal is played, where every question about a file ends."""

    def refuse(path: object, *_: object, **__: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    with (
        monkeypatch.context() as refused,
        pytest.raises(ConfigurationError, match=r"gatepass\.env cannot be read by this user \(Permission denied\)"),
    ):
        refused.setattr(os, "stat", refuse)
        Settings.load(env_file=tmp_path / "gatepass.env")


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
