"""The command line as people and programs use it: output, exit codes, files, signals."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from gatepass.cli import main
from gatepass.cli.audit import actor
from gatepass.core.base64url import encode
from gatepass.core.keyring import parse_secret
from gatepass.demo.serve import _state_directory
from tests.support.gates import SECRET
from tests.support.nobody import without_home
from tests.support.process import gatepass, serving

pytestmark = pytest.mark.slow

GOOD = "seven green bottles on a wall"
SETTINGS = {"SECRET": SECRET, "STORE": "sqlite:///gate.db"}


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working directory, settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(f"GATEPASS_{name}", value)
    return tmp_path


def test_each_command_is_found_under_its_own_name() -> None:
    assert [command.name for command in main.commands.values()] == list(main.commands)


class TestInit:
    def test_it_writes_a_strong_secret_for_its_owner_alone_and_a_settings_file(self, tmp_path: Path) -> None:
        done = gatepass(tmp_path, "init")
        secret = tmp_path / "gatepass.secret"
        assert (done.returncode, done.stderr) == (0, "")
        assert {stat.S_IMODE(file.stat().st_mode) for file in (secret, tmp_path / "gatepass.env")} == {0o600}
        assert len(parse_secret(secret.read_text().strip())) == 32
        assert secret.read_text().strip() not in done.stdout + (tmp_path / "gatepass.env").read_text()
        assert "gatepass serve" in done.stdout

    def test_it_never_overwrites(self, tmp_path: Path) -> None:
        gatepass(tmp_path, "init")
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        done = gatepass(tmp_path, "init")
        assert done.returncode == 0
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
        assert "kept" in done.stdout

    def test_it_completes_what_is_missing(self, folder: Path) -> None:
        (folder / "gatepass.secret").write_text("mine")
        done = CliRunner().invoke(main, ["init", "--public-url", "https://gate.example"])
        assert done.exit_code == 0
        assert (folder / "gatepass.secret").read_text() == "mine"
        assert "GATEPASS_PUBLIC_URL=https://gate.example\n" in (folder / "gatepass.env").read_text()

    def test_a_folder_it_cannot_write_to_is_one_sentence(self, folder: Path) -> None:
        (folder / "gatepass.secret").symlink_to("no/such/folder/x")
        done = CliRunner().invoke(main, ["init"])
        assert done.exit_code in (0, 1)
        assert "Traceback" not in done.output

    def test_two_folders_get_two_secrets(self, tmp_path: Path) -> None:
        made = set()
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            gatepass(tmp_path / name, "init")
            made.add((tmp_path / name / "gatepass.secret").read_text())
        assert len(made) == 2


@pytest.mark.parametrize("command", [["whoami"], ["logout"], ["request", "GET", "https://api.example.com/x"]])
def test_without_a_home_a_command_says_so_in_one_sentence(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    without_home(monkeypatch)
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    assert done.stderr.startswith("There is no home directory for ~/.config: HOME is not set")
    assert len(done.stderr.splitlines()) == 1


def test_without_a_home_the_demo_keeps_its_state_in_a_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    without_home(monkeypatch)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert _state_directory(8000).name.startswith("gatepass-demo-")


class TestSecret:
    def test_it_prints_a_secret_that_is_taken(self) -> None:
        done = CliRunner().invoke(main, ["secret"])
        assert len(parse_secret(done.stdout.strip())) == 32

    def test_one_of_an_earlier_version_is_converted_from_standard_input(self) -> None:
        old = encode(parse_secret(SECRET))
        done = CliRunner().invoke(main, ["secret", "--convert"], input=f"{old}\n")
        assert (done.exit_code, done.stdout) == (0, f"{SECRET}\n")
        refused = CliRunner().invoke(main, ["secret", "--convert"], input="hunter2\n")
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "hunter2" not in refused.stderr


class TestAccountsAdd:
    def test_the_password_comes_from_standard_input_and_is_never_shown(self, tmp_path: Path) -> None:
        done = gatepass(tmp_path, "accounts", "add", "ann@example.com", stdin=f"{GOOD}\n", **SETTINGS)
        assert (done.returncode, done.stderr) == (0, "")
        assert "ann@example.com" in done.stdout
        assert GOOD not in done.stdout
        assert GOOD.encode() not in (tmp_path / "gate.db").read_bytes()
        assert stat.S_IMODE((tmp_path / "gate.db").stat().st_mode) == 0o600

    def test_json_is_one_object_on_standard_output(self, folder: Path) -> None:
        done = CliRunner().invoke(main, ["accounts", "add", "Ann@Example.com", "--json"], input=f"{GOOD}\n")
        assert done.exit_code == 0
        account = json.loads(done.stdout)
        assert account == {"id": account["id"], "email": "Ann@example.com"}
        assert len(account["id"]) == 32

    @pytest.mark.parametrize(
        ("email", "typed", "sentence"),
        [
            ("ann@example.com", "short\n", "Use at least 15 characters."),
            ("ann@example.com", "", "Use at least 15 characters."),
            ("ann@example.com", "a" * 20, "first passwords that attackers try"),
            ("ann@example.com", "ann@example.com", "Do not make it from your address"),
            ("not-an-address", GOOD, "This is not an e-mail address."),
        ],
    )
    def test_what_does_not_do_is_one_sentence_and_exit_code_1(
        self, folder: Path, email: str, typed: str, sentence: str
    ) -> None:
        done = CliRunner().invoke(main, ["accounts", "add", email], input=typed)
        assert done.exit_code == 1
        assert sentence in done.stderr
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1

    def test_an_address_that_is_taken_is_refused(self, folder: Path) -> None:
        codes = [
            CliRunner().invoke(main, ["accounts", "add", email], input=GOOD).exit_code
            for email in ("ann@example.com", "ANN@example.com")
        ]
        assert codes == [0, 1]

    @pytest.mark.parametrize("raw", [b"\xff\xfe" * 10 + b"\n", b"\xed\xa0\x80" * 8])
    def test_a_password_that_is_not_utf_8_is_one_sentence(self, tmp_path: Path, raw: bytes) -> None:
        done = gatepass(tmp_path, "accounts", "add", "ann@example.com", stdin=raw, **SETTINGS)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "UTF-8" in done.stderr

    def test_only_the_first_line_counts(self, folder: Path) -> None:
        CliRunner().invoke(main, ["accounts", "add", "ann@example.com"], input=f"{GOOD}\r\nmore\n")
        done = CliRunner().invoke(main, ["accounts", "add", "ann@example.com"], input=GOOD)
        assert done.exit_code == 1

    def test_closed_registration_does_not_bind_the_administrator(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GATEPASS_REGISTRATION", "closed")
        assert CliRunner().invoke(main, ["accounts", "add", "ann@example.com"], input=GOOD).exit_code == 0


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [["--nonsense"], ["serve", "--nonsense"], ["nonsense"], ["accounts", "add"], ["serve", "--port", "x"]],
    )
    def test_wrong_usage_is_exit_code_2(self, arguments: list[str]) -> None:
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 2
        assert "Usage:" in done.stderr

    def test_the_process_says_the_same(self, tmp_path: Path) -> None:
        assert gatepass(tmp_path, "--nonsense").returncode == 2
        assert gatepass(tmp_path, "--version").returncode == 0

    @pytest.mark.parametrize("arguments", [["-h"], ["serve", "-h"], ["init", "--help"], ["accounts", "add", "-h"]])
    def test_help_is_exit_code_0(self, arguments: list[str]) -> None:
        assert CliRunner().invoke(main, arguments).exit_code == 0


class TestServe:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_it_serves_on_a_free_port_and_a_signal_stops_it_cleanly(
        self, tmp_path: Path, number: signal.Signals
    ) -> None:
        with serving(tmp_path, SETTINGS) as server:
            base = f"http://localhost:{server.port}"
            assert httpx2.get(f"{base}/healthz").json() == {"status": "ok"}
            assert httpx2.get(f"{base}/readyz").status_code == 200
            assert httpx2.get(f"{base}/.well-known/jwks.json").json()["keys"]
            answer = httpx2.post(
                f"{base}/auth/register",
                json={"email": "ann@example.com", "password": GOOD},
                headers={"Gatepass-Client": "1", "Origin": f"http://127.0.0.1:{server.port}"},
            )
            assert answer.status_code == 201
            assert answer.headers["set-cookie"].startswith(f"gatepass_{server.port}=gp_rt_")
            assert "server" not in answer.headers
            code, said = server.stop(number)
        assert code == 0
        assert "Plain http on a loopback host: development cookies, without Secure.\n" in said
        assert "Traceback" not in said
        assert not (tmp_path / "gate.db-wal").exists(), "the store was closed"

    def test_a_secret_that_other_users_can_read_is_said_once_with_the_mend(self, tmp_path: Path) -> None:
        file = tmp_path / "gatepass.secret"
        file.write_text(SECRET)
        settings = {"SECRET_FILE": "gatepass.secret", "STORE": "memory://"}
        for mode, count in ((0o644, 1), (0o600, 0)):
            file.chmod(mode)
            with serving(tmp_path, settings) as server:
                _, said = server.stop(signal.SIGTERM)
            assert said.count("Run: chmod 600 gatepass.secret") == count

    def test_a_port_that_is_taken_is_one_sentence(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = gatepass(tmp_path, "serve", "--port", str(port), **SETTINGS)
        assert done.returncode == 1
        assert done.stderr.splitlines() == [
            f"Cannot listen on 127.0.0.1:{port} (Address already in use). Choose another: --port {port + 1}"
        ]

    def test_without_a_secret_it_says_what_to_run(self, tmp_path: Path) -> None:
        done = gatepass(tmp_path, "serve", "--port", "0", STORE="memory://")
        assert done.returncode == 1
        assert done.stderr.splitlines() == ["GATEPASS_SECRET is not set. Make one with: gatepass init"]

    @pytest.mark.parametrize(
        ("settings", "sentence"),
        [
            ({"SECRET": "password"}, "gatepass init"),
            ({"PUBLIC_URL": "http://gate.example"}, "GATEPASS_PUBLIC_URL must be https"),
            ({"STORE": "sqlite:///no/such/folder/gate.db"}, "no folder"),
            ({"STOR": "memory://"}, "GATEPASS_STOR is not a setting. Did you mean GATEPASS_STORE?"),
        ],
    )
    def test_what_cannot_be_served_is_refused_with_exit_code_1(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], sentence: str
    ) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"GATEPASS_{name}", value)
        done = CliRunner().invoke(main, ["serve", "--port", "0"])
        assert done.exit_code == 1
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize("place", [["--uds", "gate.sock"], ["--fd", "3"]])
    @pytest.mark.parametrize(
        ("address", "named"),
        [(["--port", "8000"], "--port:"), (["--host", "0.0.0.0", "--port", "9"], "--host and --port:")],
    )
    def test_an_address_beside_a_socket_is_refused(
        self, folder: Path, place: list[str], address: list[str], named: str
    ) -> None:
        done = CliRunner().invoke(main, ["serve", *place, *address])
        assert done.exit_code == 2
        assert f"{named} this server listens on a socket alone, so leave it out." in done.stderr
        assert not (folder / "gate.sock").exists()

    def test_beyond_this_machine_the_public_url_must_be_given(self, folder: Path) -> None:
        done = CliRunner().invoke(main, ["serve", "--host", "0.0.0.0", "--port", "0"])
        assert done.exit_code == 1
        assert "GATEPASS_PUBLIC_URL is not set" in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "answer", "line"),
        [
            (["--hsts", "host"], None, "GATEPASS_HSTS=host\n"),
            ([], "y\n\n", "GATEPASS_HSTS=subdomains\n"),
            ([], "\n\n", "GATEPASS_HSTS=host\n"),
            ([], None, ""),
        ],
    )
    def test_init_asks_for_how_much_of_the_domain_browsers_keep_on_https(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        arguments: list[str],
        answer: str | None,
        line: str,
    ) -> None:
        Path("gatepass.env").unlink(missing_ok=True)
        monkeypatch.setattr(import_module("gatepass.cli.init"), "_is_terminal", lambda: answer is not None)
        done = CliRunner().invoke(main, ["init", "--public-url", "https://gate.example", *arguments], input=answer)
        assert done.exit_code == 0
        assert ("subdomains of gate.example" in done.output) is (answer is not None)
        text = Path("gatepass.env").read_text()
        assert line in text
        assert ("HSTS" in text) is bool(line)

    @pytest.mark.parametrize(
        ("arguments", "answer", "line"),
        [
            (["--rp-id", "example.com"], None, "GATEPASS_PASSKEY_RP_ID=example.com\n"),
            ([], "example.com\n", "GATEPASS_PASSKEY_RP_ID=example.com\n"),
            ([], "\n", ""),
            ([], None, ""),
        ],
    )
    def test_init_asks_what_passkeys_are_bound_to(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], answer: str | None, line: str
    ) -> None:
        Path("gatepass.env").unlink(missing_ok=True)
        monkeypatch.setattr(import_module("gatepass.cli.init"), "_is_terminal", lambda: answer is not None)
        given = ["init", "--public-url", "https://app.example.com", "--hsts", "host", *arguments]
        done = CliRunner().invoke(main, given, input=answer)
        assert done.exit_code == 0
        assert ("for ever" in done.output) is (answer is not None)
        text = Path("gatepass.env").read_text()
        assert line in text
        assert ("PASSKEY" in text) is bool(line)

    def test_init_refuses_what_no_browser_would_take(self, folder: Path) -> None:
        Path("gatepass.env").unlink(missing_ok=True)
        done = CliRunner().invoke(main, ["init", "--public-url", "https://app.example.com", "--rp-id", "example.org"])
        assert done.exit_code == 1
        assert "--rp-id example.org is neither the host of the pages" in done.stderr
        assert not Path("gatepass.env").exists()

    def test_init_and_serve_are_enough(self, tmp_path: Path) -> None:
        gatepass(tmp_path, "init")
        with serving(tmp_path) as server:
            assert httpx2.get(f"http://127.0.0.1:{server.port}/readyz").status_code == 200
            assert server.stop(signal.SIGTERM)[0] == 0
        assert (tmp_path / "gatepass.db").is_file()


class TestAudit:
    def test_every_command_that_administers_is_in_the_trail_with_the_user_who_ran_it(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SUDO_USER", "carl")
        run = CliRunner()
        run.invoke(main, ["accounts", "add", "ann@example.com"], input=f"{GOOD}\n")
        for command in ("disable", "enable", "verify"):
            assert run.invoke(main, ["accounts", command, "ann@example.com"]).exit_code == 0
        (folder / "none.jsonl").touch()
        run.invoke(main, ["accounts", "import", "none.jsonl"])
        run.invoke(main, ["sessions", "revoke", "--account", "ann@example.com"])
        run.invoke(main, ["accounts", "delete", "ann@example.com", "--yes"])
        run.invoke(main, ["keys", "rotate"])
        entries = [json.loads(line) for line in run.invoke(main, ["audit", "--json"]).stdout.splitlines()]
        assert [entry["action"] for entry in reversed(entries)] == [
            "account-added",
            "account-disabled",
            "account-enabled",
            "account-verified",
            "accounts-imported",
            "sessions-ended",
            "account-deleted",
            "key-made",
        ]
        assert all(entry["actor"].startswith("carl@") for entry in entries)
        shown = run.invoke(main, ["audit", "--limit", "1"]).stdout
        assert "key-made" in shown
        assert len(shown.splitlines()) == 1

    def test_a_user_without_a_name_is_named_by_its_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        without_home(monkeypatch)
        monkeypatch.delenv("SUDO_USER", raising=False)
        assert actor().startswith(f"uid {os.geteuid()}@")


class TestKeys:
    def test_a_key_is_made_listed_and_retired(self, folder: Path) -> None:
        empty = CliRunner().invoke(main, ["keys", "list"])
        assert (empty.exit_code, empty.stdout) == (0, "")
        assert "gatepass keys rotate" in empty.stderr
        coming = json.loads(CliRunner().invoke(main, ["keys", "rotate", "--json"]).stdout)
        waiting = CliRunner().invoke(main, ["keys", "list"]).stderr
        assert waiting == "Until then a key that is derived from the secret signs.\n", "nothing is left to make"
        CliRunner().invoke(main, ["keys", "retire", coming["kid"]])
        made = json.loads(CliRunner().invoke(main, ["keys", "rotate", "--after", "0s", "--json"]).stdout)
        listed = json.loads(CliRunner().invoke(main, ["keys", "list", "--json"]).stdout)
        assert [(row["kid"], row["state"]) for row in listed] == [(made["kid"], "signs")]
        refused = CliRunner().invoke(main, ["keys", "retire", made["kid"]])
        assert refused.exit_code == 1
        assert "gatepass keys rotate" in refused.stderr
        done = CliRunner().invoke(main, ["keys", "retire", made["kid"], "--at-once"])
        assert done.exit_code == 0
        assert "signs now" in done.stdout
        listed = json.loads(CliRunner().invoke(main, ["keys", "list", "--all", "--json"]).stdout)
        assert sorted(row["state"] for row in listed) == ["gone", "gone", "signs"]

    @pytest.mark.parametrize("kid", ["-Vq8hzM_help-yes", "--7hQx", "-h2"])
    def test_an_id_may_begin_with_a_dash(self, folder: Path, kid: str) -> None:
        """Key ids are random base64url; `-h` is help, and is no part of one."""
        for arguments in ([kid, "--at-once"], ["--at-once", kid], ["--at-once", "--", kid]):
            done = CliRunner().invoke(main, ["keys", "retire", *arguments])
            assert (done.exit_code, kid in done.stderr) == (1, True), "it looked for this key"
        for command in (["accounts", "show"], ["accounts", "disable"], ["sessions", "list"]):
            done = CliRunner().invoke(main, [*command, kid])
            assert (done.exit_code, done.stderr) == (1, "There is no account with this address or id.\n")

    def test_an_option_that_does_not_exist_is_refused_still(self, folder: Path) -> None:
        for arguments in (["--at-onc"], ["kid", "--at-onc"], ["--at-onc", "kid"]):
            done = CliRunner().invoke(main, ["keys", "retire", *arguments])
            assert done.exit_code == 2
            assert "--at-once" in done.stderr
        assert CliRunner().invoke(main, ["keys", "retire", "kid", "--frobnicate"]).exit_code == 2
        assert CliRunner().invoke(main, ["keys", "retire", "kid", "--env-file"]).exit_code == 2
        assert "Usage" in CliRunner().invoke(main, ["keys", "retire", "-h"]).stdout

    def test_a_wrong_duration_is_a_usage_error_that_shows_the_form(self, folder: Path) -> None:
        done = CliRunner().invoke(main, ["keys", "rotate", "--after", "soon"])
        assert done.exit_code == 2
        assert "10m" in done.stderr or "15m" in done.stderr


WITHOUT = """
import sys

class Without:
    # As if the module were not installed. None in sys.modules is another error where one of its parts is imported.

    def find_spec(name, *_):
        if name == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Without)
from gatepass.cli import main
main(sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("command", "missing", "said"),
    [
        ("serve", "uvicorn", "Serving needs its extra: pip install 'gatepass[server]'\n"),
        ("demo", "starlette", "The demo needs its extra: pip install 'gatepass[demo]'\n"),
        ("serve", "gatepass.serving.admission", "ModuleNotFoundError: No module named 'gatepass.serving.admission'"),
    ],
)
def test_a_missing_extra_is_named_and_a_defect_is_not_taken_for_one(
    tmp_path: Path, command: str, missing: str, said: str
) -> None:
    program = [sys.executable, "-c", WITHOUT, missing, command]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr
