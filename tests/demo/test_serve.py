"""Starting the demo: what it keeps, and where it refuses to start."""

import datetime
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from gatepass.core.keyring import parse_secret
from gatepass.core.policy import Policy
from gatepass.core.secret import Secret
from gatepass.demo import certificate, page, serve, serve_demo
from gatepass.demo.app import EMAIL, PASSWORD
from gatepass.errors import ConfigurationError
from gatepass.gate import Gatepass


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    secret = serve._secret(tmp_path)
    assert parse_secret(secret)
    assert serve._secret(tmp_path) == secret
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_each_port_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert serve._state_directory(8000) != serve._state_directory(8001)
    assert stat.S_IMODE(serve._state_directory(8000).stat().st_mode) == 0o700


def test_a_closed_home_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocker = tmp_path / "file"
    blocker.touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(blocker))
    assert serve._state_directory(8000).is_dir()


def test_it_serves_this_machine_alone() -> None:
    with pytest.raises(ConfigurationError, match="this machine only"):
        serve_demo("0.0.0.0", 0)


def test_without_a_built_page_it_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    with pytest.raises(ConfigurationError, match=r"python3 run\.py demo"):
        serve_demo(port=0)


async def test_the_account_on_the_page_can_sign_in_and_is_made_but_once(tmp_path: Path) -> None:
    gate = Gatepass(
        secrets=[serve._secret(tmp_path)],
        public_url="http://localhost:8000",
        store="memory://",
        policy=Policy.demo(),
    )
    async with gate.running():
        await serve._add_accounts(gate)
        await serve._add_accounts(gate)
        account = await gate.accounts.authenticate(EMAIL, Secret(PASSWORD), ip_prefix="")
    assert account.email == EMAIL


def test_the_certificate_is_for_localhost_is_kept_and_is_made_anew_in_time(tmp_path: Path) -> None:
    file = certificate.provide(tmp_path)
    first = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    made = x509.load_pem_x509_certificate(first)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(file)
    assert certificate.provide(tmp_path).read_bytes() == first
    file.write_bytes(certificate._make(datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=certificate.DAYS)))
    renewed = certificate.provide(tmp_path).read_bytes()
    assert x509.load_pem_x509_certificate(renewed).not_valid_after_utc >= made.not_valid_after_utc
    file.write_bytes(b"no certificate")
    assert certificate.provide(tmp_path).read_bytes().startswith(b"-----BEGIN CERTIFICATE")
