"""`gatepass doctor --url`: what is seen of a deployment from outside."""

from pathlib import Path

import pytest

from gatepass.doctor import Finding
from gatepass.doctor.outside import FORGED
from tests.support.doctor import URL, found, said
from tests.support.gates import OTHER_SECRET, SECRET
from tests.support.process import serving
from tools.services.tcp import FaultyNetwork


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
        assert "becomes no header" in said(findings, "trailers", "ok")
        assert "COOKIE_PATH is /: browsers send" in said(findings, "cookies", "ok")

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

    async def test_a_cookie_path_beside_the_endpoints_is_a_fault(self, env: pytest.MonkeyPatch, tmp_path: Path) -> None:
        findings = await self.look(env, tmp_path, COOKIE_PATH="/api")
        assert "COOKIE_PATH is /api, and the endpoints are at /auth" in said(findings, "cookies", "error")
        findings = await self.look(env, tmp_path, COOKIE_PATH="/auth")
        assert "browsers send the refresh cookie to /auth" in said(findings, "cookies", "ok")

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
