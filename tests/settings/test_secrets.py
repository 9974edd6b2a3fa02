"""The secret and its file: which are refused, which one counts, and that none is shown."""

from pathlib import Path

import pytest

from gatepass.errors import ConfigurationError
from gatepass.settings import ENV_FILE, Settings
from tests.support.gates import OTHER_SECRET, SECRET
from tests.support.settings import URL, faults, load


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
