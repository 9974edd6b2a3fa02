"""The pages "After a restore" and "A secret leaked": their commands, between two servers, with clients that stay."""

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from gatepass.core.keyring import key_id_of_secret, parse_secret
from tests.support.browser import proof_of, secret_of
from tests.support.gates import OTHER_SECRET, SECRET
from tests.support.process import gatepass, serving

pytestmark = pytest.mark.slow

PASSWORD, NEW = "seven green bottles on a wall", "eight green bottles on a wall"
SETTINGS = {"SECRET": SECRET, "STORE": "sqlite:///gate.db", "PUBLIC_URL": "http://localhost:8000"}


class Device:
    """A client with a key and a jar. `url` is that of the server that it finds."""

    def __init__(self, name: str) -> None:
        self._key = name.encode().ljust(32, b".")
        self._http = httpx2.Client(headers={"Gatepass-Client": "1"})
        self.url = ""
        self.state: tuple[str, int, str] = ("", 0, "")
        self.access_token = ""

    def close(self) -> None:
        self._http.close()

    def enter(self, path: str, **body: str) -> int:
        answer = self._http.post(
            self.url + path, json={**body, "binding_secret": secret_of(self._key)}, headers=self._bearer
        )
        return self._take(answer)

    def refresh(self) -> tuple[int, str]:
        """Status, and why the session is over."""
        answer = self._http.post(self.url + "/refresh", headers={"Gatepass-Proof": proof_of(self._key, *self.state)})
        return self._take(answer), answer.json().get("reason", "")

    def is_let_in(self) -> bool:
        return self._http.get(self.url + "/me", headers=self._bearer).status_code == 200

    def sign_out(self) -> int:
        return self._http.post(self.url + "/logout").status_code

    @property
    def cookies(self) -> int:
        return len(self._http.cookies)

    @property
    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"} if self.access_token else {}

    def _take(self, answer: httpx2.Response) -> int:
        if answer.status_code in (200, 201):
            body = answer.json()
            self.state = body["session_id"], body["refresh_generation"], body["refresh_challenge"]
            self.access_token = body["access_token"]
        return answer.status_code


@pytest.fixture
def devices() -> Iterator[list[Device]]:
    made = [Device(name) for name in ("laptop", "phone", "tablet")]
    yield made
    for device in made:
        device.close()


@contextmanager
def at_server(folder: Path, settings: dict[str, str], *devices: Device) -> Iterator[None]:
    with serving(folder, settings) as server:
        for device in devices:
            device.url = f"http://127.0.0.1:{server.port}/auth"
        yield
        server.stop(signal.SIGTERM)  # what is in the log of the file goes into the file


def test_a_restored_file_of_yesterday_revives_nothing_and_everybody_can_sign_in(
    tmp_path: Path, devices: list[Device]
) -> None:
    laptop, phone, old_password = devices
    ann = {"email": "ann@example.com", "password": PASSWORD}
    with at_server(tmp_path, SETTINGS, *devices):
        assert laptop.enter("/register", **ann) == 201
        assert phone.enter("/login", **ann) == 200
        assert old_password.enter("/login", **ann) == 200
    shutil.copy(tmp_path / "gate.db", tmp_path / "copy.db")
    with at_server(tmp_path, SETTINGS, *devices):
        assert phone.sign_out() == 204
        assert laptop.enter("/password", current=PASSWORD, new=NEW) == 200
        assert old_password.refresh() == (401, "revoked")
        assert laptop.refresh()[0] == 200
    for left in tmp_path.glob("gate.db*"):
        left.unlink()
    shutil.copy(tmp_path / "copy.db", tmp_path / "gate.db")
    done = gatepass(tmp_path, "sessions", "revoke", "--everybody", "--yes", "--json", **SETTINGS)
    assert done.returncode == 0, done.stderr
    epoch = json.loads(done.stdout)["epoch"]
    with at_server(tmp_path, SETTINGS, *devices):
        for device in devices:
            assert not device.is_let_in()
        assert old_password.refresh() == (401, "revoked")
        assert laptop.refresh() == (401, "unknown"), "it began after the copy was made"
        assert laptop.enter("/login", **ann) == 200, "the password of the copy"
        assert laptop.refresh()[0] == 200
    for left in tmp_path.glob("gate.db*"):
        left.unlink()
    shutil.copy(tmp_path / "copy.db", tmp_path / "gate.db")
    with at_server(tmp_path, {**SETTINGS, "SESSIONS_NOT_BEFORE": str(epoch - 10)}, *devices):
        assert old_password.refresh() == (401, "revoked"), "a second restore, and no command"


def test_after_a_secret_leaked_every_client_is_told_to_sign_in(tmp_path: Path, devices: list[Device]) -> None:
    laptop, phone, _ = devices
    ann = {"email": "ann@example.com", "password": PASSWORD}
    with at_server(tmp_path, SETTINGS, *devices):
        assert laptop.enter("/register", **ann) == 201
        assert phone.enter("/login", **ann) == 200
    done = gatepass(tmp_path, "secret", "--id", stdin=SECRET)
    assert (done.returncode, done.stdout.strip()) == (0, str(key_id_of_secret(parse_secret(SECRET))))
    changed = {**SETTINGS, "SECRET": OTHER_SECRET, "RETIRED_KEY_IDS": done.stdout.strip()}
    assert gatepass(tmp_path, "sessions", "revoke", "--everybody", "--yes", **changed).returncode == 0
    with at_server(tmp_path, changed, *devices):
        for device in (laptop, phone):
            assert not device.is_let_in()
            assert device.refresh() == (401, "revoked")
        assert (phone.sign_out(), phone.cookies) == (204, 0)
        assert laptop.enter("/login", **ann) == 200
        assert laptop.refresh()[0] == 200
