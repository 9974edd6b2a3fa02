"""`gatepass whoami` and `request` of a signed-in person, of one of several logins, and of one whose session ended."""

import json
import time
from pathlib import Path

import pytest

from gatepass.cli.login import STEP_UP_HINT
from gatepass.cli.login_files import login_at
from gatepass.client import Client
from gatepass.client.storage.file import FileStorage
from gatepass.testing import totp_code
from tests.cli.login.ann import EMAIL, call, sign_in
from tests.client.harness import PASSWORD, Harness, expire
from tests.support.process import gatepass
from tests.support.terminal import at_terminal

pytestmark = pytest.mark.slow


class TestSession:
    def test_an_expired_token_is_refreshed_on_the_way(self, site: Harness) -> None:
        storage = sign_in(site.url)
        expire(storage)
        assert call("whoami").exit_code == 0
        assert storage.load().generation == 1
        assert call("whoami").exit_code == 0
        assert storage.load().generation == 1

    def test_a_session_that_the_server_ended_says_how_to_go_on(self, site: Harness) -> None:
        storage = sign_in(site.url)
        elsewhere = FileStorage(storage.path.with_name("other-machine"))
        with Client(site.url, storage=elsewhere) as other:
            other.sign_in(EMAIL, PASSWORD)
            other.sign_out(everywhere=True)
        expire(storage)
        done = call("whoami")
        assert done.exit_code == 1
        assert len(done.stderr.splitlines()) == 1
        assert "gatepass login" in done.stderr
        assert not [secret for secret in (PASSWORD, "gp_rt_") if secret in done.output]

    def test_an_unreachable_server_ends_no_session(self, site: Harness, tmp_path: Path) -> None:
        storage = sign_in(site.url)
        expire(storage)
        site.proxy.go_offline()
        done = gatepass(tmp_path, "whoami")
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        site.proxy.go_online()
        assert call("whoami").exit_code == 0

    def test_a_corrupt_file_says_what_to_do(self, site: Harness) -> None:
        storage = sign_in(site.url)
        storage.path.write_text("{")
        done = call("whoami", site.url)
        assert done.exit_code == 1
        assert "is corrupt" in done.stderr
        assert "sign in again" in done.stderr


class TestSeveralLogins:
    def test_the_url_chooses_and_without_one_they_are_named(self, site: Harness) -> None:
        other = site.url.replace("localhost", "127.0.0.1")
        sign_in(site.url)
        sign_in(other)
        done = call("whoami")
        assert done.exit_code == 2
        assert f"{other}/auth" in done.stderr
        assert f"{site.url}/auth" in done.stderr
        assert call("whoami", f"{other}/some/page").stdout == f"{EMAIL} at {other}/auth\n"
        assert call("request", "GET", "/auth/me").exit_code == 2
        assert call("request", "GET", f"{site.url}/auth/me").exit_code == 0
        assert call("logout", other).exit_code == 0
        assert call("whoami").stdout == f"{EMAIL} at {site.url}/auth\n"

    def test_a_corrupt_file_of_one_place_does_not_stop_another(self, site: Harness) -> None:
        sign_in(site.url)
        other = login_at("https://other.example.com", "/auth")
        other.path.write_text("{")
        assert call("whoami", site.url).exit_code == 0

    def test_a_token_goes_to_no_other_place(self, site: Harness) -> None:
        sign_in(site.url)
        done = call("request", "GET", "http://127.0.0.1:9/")
        assert done.exit_code == 1
        assert done.stderr == (
            "You are not signed in at http://127.0.0.1:9. Sign in with: gatepass login http://127.0.0.1:9\n"
        )


class TestRequest:
    def test_a_refused_request_prints_its_answer_and_is_exit_code_1(self, site: Harness) -> None:
        sign_in(site.url)
        done = call("request", "GET", "/auth/nothing?a=b")
        assert done.exit_code == 1
        assert json.loads(done.stdout)["code"] == "not-found"
        assert done.stderr == "GET /auth/nothing: 404 Not Found\n"

    @pytest.mark.parametrize("way", ["argument", "file", "stdin"])
    def test_a_body_is_sent_as_json(self, site: Harness, tmp_path: Path, way: str) -> None:
        sign_in(site.url)
        text = json.dumps({"current": PASSWORD, "new": PASSWORD})
        (tmp_path / "body").write_text(text)
        data = {"argument": text, "file": f"@{tmp_path / 'body'}", "stdin": "-"}[way]
        done = call("request", "POST", "/auth/password", "-d", data, "--json", stdin=text if way == "stdin" else "")
        assert json.loads(done.stdout)["status"] in (200, 422)
        assert "content-type" not in done.stderr

    def test_a_type_of_the_callers_own_is_kept(self, site: Harness) -> None:
        sign_in(site.url)
        words = ["request", "POST", "/auth/password", "-d", "{}", "-H", "content-type: text/plain", "--json"]
        assert json.loads(call(*words).stdout)["status"] == 415

    def test_a_header_of_the_callers_own_wins(self, site: Harness) -> None:
        sign_in(site.url)
        assert call("request", "GET", "/auth/me", "-H", "Authorization: Bearer nonsense").exit_code == 1

    def test_json_is_one_object_without_cookies(self, site: Harness) -> None:
        sign_in(site.url)
        body = json.dumps({"email": EMAIL, "password": PASSWORD})
        done = call("request", "POST", "/auth/login", "-d", body, "-H", "Gatepass-Client: 1", "--json")
        told = json.loads(done.stdout)
        assert told["status"] == 200
        assert told["headers"]["content-type"] == "application/json"
        assert "set-cookie" not in told["headers"]
        assert "gp_rt_" not in done.output

    @pytest.mark.parametrize(
        "words", [["-H", "canary"], ["-H", ": canary"], ["-d", "@/no/such/canary"], ["--nonsense"]]
    )
    def test_wrong_usage_is_exit_code_2(self, site: Harness, words: list[str]) -> None:
        sign_in(site.url)
        done = call("request", "GET", "/auth/me", *words)
        assert done.exit_code == 2
        assert ("canary" in done.output) == (words[0] == "-d"), "a header may be a secret"

    def test_a_terminal_is_asked_for_a_code_where_the_route_wants_a_second_factor(
        self, site: Harness, tmp_path: Path
    ) -> None:
        with Client(site.url, storage=login_at(site.url, "/auth").storage) as client:
            client.sign_up("step@example.com", PASSWORD)
            secret = client.post("/auth/totp", json={}).json()["secret"]
            client.post("/auth/totp/confirm", json={"code": totp_code(secret)})
        wanted = ("request", "POST", "/auth/recovery-codes", "-d", "{}", "-H", "Gatepass-Client: 1")
        alone = call(*wanted, stdin="a line of the script around it\n")
        assert (alone.exit_code, alone.stderr.splitlines()[0]) == (1, STEP_UP_HINT)
        typed: list[str] = []

        def next_code() -> str:
            typed.append(totp_code(secret, at=int(time.time()) + 30))
            return typed[0]

        done = at_terminal(tmp_path, *wanted, typed={"Code of the authenticator app": next_code})
        assert (done.returncode, done.stderr) == (0, "")
        assert len(json.loads(done.stdout)["recovery_codes"]) == 10
        assert typed[0] not in done.stdout
