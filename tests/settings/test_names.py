"""Which names are settings: misspelt ones, those of links, and those of other programs."""

from pathlib import Path

import pytest

from gatepass.environment import LINK_NAME
from gatepass.settings import ENV_FILE, Settings
from tests.support.gates import SECRET
from tests.support.settings import URL, faults, load


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
