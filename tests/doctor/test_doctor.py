"""The doctor finds what is wrong with a deployment, says what to do, and finds nothing where nothing is."""

import json
import os
import time
from pathlib import Path

import pytest

from gatepass.doctor import Finding
from gatepass.doctor.configuration import is_exposed
from gatepass.doctor.machine import least_seconds
from gatepass.doctor.passkeys import check_related_origins
from gatepass.settings import Settings
from tests.support.doctor import URL, found, said
from tests.support.gates import OTHER_SECRET, SECRET
from tests.support.process import gatepass
from tests.support.provider import Provider


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
