"""The command line as people and programs use it: output, exit codes, files, signals."""

import json
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from gatepass.cli import main
from gatepass.core.base64url import encode
from gatepass.core.keyring import parse_secret
from gatepass.demo.serve import _state_directory
from tests.support.cli import GOOD, SETTINGS
from tests.support.gates import SECRET
from tests.support.nobody import without_home
from tests.support.process import gatepass


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


def test_without_a_home_the_demo_keeps_its_state_in_a_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_home(monkeypatch)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = _state_directory(8000)
    assert made.parent == tmp_path
    assert made.name.startswith("gatepass-demo-")


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


@pytest.mark.slow
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
