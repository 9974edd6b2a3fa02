"""`gatepass keys` and `gatepass audit`: the signing keys, and the trail of what administrators did."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from gatepass.cli import main
from gatepass.cli.audit import actor
from tests.support.cli import GOOD
from tests.support.nobody import without_home


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
