"""GATEPASS_*: every setting is read, every fault is told at once, nothing misspelt is ignored."""

import math
import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from gatepass.core.claims import Tokens
from gatepass.core.keyring import Secrets
from gatepass.core.policy import DAY, HOUR, MINUTE, Policy
from gatepass.core.rate import Rate
from gatepass.environment import LINK_NAME
from gatepass.errors import ConfigurationError
from gatepass.factors.options import Passkeys
from gatepass.gate import Gatepass
from gatepass.mail import LinkPages, Mail
from gatepass.server.limits import Limits
from gatepass.settings import ENV_FILE, Settings
from gatepass.wire.browsers import Browsers
from gatepass.wire.pages import Pages
from tests.support.gates import OTHER_SECRET, SECRET

URL = "https://gate.example"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, and no setting of the person who runs this."""
    for name in [name for name in os.environ if name.upper().startswith("GATEPASS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def load(monkeypatch: pytest.MonkeyPatch, **names: str) -> Settings:
    for name, value in {"SECRET": SECRET, "PUBLIC_URL": URL, **names}.items():
        monkeypatch.setenv(f"GATEPASS_{name}", value)
    return Settings.load()


def faults(monkeypatch: pytest.MonkeyPatch, **names: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(monkeypatch, **names)
    return str(caught.value)


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


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("ORIGIN", "Did you mean GATEPASS_ORIGINS?"),
        ("ACESS_TTL", "Did you mean GATEPASS_ACCESS_TTL?"),
        ("SAMESITE", "Did you mean GATEPASS_SAME_SITE?"),
        ("SECRETS", "Did you mean GATEPASS_SECRET?"),
    ],
)
def test_an_unknown_name_is_a_fault_with_a_suggestion(
    monkeypatch: pytest.MonkeyPatch, name: str, suggestion: str
) -> None:
    told = faults(monkeypatch, **{name: "x"})
    assert f"GATEPASS_{name} is not a setting. {suggestion}" in told


def test_an_unknown_name_in_the_file_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(ENV_FILE).write_text("GATEPASS_COOKIEPATH=/auth\n")
    assert "GATEPASS_COOKIEPATH is not a setting. Did you mean GATEPASS_COOKIE_PATH?" in faults(monkeypatch)


def test_a_setting_without_its_prefix_in_our_file_is_a_fault_and_in_another_file_is_somebody_elses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(ENV_FILE).write_text("TRUSTED_PROXIES=unix\nPATH=/bin\n")
    told = faults(monkeypatch)
    assert "TRUSTED_PROXIES has no effect without its prefix: GATEPASS_TRUSTED_PROXIES." in told
    assert "PATH has no effect" not in told
    Path(ENV_FILE).rename("all.env")
    assert Settings.load(env_file=Path("all.env")).trusted_proxies == ()


def test_the_faults_of_both_stores_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = faults(monkeypatch, STORE="mysql://x", SESSIONS="redis://cache.example.com")
    assert "GATEPASS_STORE" in told
    assert "The Redis URL leads to cache.example.com:6379 without TLS" in told


KUBERNETES = {
    "SERVICE_HOST": "10.96.12.7",
    "SERVICE_PORT": "8000",
    "SERVICE_PORT_HTTP": "8000",
    "PORT": "tcp://10.96.12.7:8000",
    "PORT_8000_TCP": "tcp://10.96.12.7:8000",
    "PORT_8000_TCP_PROTO": "tcp",
    "PORT_8000_TCP_PORT": "8000",
    "PORT_8000_TCP_ADDR": "10.96.12.7",
    "PORT_53_UDP": "udp://[fd00::1]:53",
}
DOCKER = {
    "NAME": "/app/gatepass",
    "PORT": "tcp://172.17.0.2:8000",
    "PORT_8000_TCP": "tcp://172.17.0.2:8000",
    "PORT_8000_TCP_START": "tcp://172.17.0.2:8000",
    "PORT_8000_TCP_PORT_START": "8000",
    "ENV_PATH": "/usr/bin",
    "ENV_PYTHON_VERSION": "3.12.1",
}


@pytest.mark.parametrize("links", [KUBERNETES, DOCKER], ids=["kubernetes", "docker"])
@pytest.mark.parametrize("service", ["", "SECRET_", "ACCESS_TTL_", "PG_MAIN_"])
def test_the_variables_of_service_links_and_docker_links_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, links: dict[str, str], service: str
) -> None:
    settings = load(monkeypatch, **{f"{service}{name}": value for name, value in links.items()})
    assert settings == load(monkeypatch)


@pytest.mark.parametrize(
    ("name", "text"), [("PORT", "8000"), ("NAME", "gate"), ("ENV_PATH", "/usr/bin"), ("SERVICE_PORT", "high")]
)
def test_a_name_like_a_links_with_a_value_that_no_link_has_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    assert f"GATEPASS_{name} is not a setting." in faults(monkeypatch, **{name: text})


def test_a_links_name_in_the_settings_file_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(ENV_FILE).write_text("GATEPASS_PORT=tcp://10.96.12.7:8000\n")
    assert "GATEPASS_PORT is not a setting. The port is an option: gatepass serve --port." in faults(monkeypatch)


def test_beside_service_links_a_misspelt_setting_is_still_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "GATEPASS_ORIGN is not a setting." in faults(monkeypatch, **KUBERNETES, ORIGN="x")


def test_no_setting_may_be_called_as_a_link() -> None:
    names = {f"GATEPASS_{name.upper()}" for name in Settings.model_fields}
    assert [name for name in names if LINK_NAME.fullmatch(name)] == []
    assert LINK_NAME.fullmatch("GATEPASS_PORT")


def test_names_of_others_in_the_file_are_none_of_our_business(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(ENV_FILE).write_text(f"DATABASE_URL=x\nGATEPASS_SECRET={SECRET}\nGATEPASS_PUBLIC_URL={URL}\n")
    assert Settings.load().public_url == URL


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


@pytest.mark.parametrize(
    "secret",
    [
        "secret",
        "correct horse battery staple correct horse",
        "A" * 43,
        "ab" * 22,
        "ThisIsTheSecretOfOurProductionServerIn2026x",
        f"{SECRET},ThisIsTheSecretOfOurProductionServerIn2026x",
        f"ThisIsTheSecretOfOurProductionServerIn2026x,{SECRET}",
        SECRET[:42],
        SECRET[:-2],
        f"{SECRET},short",
        f"{SECRET},{SECRET}",
        ",",
        "",
    ],
)
def test_a_weak_short_or_repeated_secret_is_refused_with_what_to_run(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    told = faults(monkeypatch, SECRET=secret)
    assert "gatepass init" in told
    assert "GATEPASS_SECRET" in told
    assert SECRET not in told


def test_a_secret_file_is_read_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("s").write_text(f"{SECRET}\n{OTHER_SECRET}\n")
    monkeypatch.setenv("GATEPASS_SECRET_FILE", "s")
    monkeypatch.setenv("GATEPASS_PUBLIC_URL", URL)
    assert Settings.load().arguments()["secrets"].tokens == [SECRET, OTHER_SECRET]


def test_a_secret_file_that_is_not_there_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEPASS_SECRET_FILE", "nowhere")
    monkeypatch.setenv("GATEPASS_PUBLIC_URL", URL)
    with pytest.raises(ConfigurationError, match=r"there is no file nowhere.*gatepass init"):
        Settings.load()


def test_secret_and_secret_file_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("s").write_text(SECRET)
    assert "not both" in faults(monkeypatch, SECRET_FILE="s")


def test_a_secret_in_the_environment_overrides_a_secret_file_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("s").write_text(OTHER_SECRET)
    Path(ENV_FILE).write_text(f"GATEPASS_SECRET_FILE=s\nGATEPASS_PUBLIC_URL={URL}\n")
    assert load(monkeypatch).arguments()["secrets"].tokens == [SECRET]


def test_a_secret_file_in_the_environment_overrides_a_secret_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("s").write_text(OTHER_SECRET)
    Path(ENV_FILE).write_text(f"GATEPASS_SECRET={SECRET}\nGATEPASS_PUBLIC_URL={URL}\n")
    monkeypatch.setenv("GATEPASS_SECRET_FILE", "s")
    assert Settings.load().arguments()["secrets"].tokens == [OTHER_SECRET]


def test_both_in_the_settings_file_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("s").write_text(OTHER_SECRET)
    Path(ENV_FILE).write_text(f"GATEPASS_SECRET={SECRET}\nGATEPASS_SECRET_FILE=s\nGATEPASS_PUBLIC_URL={URL}\n")
    with pytest.raises(ConfigurationError, match="not both"):
        Settings.load()


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


def test_no_secret_shows_in_repr_or_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    assert SECRET not in f"{settings!r} {settings}"
    assert SECRET not in faults(monkeypatch, ACCESS_TTL="x", SECRET=f"{SECRET},bad")


def test_no_password_of_a_database_shows_in_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        STORE="postgresql://gate:canary@db.internal/app?sslmode=verify-full",
        SESSIONS="rediss://:canary@cache.internal",
        MAIL="smtps://gate:canary@mail.example",
    )
    assert "canary" not in f"{settings!r} {settings} {settings.model_dump()}"


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


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_an_empty_variable_counts_as_not_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """As compose files write it: GATEPASS_ISSUER=${ISSUER:-}."""
    (tmp_path / ENV_FILE).write_text(f"GATEPASS_SECRET={SECRET}\nGATEPASS_PUBLIC_URL={URL}\n")
    before = Settings.load()
    monkeypatch.setenv(f"GATEPASS_{name.upper()}", "")
    assert Settings.load().arguments() == before.arguments()
    assert Settings.load().model_fields_set == before.model_fields_set


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
