"""The tarball that npm publishes is what our own tests pass against, and holds what its exports name."""

import json
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
CLIENT = Path(__file__).resolve().parents[3] / "web" / "client"
CONFIGURATION = """
import {{ defineConfig }} from "vitest/config";

export default defineConfig({{
  root: {client},
  resolve: {{ alias: [{{ find: /^(?:\\.\\.\\/)+src\\/(.+)\\.js$/, replacement: {dist} + "/$1.js" }}] }},
  test: {{ include: {tests}, testTimeout: 120_000, cache: false }},
}});
"""
QUICK = ["test/fetch.test.ts", "test/axios.test.ts", "test/session/refresh.test.ts", "test/react.test.tsx"]


def test_each_export_is_there_with_its_types(npm_package: Path) -> None:
    exports = json.loads((npm_package / "package.json").read_text())["exports"]
    assert len(exports) > 10
    for entry in exports.values():
        for place in entry.values() if isinstance(entry, dict) else [entry]:
            assert (npm_package / place).is_file(), place


def test_it_has_no_sources_and_no_tests(npm_package: Path) -> None:
    assert {path.name for path in npm_package.iterdir()} == {"dist", "package.json", "README.md"}
    assert not [path for path in npm_package.rglob("*") if ".test." in path.name or path.suffix == ".map"]


@pytest.mark.full
def test_our_own_tests_pass_against_it(npm_package: Path, tmp_path: Path) -> None:
    configuration = tmp_path / "vitest.config.mjs"
    (tmp_path / "node_modules").symlink_to(CLIENT.parent / "node_modules")
    (npm_package / "node_modules").symlink_to(CLIENT.parent / "node_modules")  # its peers
    facts = {
        "client": json.dumps(str(CLIENT)),
        "dist": json.dumps(str(npm_package / "dist")),
        "tests": json.dumps(QUICK),
    }
    configuration.write_text(CONFIGURATION.format(**facts))
    command = [str(CLIENT.parent / "node_modules" / ".bin" / "vitest"), "run", "--config", str(configuration)]
    done = subprocess.run(command, cwd=CLIENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
