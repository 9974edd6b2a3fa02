"""What `gatepass doctor` finds about the stores."""

from pathlib import Path

import pytest

from gatepass.doctor.storage import compare_clocks, file_system
from gatepass.gate import Gatepass
from gatepass.settings import Settings
from tests.support.doctor import found, said
from tests.support.fake_time import FakeTime
from tests.support.gates import OTHER_SECRET, SECRET
from tools.services import valkey
from tools.services.postgres import new_database, private_server, shared_server


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

    @pytest.mark.slow
    async def test_a_database_that_lacks_the_schema_is_a_fault(self, env: pytest.MonkeyPatch) -> None:
        env.setenv("GATEPASS_STORE", await new_database(shared_server(), migrated=False))
        assert "lacks" in said(await found(), "schema", "error")

    @pytest.mark.slow
    async def test_a_sound_database_has_no_faults(self, env: pytest.MonkeyPatch) -> None:
        env.setenv("GATEPASS_STORE", await new_database(shared_server()))
        findings = await found(workers=4)
        assert "up to date" in said(findings, "schema", "ok")
        assert "agrees" in said(findings, "clock", "ok")
        assert said(findings, "schema", "error") + said(findings, "store", "error") == ""

    @pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
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

    @pytest.mark.slow
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

    @pytest.mark.slow
    async def test_a_redis_without_a_log_or_with_eviction_is_a_fault(self, env: pytest.MonkeyPatch) -> None:
        with valkey.private_server("--appendonly", "no", "--maxmemory-policy", "allkeys-lru") as server:
            env.setenv("GATEPASS_SESSIONS", server.url)
            faults = said(await found(), "redis", "error")
        assert "appendonly is no" in faults
        assert "maxmemory-policy is allkeys-lru" in faults

    @pytest.mark.slow
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
