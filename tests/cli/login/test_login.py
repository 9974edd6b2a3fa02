"""`gatepass login` and `logout` against a real server: output, exit codes, files."""

import io
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gatepass.cli import main
from gatepass.cli.login_files import choose, folder, login_at
from gatepass.client import Client
from gatepass.client.storage.file import FileStorage
from gatepass.errors import GatepassError
from gatepass.testing import mail_code, totp_code
from tests.cli.login.ann import EMAIL, call, sign_in
from tests.client.harness import PASSWORD, Harness
from tests.support.process import gatepass
from tools.services.patience import PATIENCE, until

pytestmark = pytest.mark.slow


class ReadsMail(io.RawIOBase):
    """Standard input of a person who reads a mail first: the code in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before = set(folder.glob("*.eml"))
        self.rest: bytes | None = None

    def codes(self) -> list[str]:
        """Those in mails that came since."""
        texts = [mail.read_text() for mail in set(self.folder.glob("*.eml")) - self.before]
        return [mail_code(text) for text in texts if "Subject: Your code" in text]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.rest is None:
            until(lambda: self.codes() != [], "the mail with the code")
            self.rest = f"{self.codes()[0]}\n".encode()
        given, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


def secrets_of(storage: FileStorage) -> list[str]:
    """What must not be shown."""
    record = storage.load()
    assert record.cookie is not None
    assert record.binding_key is not None
    return [record.binding_key.hex(), record.cookie[1], record.access_token or "-", PASSWORD]


class TestLogin:
    def test_a_whole_day_in_processes_of_its_own(self, site: Harness, config: Path, tmp_path: Path) -> None:
        done = gatepass(tmp_path, "login", site.url, "--email", EMAIL, stdin=f"{PASSWORD}\n")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"signed in at {site.url}/auth as {EMAIL}\n"
        file = next(config.glob("*.json"))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(config.stat().st_mode) == 0o700
        said = [gatepass(tmp_path, *words) for words in (["whoami"], ["request", "get", "/auth/me"], ["logout"])]
        assert [(one.returncode, one.stderr) for one in said] == [(0, "")] * 3
        assert said[0].stdout == f"{EMAIL} at {site.url}/auth\n"
        assert json.loads(said[1].stdout)["email"] == EMAIL
        assert said[2].stdout == f"signed out at {site.url}/auth\n"
        assert gatepass(tmp_path, "whoami").returncode == 1

    def test_nothing_secret_is_printed(self, site: Harness) -> None:
        storage = sign_in(site.url)
        hidden = secrets_of(storage)
        for words in (["whoami"], ["whoami", "--json"], ["request", "GET", "/auth/me", "--json"], ["logout"]):
            done = call(*words)
            assert done.exit_code == 0
            assert not [secret for secret in hidden if secret in done.output], words

    def test_json_is_one_object(self, site: Harness) -> None:
        done = call("login", site.url, "--email", EMAIL, "--json", stdin=f"{PASSWORD}\n")
        told = json.loads(done.stdout)
        assert told == {"auth_url": f"{site.url}/auth", "email": EMAIL, "id": told["id"]}
        assert json.loads(call("whoami", "--json").stdout) == told

    def test_a_wrong_password_is_one_sentence_and_no_session(self, site: Harness) -> None:
        done = call("login", site.url, "--email", EMAIL, stdin="not the password at all\n")
        assert done.exit_code == 1
        assert len(done.stderr.splitlines()) == 1
        assert "password is wrong" in done.stderr
        assert "not the password" not in done.output
        assert call("whoami").exit_code == 1

    def test_that_an_account_may_have_no_password_is_said_of_every_account_alike(self, site: Harness) -> None:
        said = {
            call("login", site.url, "--email", email, stdin="not the password at all\n").stderr
            for email in (EMAIL, "nobody@example.com")
        }
        assert len(said) == 1
        assert "opened at a provider only" in said.pop()

    def test_a_code_or_a_recovery_code_is_asked_for_where_the_account_has_a_second_factor(self, site: Harness) -> None:
        who = ("--email", "two@example.com")
        with Client(site.url) as client:
            client.sign_up("two@example.com", PASSWORD)
            started = client.post("/auth/totp", json={})
            assert started.status_code == 200, started.text
            secret = started.json()["secret"]
            confirmed = client.post("/auth/totp/confirm", json={"code": totp_code(secret)})
            recovery_code = confirmed.json()["recovery_codes"][0]
        refused = call("login", site.url, *who, stdin=f"{PASSWORD}\n000 00\n")
        assert (refused.exit_code, len(refused.stderr.splitlines())) == (1, 1)
        assert call("whoami").exit_code == 1
        # The next code: that of this half minute has been used.
        for code in (totp_code(secret, at=int(time.time()) + 30), recovery_code):
            done = call("login", site.url, *who, stdin=f"{PASSWORD}\n{code}\n")
            assert (done.exit_code, done.stderr) == (0, "")
            assert code not in done.output
        assert "two@example.com" in call("whoami").stdout

    def test_a_code_by_mail_signs_in_without_a_password(self, site: Harness) -> None:
        with Client(site.url) as client:
            client.sign_up("three@example.com", PASSWORD)
        words = ("login", site.url, "--email", "three@example.com", "--mail-code")
        stdin = io.BufferedReader(ReadsMail(site.folder / "mail"))
        done = CliRunner().invoke(main, words, input=stdin)
        assert (done.exit_code, done.stdout) == (0, f"signed in at {site.url}/auth as three@example.com\n")
        assert done.stderr == "If there is an account with this address, a code is on its way to it.\n"
        assert json.loads(call("request", "GET", "/auth/me").stdout)["password"] is False, "it was never verified"
        wrong = call(*words, stdin="0000-0000\n")
        assert (wrong.exit_code, wrong.stderr.splitlines()[-1]) == (
            1,
            "The code is wrong. Take the one of the newest mail.",
        )

    def test_without_a_terminal_the_account_is_named(self, site: Harness) -> None:
        done = call("login", site.url, "--mail-code", stdin="0000-0000\n")
        assert done.exit_code == 2
        assert "Standard input is the code" in done.stderr

    def test_a_second_login_takes_the_place_of_the_first(self, site: Harness) -> None:
        first = sign_in(site.url).load()
        second = sign_in(site.url).load()
        assert first.sid != second.sid
        assert first.binding_key != second.binding_key
        assert call("whoami").exit_code == 0

    def test_without_a_terminal_the_address_must_be_named(self, site: Harness) -> None:
        done = call("login", site.url, stdin=f"{PASSWORD}\n")
        assert done.exit_code == 2
        assert "--email" in done.stderr

    @pytest.mark.parametrize(
        ("url", "sentence"),
        [
            ("http://api.example.com", "is not https"),
            ("ftp://localhost", "not an http(s) origin"),
            ("localhost:8000", "not an http(s) origin"),
            ("http://localhost:1", "cannot be reached"),
        ],
    )
    def test_a_place_that_does_not_do_is_one_sentence(self, url: str, sentence: str) -> None:
        done = call("login", url, "--email", EMAIL, stdin=f"{PASSWORD}\n")
        assert done.exit_code == 1
        assert sentence in done.stderr
        assert "Traceback" not in done.output

    def test_a_file_that_cannot_be_kept_is_told_before_the_password_is_sent(
        self, site: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
        before = site.proxy.count("/auth/login")
        done = call("login", site.url, "--email", EMAIL, stdin=f"{PASSWORD}\n")
        assert done.exit_code == 1
        assert "The session file" in done.stderr
        assert site.proxy.count("/auth/login") == before


class TestLogout:
    def test_everywhere_ends_all_sessions(self, site: Harness) -> None:
        storage = sign_in(site.url)
        elsewhere = FileStorage(storage.path.with_name("other-machine"))
        with Client(site.url, storage=elsewhere) as other:
            other.sign_in(EMAIL, PASSWORD)
            assert call("logout", "--everywhere").exit_code == 0
            assert other.get("/auth/me").status_code == 401

    def test_offline_it_is_remembered_until_the_server_knows(self, site: Harness) -> None:
        storage = sign_in(site.url)
        sid = storage.load().sid
        site.proxy.go_offline()
        done = call("logout")
        assert done.exit_code == 1
        assert "Signed out here" in done.stderr
        assert call("whoami").exit_code == 1
        assert [entry[0] for entry in storage.load().signed_out] == [sid]
        site.proxy.go_online()
        assert call("logout").exit_code == 0
        assert storage.load().signed_out == ()

    def test_whoever_is_not_signed_in_is_told_so(self) -> None:
        done = call("logout")
        assert (done.exit_code, done.stderr) == (1, "You are not signed in. Sign in with: gatepass login URL\n")


class TestPlaces:
    @pytest.mark.parametrize(
        ("url", "auth", "auth_url"),
        [
            ("https://api.example.com", "/auth", "https://api.example.com/auth"),
            ("https://API.example.com:443/v1/x?y", "/auth/", "https://api.example.com/auth"),
            ("http://localhost:8000", "auth", "http://localhost:8000/auth"),
            ("https://api.example.com", "/", "https://api.example.com"),
        ],
    )
    def test_one_place_has_one_name(self, url: str, auth: str, auth_url: str) -> None:
        assert login_at(url, auth).auth_url == auth_url
        assert login_at(url, auth).path.parent == folder()

    def test_the_auth_endpoints_are_at_the_same_host(self) -> None:
        with pytest.raises(GatepassError, match="must be a path at"):
            login_at("https://api.example.com", "https://login.example.com/auth")

    def test_without_xdg_it_is_the_users_config_folder(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("XDG_CONFIG_HOME")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert folder() == tmp_path / ".config" / "gatepass" / "sessions"

    def test_nothing_is_made_by_looking(self, config: Path) -> None:
        with pytest.raises(GatepassError, match="You are not signed in"):
            choose("https://api.example.com")
        assert not config.exists()


def test_without_the_extra_only_these_commands_say_so() -> None:
    program = (
        "import sys\nsys.modules['httpx2'] = sys.modules['httpx'] = None\n"
        "from gatepass.cli import main\nmain(sys.argv[1:])\n"
    )

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=os.environ)

    done = run("whoami")
    assert (done.returncode, done.stderr) == (1, "The client needs its extra: pip install 'gatepass[client]'\n")
    assert run("-h").returncode == 0
