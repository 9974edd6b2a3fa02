"""The doctor finds what is wrong with a deployment, says what to do, and finds nothing where nothing is."""

import json
import os
import time
from pathlib import Path

import pytest

from gatepass.doctor import Finding, examine
from gatepass.doctor.configuration import is_exposed
from gatepass.doctor.machine import least_seconds
from gatepass.doctor.outside import FORGED
from gatepass.doctor.passkeys import check_related_origins
from gatepass.doctor.storage import compare_clocks, file_system
from gatepass.gate import Gatepass
from gatepass.settings import Settings
from tests.support.fake_time import FakeTime
from tests.support.gates import OTHER_SECRET, SECRET
from tests.support.process import gatepass, serving
from tests.support.provider import Provider
from tools.services import valkey
from tools.services.postgres import new_database, private_server, shared_server
from tools.services.tcp import FaultyNetwork

pytestmark = pytest.mark.slow

URL = "https://gate.example"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, a secret file of its owner's, and no setting of the person who runs this."""
    for name in [name for name in os.environ if name.upper().startswith("GATEPASS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "gatepass.secret"
    file.touch(mode=0o600)
    file.write_text(SECRET)
    monkeypatch.setenv("GATEPASS_SECRET_FILE", "gatepass.secret")
    monkeypatch.setenv("GATEPASS_PUBLIC_URL", URL)


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Settings, one by one."""
    return monkeypatch


async def found(**how: object) -> list[Finding]:
    with pytest.MonkeyPatch.context() as here:
        here.setattr("gatepass.doctor.machine.HASHES", 1)  # each examination times some
        return [finding async for finding in examine(**how)]  # type: ignore[arg-type]


def said(findings: list[Finding], check: str, level: str) -> str:
    """All that was found of one kind; each of it says what to do."""
    chosen = [finding for finding in findings if (finding.check, finding.level) == (check, level)]
    assert all(finding.fix for finding in chosen) or level == "ok"
    return " ".join(finding.message for finding in chosen)


class TestProviders:
    """With a provider of our own, which every sign-in would ask."""

    async def checked(self, env: pytest.MonkeyPatch, provider: Provider, **options: str) -> list[Finding]:
        for name, value in {"ISSUER": provider.issuer, "CLIENT_ID": "the-gate", **options}.items():
            env.setenv(f"GATEPASS_OIDC_ACME_{name}", value)
        return await found()

    async def test_one_that_answers_is_said_to(self, env: pytest.MonkeyPatch) -> None:
        with Provider(lambda: int(time.time())) as provider:
            assert "acme answers" in said(await self.checked(env, provider), "providers", "ok")

    async def test_another_issuer_is_told_with_what_to_set(self, env: pytest.MonkeyPatch) -> None:
        with Provider(lambda: int(time.time())) as provider:
            findings = await self.checked(env, provider, ISSUER=provider.issuer + "/")
            assert f"names the issuer '{provider.issuer}'" in said(findings, "providers", "error")

    async def test_one_that_is_down_or_has_no_keys_is_an_error(self, env: pytest.MonkeyPatch) -> None:
        with Provider(lambda: int(time.time())) as provider:
            provider.published = []
            assert "no key" in said(await self.checked(env, provider), "providers", "error")
        assert "refused" in said(await found(), "providers", "error")

    async def test_a_client_secret_in_a_file_that_others_may_read_is_an_error(
        self, env: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        file = tmp_path / "gatepass.env"
        file.write_text("GATEPASS_OIDC_GITHUB_ADAPTER=github\nGATEPASS_OIDC_GITHUB_CLIENT_ID=x\n")
        file.chmod(0o644)
        assert said(await found(), "files", "error") == ""
        with file.open("a") as more:
            more.write("GATEPASS_OIDC_GITHUB_CLIENT_SECRET=hunter2hunter2\n")
        told = said(await found(), "files", "error")
        assert "gatepass.env" in told
        assert "hunter2" not in told


class TestSettings:
    async def test_a_sound_set_up_has_no_faults(self) -> None:
        assert [finding for finding in await found() if finding.level == "error"] == []

    async def test_every_fault_of_the_settings_is_one_finding(self, env: pytest.MonkeyPatch) -> None:
        env.setenv("GATEPASS_SECRET_FILE", "missing.secret")
        env.setenv("GATEPASS_LEEWAY", "5m")
        findings = await found()
        assert [finding.check for finding in findings] == ["settings", "settings"]
        assert {finding.level for finding in findings} == {"error"}

    async def test_a_rotation_that_is_under_way_is_told(self) -> None:
        Path("gatepass.secret").write_text(f"{SECRET},{OTHER_SECRET}")
        assert "2 secrets" in said(await found(), "secret", "advice")

    async def test_an_old_secret_and_one_in_the_environment_are_told(self, env: pytest.MonkeyPatch) -> None:
        os.utime("gatepass.secret", (0, time.time() - 400 * 86_400))
        assert "400 days" in said(await found(), "secret", "advice")
        env.delenv("GATEPASS_SECRET_FILE")
        env.setenv("GATEPASS_SECRET", SECRET)
        assert "environment" in said(await found(), "secret", "advice")

    @pytest.mark.parametrize("name", ["gatepass.secret", "gatepass.db"])
    async def test_files_that_others_can_read_are_faults(self, name: str) -> None:
        Path(name).touch()
        Path(name).chmod(0o640)
        assert f"Other users can read {name} (mode 640)" in said(await found(), "files", "error")

    @pytest.mark.parametrize(
        "line",
        [
            f"GATEPASS_PEPPER={SECRET}",
            f"GATEPASS_REVOCATION_FEED_SECRET={SECRET}",
            "GATEPASS_STORE=postgresql://gate:canary@127.0.0.1:1/app",
            "GATEPASS_STORE=postgresql:///app?user=gate&password=canary",
            "GATEPASS_SESSIONS=redis://:canary@127.0.0.1:1",
            "GATEPASS_MAIL=smtps://gate:canary@mail.example",
        ],
    )
    async def test_a_settings_file_that_others_can_read_is_a_fault_if_it_holds_a_secret(self, line: str) -> None:
        Path("gatepass.env").write_text(f"{line}\n")
        Path("gatepass.env").chmod(0o644)
        told = said(await found(), "files", "error")
        assert f"Other users can read gatepass.env (mode 644), which holds {line.partition('=')[0]}" in told
        assert "canary" not in told

    async def test_a_settings_file_without_a_secret_may_be_read(self) -> None:
        Path("gatepass.env").write_text("GATEPASS_STORE=sqlite:///gatepass.db\nGATEPASS_MAIL=console\n")
        Path("gatepass.env").chmod(0o644)
        assert "gatepass.env" not in said(await found(), "files", "error")

    async def test_development_cookies_and_lax_ones_are_told(self, env: pytest.MonkeyPatch) -> None:
        env.setenv("GATEPASS_SAME_SITE", "lax")
        assert "SAME_SITE is lax" in said(await found(), "cookies", "advice")
        env.setenv("GATEPASS_PUBLIC_URL", "http://localhost:8000")
        assert "not Secure" in said(await found(), "cookies", "advice")

    async def test_page_cookies_are_told_with_what_a_copy_is_good_for(self, env: pytest.MonkeyPatch) -> None:
        assert said(await found(), "pages", "ok") == ""
        env.setenv("GATEPASS_PAGES", "on")
        findings = await found()
        assert "__Host-Http-gatepass_page: HttpOnly, SameSite=Lax, for 15 minutes" in said(findings, "pages", "ok")
        assert "SIGN_IN_PAGE is not set" in said(findings, "pages", "advice")
        for name, value in {"PAGE_TTL": "12h", "SIGN_IN_PAGE": "/sign-in", "SAME_SITE": "none"}.items():
            env.setenv(f"GATEPASS_{name}", value)
        advice = said(await found(), "pages", "advice")
        assert "reads rendered pages for so long" in advice
        assert "a server of another site never gets it" in advice
        assert "SIGN_IN_PAGE" not in advice

    def test_whose_route_the_related_origins_need_is_said(self, env: pytest.MonkeyPatch) -> None:
        env.setenv("GATEPASS_PASSKEY_ORIGINS", "https://other.invalid")
        env.setenv("GATEPASS_PUBLIC_URL", "https://app.gate.invalid")
        for rp_id, words in (("app.gate.invalid", "outermost application"), ("gate.invalid", "server of https://gate")):
            env.setenv("GATEPASS_PASSKEY_RP_ID", rp_id)
            (finding,) = check_related_origins(Settings.load())
            assert (finding.level, words in (finding.fix or "")) == ("error", True)

    async def test_what_passkeys_are_bound_to_is_said(self, env: pytest.MonkeyPatch) -> None:
        env.setenv("GATEPASS_PASSKEY_RP_ID", "gate.example")
        assert "bound to gate.example: leave" in said(await found(), "passkeys", "ok")
        env.setenv("GATEPASS_PASSKEY_USER_VERIFICATION", "preferred")
        assert "found security key" in said(await found(), "passkeys", "advice")
        env.setenv("GATEPASS_PUBLIC_URL", "https://shop.co.uk")
        env.setenv("GATEPASS_PASSKEY_RP_ID", "co.uk")
        assert "public suffix" in said(await found(), "settings", "error")
        env.setenv("GATEPASS_PASSKEY_RP_ID", "other.example")
        assert "neither the host" in said(await found(), "settings", "error")

    @pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "10.0.0.0/8,0.0.0.0/1"])
    async def test_trusting_everybody_is_a_fault(self, env: pytest.MonkeyPatch, network: str) -> None:
        env.setenv("GATEPASS_TRUSTED_PROXIES", network)
        assert "chooses the address" in said(await found(), "proxies", "error")

    async def test_no_proxy_at_all_is_told_where_one_must_be(self, env: pytest.MonkeyPatch) -> None:
        assert "No proxy is trusted" in said(await found(), "proxies", "advice")
        env.setenv("GATEPASS_TRUSTED_PROXIES", "unix")
        assert "believed from unix" in said(await found(), "proxies", "ok")

    async def test_workers_need_a_shared_store_and_people_need_one_that_stays(self, env: pytest.MonkeyPatch) -> None:
        assert "2 workers on sqlite" in said(await found(workers=2), "store", "error")
        env.setenv("GATEPASS_STORE", "memory://")
        assert "signs all users out" in said(await found(), "store", "error")

    async def test_short_passwords_are_told(self, env: pytest.MonkeyPatch) -> None:
        env.setenv("GATEPASS_PASSWORD_MIN", "8")
        assert "PASSWORD_MIN is 8" in said(await found(), "passwords", "advice")


def test_the_quickest_of_several_runs_counts() -> None:
    """Else the figure is that of whatever else ran on the machine."""
    times = iter([0.0, 0.4, 1.0, 1.131, 2.0, 2.372, 3.0, 3.2, 4.0, 4.3])
    assert least_seconds(lambda: None, clock=lambda: next(times)) == pytest.approx(0.131)


@pytest.mark.parametrize(
    ("mode", "owner", "group", "exposed"),
    [
        (0o600, 7, 7, False),
        (0o640, 7, 7, True),
        (0o640, 0, os.getegid() or 7, False),
        (0o440, 0, 4711, True),
        (0o644, 0, os.getegid() or 7, True),
        (0o660, 0, os.getegid() or 7, True),
    ],
)
def test_a_secret_of_root_s_may_be_read_by_the_server_s_group(
    mode: int, owner: int, group: int, exposed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getgroups", lambda: [os.getegid() or 7])
    assert is_exposed(os.stat_result((mode, 0, 0, 1, owner, group, 0, 0, 0, 0))) is exposed


class TestStores:
    async def test_a_folder_that_does_not_exist_is_a_fault(self, env: pytest.MonkeyPatch) -> None:
        env.setenv("GATEPASS_STORE", "sqlite:///nowhere/gate.db")
        assert "cannot write to the folder" in said(await found(), "sqlite", "error")

    async def test_a_file_inside_a_container_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gatepass.doctor.storage.file_system", lambda folder: "overlay")
        assert "a new container begins without it" in said(await found(), "sqlite", "advice")

    async def test_a_file_that_is_no_database_is_a_fault(self) -> None:
        Path("gatepass.db").write_bytes(b"no database" * 100)
        assert "cannot be read" in said(await found(), "sqlite", "error")

    def test_the_file_system_is_that_of_the_longest_mount(self, tmp_path: Path) -> None:
        assert file_system(Path("/proc/self")) == "proc"
        assert file_system(tmp_path)

    async def test_a_database_that_lacks_the_schema_is_a_fault(self, env: pytest.MonkeyPatch) -> None:
        env.setenv("GATEPASS_STORE", await new_database(shared_server(), migrated=False))
        assert "lacks" in said(await found(), "schema", "error")

    async def test_a_sound_database_has_no_faults(self, env: pytest.MonkeyPatch) -> None:
        env.setenv("GATEPASS_STORE", await new_database(shared_server()))
        findings = await found(workers=4)
        assert "up to date" in said(findings, "schema", "ok")
        assert "agrees" in said(findings, "clock", "ok")
        assert said(findings, "schema", "error") + said(findings, "store", "error") == ""

    @pytest.mark.parametrize("engine", ["sqlite", "postgres"])
    async def test_signing_keys_that_the_secrets_do_not_open_are_a_fault(
        self, env: pytest.MonkeyPatch, engine: str
    ) -> None:
        env.setenv("GATEPASS_STORE", "sqlite:///gate.db" if engine == "sqlite" else await new_database(shared_server()))
        assert said(await found(), "keys", "ok") == ""
        gate = Gatepass(**Settings.load().arguments())
        async with gate.running():
            made = await gate.keys.rotate()
        assert "open the signing keys in the store: 1" in said(await found(), "keys", "ok")
        Path("gatepass.secret").write_text(OTHER_SECRET)
        assert f"cannot open the signing keys in the store: {made.kid}" in said(await found(), "keys", "error")
        Path("gatepass.secret").write_text(f"{OTHER_SECRET},{SECRET}")
        assert said(await found(), "keys", "error") == ""

    async def test_a_database_that_forgets_is_a_fault(self, env: pytest.MonkeyPatch) -> None:
        with private_server(settings=["fsync=off", "full_page_writes=off"]) as server:
            env.setenv("GATEPASS_STORE", await new_database(server))
            faults = said(await found(), "postgresql", "error")
        assert "fsync is off" in faults
        assert "full_page_writes is off" in faults

    async def test_a_database_that_is_not_there_is_a_fault(self, env: pytest.MonkeyPatch) -> None:
        env.setenv("GATEPASS_STORE", "postgresql://nobody:canary@127.0.0.1:1/none")
        findings = await found()
        assert "does not respond" in said(findings, "store", "error")
        assert "canary" not in repr(findings)

    async def test_a_redis_without_a_log_or_with_eviction_is_a_fault(self, env: pytest.MonkeyPatch) -> None:
        with valkey.private_server("--appendonly", "no", "--maxmemory-policy", "allkeys-lru") as server:
            env.setenv("GATEPASS_SESSIONS", server.url)
            faults = said(await found(), "redis", "error")
        assert "appendonly is no" in faults
        assert "maxmemory-policy is allkeys-lru" in faults

    async def test_a_redis_that_never_flushes_is_a_fault_and_a_sound_one_is_none(self, env: pytest.MonkeyPatch) -> None:
        with valkey.private_server("--appendonly", "yes", "--appendfsync", "no") as server:
            env.setenv("GATEPASS_SESSIONS", server.url)
            assert "appendfsync is no" in said(await found(), "redis", "error")
        with valkey.private_server("--appendonly", "yes", "--appendfsync", "everysec") as server:
            env.setenv("GATEPASS_SESSIONS", server.url)
            findings = await found()
        assert said(findings, "redis", "error") == ""
        assert "appendfsync is everysec" in said(findings, "redis", "ok")
        assert "Redis at" in said(findings, "clock", "ok")

    def test_clocks_that_differ_are_a_fault(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ours = FakeTime()
        monkeypatch.setattr("gatepass.doctor.storage.time", ours)
        assert compare_clocks("it", ours.now + 60).level == "error"
        assert compare_clocks("it", ours.now - 2).level == "ok"


class TestOutside:
    """A real server on a real socket."""

    async def look(self, env: pytest.MonkeyPatch, folder: Path, **settings: str) -> list[Finding]:
        env.delenv("GATEPASS_PUBLIC_URL", raising=False)
        served = {"SECRET_FILE": "gatepass.secret", **settings}
        with serving(folder, served) as server:
            for name, value in settings.items():
                env.setenv(f"GATEPASS_{name}", value)
            return await found(url=f"http://localhost:{server.port}")

    async def test_a_sound_server_has_no_faults(self, env: pytest.MonkeyPatch, tmp_path: Path) -> None:
        findings = await self.look(env, tmp_path)
        assert [finding for finding in findings if finding.level == "error"] == []
        assert "cannot choose its address" in said(findings, "proxies", "ok")
        assert "schema is at version" in said(findings, "schema", "ok")
        assert "can write" in said(findings, "readiness", "ok")
        assert "arrives as it was sent" in said(findings, "cookies", "ok")
        assert "agrees" in said(findings, "clock", "ok")

    async def test_on_a_machine_that_is_a_trusted_proxy_it_looks_from_another_address_or_says_that_it_cannot(
        self, env: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A proxy on the server's own machine is the usual set-up, and of a trusted address anything is believed."""
        findings = await self.look(env, tmp_path, TRUSTED_PROXIES="127.0.0.1")
        assert "cannot choose its address" in said(findings, "proxies", "ok")
        findings = await self.look(env, tmp_path, TRUSTED_PROXIES="127.0.0.0/8")
        assert "This machine is one of TRUSTED_PROXIES" in said(findings, "proxies", "advice")
        assert said(findings, "proxies", "error") == ""

    @pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
    async def test_a_client_that_can_choose_its_address_is_a_fault(
        self, env: pytest.MonkeyPatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: str
    ) -> None:
        """The proxy passes on what clients say of themselves."""
        for other in set(FORGED) - {header}:
            monkeypatch.delitem(FORGED, other)
        env.delenv("GATEPASS_PUBLIC_URL")
        env.setenv("GATEPASS_TRUSTED_PROXIES", "127.0.0.1")
        proxy = FaultyNetwork()
        with serving(tmp_path, {"SECRET_FILE": "gatepass.secret", "TRUSTED_PROXIES": "127.0.0.1"}) as server:
            await proxy.open(server.port)
            findings = await found(url=f"http://localhost:{proxy.port}")
            await proxy.close()
        assert f"believes the {header} of" in said(findings, "proxies", "error")
        assert any("--no-proxy-headers" in finding.fix for finding in findings), "no setting of ours causes that"

    async def test_a_stream_that_arrives_is_sound_and_one_of_another_secret_is_a_fault(
        self, env: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        findings = await self.look(env, tmp_path, REVOCATION_FEED_SECRET=SECRET)
        assert "arrives as it is sent" in said(findings, "stream", "ok")
        env.delenv("GATEPASS_PUBLIC_URL", raising=False)
        with serving(tmp_path, {"SECRET_FILE": "gatepass.secret", "REVOCATION_FEED_SECRET": SECRET}) as server:
            env.setenv("GATEPASS_REVOCATION_FEED_SECRET", OTHER_SECRET)
            findings = await found(url=f"http://localhost:{server.port}")
        assert "not the stream of this server (status 401)" in said(findings, "stream", "error")

    async def test_a_server_with_other_cookies_than_these_settings_is_a_fault(
        self, env: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        env.delenv("GATEPASS_PUBLIC_URL")
        with serving(tmp_path, {"SECRET_FILE": "gatepass.secret"}) as server:
            env.setenv("GATEPASS_PUBLIC_URL", URL)
            findings = await found(url=f"http://localhost:{server.port}")
        assert "PUBLIC_URL is https://gate.example" in said(findings, "address", "error")
        assert "does not set __Host-Http-gatepass" in said(findings, "cookies", "error")

    async def test_a_resume_page_that_is_not_where_guards_send_people_is_a_fault(
        self, env: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        assert "/auth/resume has" in said(await self.look(env, tmp_path, PAGES="on"), "pages", "ok")
        env.setenv("GATEPASS_AUTH_PATH", "/api/auth")
        findings = await self.look(env, tmp_path, PAGES="on")
        assert "/api/auth/resume has no resume page (status 404)" in said(findings, "pages", "error")

    async def test_a_page_of_an_allowed_origin_is_asked_for(self, env: pytest.MonkeyPatch, tmp_path: Path) -> None:
        findings = await self.look(env, tmp_path, ORIGINS="https://app.example")
        assert "https://app.example may sign in" in said(findings, "cors", "ok")

    async def test_a_server_that_answers_preflights_otherwise_is_a_fault(
        self, env: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        env.setenv("GATEPASS_ORIGINS", "https://app.example")
        findings = await self.look(env, tmp_path, SAME_SITE="lax")
        assert "https://app.example cannot sign in" in said(findings, "cors", "error")

    async def test_nobody_there_is_a_fault(self) -> None:
        assert "does not respond" in said(await found(url="http://localhost:1"), "address", "error")


class TestCommand:
    def test_it_exits_with_0_where_nothing_must_be_mended(self, tmp_path: Path) -> None:
        done = gatepass(tmp_path, "doctor", SECRET_FILE="gatepass.secret", PUBLIC_URL=URL)
        assert (done.returncode, done.stderr) == (0, "")
        assert "ERROR" not in done.stdout

    def test_it_exits_with_1_where_something_must(self, tmp_path: Path) -> None:
        done = gatepass(tmp_path, "doctor", SECRET_FILE="gatepass.secret", PUBLIC_URL=URL, STORE="memory://")
        assert done.returncode == 1
        assert "→ Use postgresql://" in done.stdout

    def test_strict_counts_advice_too(self, tmp_path: Path) -> None:
        done = gatepass(tmp_path, "doctor", "--strict", SECRET=SECRET, PUBLIC_URL=URL)
        assert done.returncode == 1

    def test_json_is_for_programs_and_has_no_secret(self, tmp_path: Path) -> None:
        done = gatepass(tmp_path, "doctor", "--json", SECRET=SECRET, PUBLIC_URL=URL)
        assert {"check", "level", "message", "fix"} == set(json.loads(done.stdout)[0])
        assert SECRET not in done.stdout + done.stderr


async def test_testing_mode_is_told_with_what_it_allows(env: pytest.MonkeyPatch) -> None:
    for name, value in {"PUBLIC_URL": "http://localhost:8000", "STORE": "memory://", "TESTING": "true"}.items():
        env.setenv(f"GATEPASS_{name}", value)
    assert "without a password" in said(await found(), "testing", "advice")
