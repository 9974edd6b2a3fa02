"""What is set up wrongly is said, with what to set; settings and code mean the same."""

import os
from pathlib import Path
from typing import Any

import pytest

from gatepass.core.secret import Secret
from gatepass.errors import ConfigurationError
from gatepass.gate import Gatepass
from gatepass.oidc.options import Provider
from gatepass.settings import Settings
from tests.support.gates import SECRET

URL = "https://gate.example"
GOOD: dict[str, Any] = {"name": "acme", "issuer": "https://login.example", "client_id": "the-gate"}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, and no setting of the person who runs this."""
    for name in [name for name in os.environ if name.upper().startswith("GATEPASS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEPASS_SECRET", SECRET)
    monkeypatch.setenv("GATEPASS_PUBLIC_URL", URL)


def loaded(monkeypatch: pytest.MonkeyPatch, **names: str) -> list[Provider]:
    for name, value in names.items():
        monkeypatch.setenv(f"GATEPASS_OIDC_{name}", value)
    return list(Settings.load().arguments()["providers"])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "Acme"}, "`name`"),
        ({"name": "a/b"}, "`name`"),
        ({"issuer": ""}, "`issuer` is not set"),
        ({"issuer": "http://login.example"}, "https"),
        ({"issuer": "https://login.example/.well-known/openid-configuration"}, "before /.well-known"),
        ({"issuer": "https://login.example?x=1"}, "without a query"),
        ({"client_id": ""}, "`client_id`"),
        ({"scopes": ["email"]}, "openid"),
        ({"scopes": "openid email"}, "list"),
        ({"algorithms": ["none"]}, "`algorithms`"),
        ({"algorithms": []}, "`algorithms`"),
        ({"algorithms": ["HS256"]}, "`client_secret`"),
        ({"algorithms": ["HS256"], "client_secret": "short"}, "32 bytes"),
        ({"algorithms": ["HS256", "RS256"], "client_secret": "x" * 40}, "alone"),
        ({"parameters": {"state": "x"}}, "`parameters`"),
        ({"client_authentication": "private_key_jwt"}, "`client_key`"),
        ({"client_key_audience": "both"}, "`client_key_audience`"),
        ({"client_key": "no key"}, "`client_key`"),
        ({"client_key": "no key", "client_authentication": "client_secret_post"}, "`client_key`"),
        ({"max_age": -1}, "`max_age`"),
        ({"clock_skew": 301}, "`clock_skew`"),
        ({"response_mode": "fragment"}, "`response_mode`"),
        ({"adapter": "saml"}, "`adapter`"),
        ({"client_authentication": "private_key_jwt"}, "`client_authentication`"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Provider(**{**GOOD, **wrong})


def test_the_secret_is_shown_nowhere() -> None:
    provider = Provider(**GOOD, client_secret="hunter2hunter2")
    assert "hunter2" not in repr(provider)
    assert "hunter2" not in repr(vars(type(provider)))


def test_two_providers_of_one_name_are_refused() -> None:
    gate = Gatepass(secrets=[SECRET], public_url=URL, store="memory://", providers=[Provider(**GOOD)])
    with pytest.raises(ConfigurationError, match="two providers"):
        gate.oidc("acme", issuer="https://other.example", client_id="x")


def test_settings_name_any_number_of_providers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "github.secret").write_text("of a file\n")
    google, github, ours = loaded(
        monkeypatch,
        GITHUB_ADAPTER="github",
        GITHUB_CLIENT_ID="g",
        GITHUB_CLIENT_SECRET_FILE="github.secret",
        A_GOOGLE_ISSUER="https://accounts.google.com",
        A_GOOGLE_CLIENT_ID="i",
        A_GOOGLE_CLIENT_SECRET="hunter2hunter2",
        OUR_KEYCLOAK_ISSUER="https://login.example/realms/us",
        OUR_KEYCLOAK_CLIENT_ID="k",
        OUR_KEYCLOAK_SCOPES="openid, email",
        OUR_KEYCLOAK_MAX_AGE="8h",
        OUR_KEYCLOAK_ACR_VALUES="gold silver",
    )
    assert "hunter2" not in repr(Settings.load()) + repr(google)
    assert (google.name, google.secret and google.secret.reveal()) == ("a-google", "hunter2hunter2")
    assert (github.issuer, github.secret and github.secret.reveal()) == ("https://github.com", "of a file")
    assert (ours.name, ours.scopes, ours.max_age) == ("our-keycloak", ("openid", "email"), 28_800)
    assert ours.acr_values == ("gold", "silver")


def test_the_environment_counts_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "gatepass.env").write_text(
        "GATEPASS_OIDC_ACME_ISSUER=https://a.example\nGATEPASS_OIDC_ACME_CLIENT_ID=1\n"
    )
    (provider,) = loaded(monkeypatch, ACME_ISSUER="https://b.example")
    assert (provider.issuer, provider.client_id) == ("https://b.example", "1")


def test_an_empty_setting_is_none_and_a_provider_without_any_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "gatepass.env").write_text("GATEPASS_OIDC_ACME_CLIENT_ID=1\nGATEPASS_OIDC_OTHER_ISSUER=\n")
    (provider,) = loaded(
        monkeypatch,
        ACME_ISSUER="https://b.example",
        ACME_CLIENT_ID="",
        ACME_CLIENT_SECRET="hunter2hunter2",
        ACME_CLIENT_SECRET_FILE="",
        GOOGLE_CLIENT_ID="",
        GOOGLE_CLIENT_SECRET="",
    )
    assert (provider.name, provider.client_id, provider.client_secret) == ("acme", "1", Secret("hunter2hunter2"))


def test_an_empty_text_in_code_counts_as_not_given() -> None:
    given: dict[str, Any] = {"name": "acme", "issuer": "https://a.example", "client_id": "1"}
    for option in ("client_secret", "client_key", "client_key_id", "prompt", "redirect_uri"):
        empty: dict[str, Any] = {option: ""}
        assert Provider(**given, **empty) == Provider(**given), option


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"ACME_ISSUER": "https://a.example"}, "GATEPASS_OIDC_ACME_CLIENT_ID is not set"),
        ({"ACME_CLIENT_ID": "x"}, "GATEPASS_OIDC_ACME_ISSUER is not set"),
        ({"ACME_ISUER": "x"}, "GATEPASS_OIDC_ACME_ISUER is not a setting. Did you mean GATEPASS_OIDC_<NAME>_ISSUER"),
        ({"ISSUER": "x"}, "GATEPASS_OIDC_ISSUER is not a setting. Did you mean GATEPASS_OIDC_<NAME>_ISSUER"),
        ({"ACME_ISSUER": "https://a.example", "ACME_CLIENT_ID": "x", "ACME_MAX_AGE": "soon"}, "a duration is"),
        ({"ACME_ISSUER": "https://a.example", "ACME_CLIENT_ID": "x", "ACME_CLIENT_SECRET_FILE": "none"}, "cannot read"),
    ],
)
def test_every_fault_of_a_setting_is_told(monkeypatch: pytest.MonkeyPatch, names: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said.replace("?", r"\?")):
        loaded(monkeypatch, **names)


def test_providers_in_code_replace_those_of_settings_with_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEPASS_OIDC_ACME_ISSUER", "https://a.example")
    monkeypatch.setenv("GATEPASS_OIDC_ACME_CLIENT_ID", "x")
    with pytest.raises(ConfigurationError, match="`providers` is given in code"):
        Gatepass.from_env(store="memory://", providers=[])
