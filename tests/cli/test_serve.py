"""`gatepass serve`: what it starts, what it says, and what it refuses."""

import signal
import socket
from importlib import import_module
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from gatepass.cli import main
from tests.support.cli import GOOD, SETTINGS
from tests.support.gates import SECRET
from tests.support.process import gatepass, serving


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
