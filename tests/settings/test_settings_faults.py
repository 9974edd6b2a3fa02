"""GATEPASS_*: every fault is told at once, nothing misspelt is ignored, and what cannot be run is refused at start."""

import os
from pathlib import Path
from typing import Any

import pytest

from gatepass.core.claims import Tokens
from gatepass.core.policy import Policy
from gatepass.errors import ConfigurationError
from gatepass.gate import Gatepass
from gatepass.mail import Mail
from gatepass.server.limits import Limits
from gatepass.settings import Settings
from gatepass.wire.browsers import Browsers
from tests.support.gates import SECRET
from tests.support.settings import URL, faults, load


def test_testing_mode_is_for_this_machine_and_all_that_is_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, PUBLIC_URL="http://localhost:8000", TESTING="true").arguments()["testing"] is True
    told = faults(monkeypatch, TESTING="true", STORE="postgresql://gate@db.internal/app?sslmode=verify-full")
    assert "GATEPASS_TESTING signs in without a password, so GATEPASS_PUBLIC_URL must be on a loopback host" in told
    assert "so GATEPASS_STORE must be on this machine" in told


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
