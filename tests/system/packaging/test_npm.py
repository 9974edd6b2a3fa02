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


def test_commonjs_gets_every_module_by_require(npm_package: Path, tmp_path: Path) -> None:
    """Node does it from 20.19 and 22.12 on (`require(esm)`), as nothing in the package awaits while it loads."""
    application = _application(npm_package, tmp_path)
    done = subprocess.run(["node", str(application)], capture_output=True, text=True, check=False)
    exports = json.loads((npm_package / "package.json").read_text())["exports"]
    assert json.loads(done.stdout or "{}").keys() == exports.keys() - {"./package.json"}, done.stderr
    assert done.stderr == ""


def test_an_older_node_says_in_commonjs_what_to_do_instead(npm_package: Path, tmp_path: Path) -> None:
    command = ["node", "--no-experimental-require-module", str(_application(npm_package, tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "dynamic import() which is available in all CommonJS modules" in done.stderr


def _link_peers(npm_package: Path) -> None:
    peers = npm_package / "node_modules"
    if not peers.exists():
        peers.symlink_to(CLIENT.parent / "node_modules")


def _application(npm_package: Path, folder: Path) -> Path:
    """A CommonJS program beside the package that requires each of its entry points."""
    _link_peers(npm_package)
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "gatepass").symlink_to(npm_package)
    program = folder / "app.cjs"
    program.write_text(
        """
        const facts = require("gatepass/package.json");
        const entries = Object.keys(facts.exports).filter((entry) => entry !== "./package.json");
        const named = entries.map((entry) => [entry, Object.keys(require(entry.replace(".", "gatepass")))]);
        if (named.some(([, names]) => names.length === 0)) throw new Error(JSON.stringify(named));
        const { createSession } = require("gatepass");
        createSession().close();
        console.log(JSON.stringify(Object.fromEntries(named)));
        """
    )
    return program


@pytest.mark.full
def test_our_own_tests_pass_against_it(npm_package: Path, tmp_path: Path) -> None:
    configuration = tmp_path / "vitest.config.mjs"
    (tmp_path / "node_modules").symlink_to(CLIENT.parent / "node_modules")
    _link_peers(npm_package)
    facts = {
        "client": json.dumps(str(CLIENT)),
        "dist": json.dumps(str(npm_package / "dist")),
        "tests": json.dumps(QUICK),
    }
    configuration.write_text(CONFIGURATION.format(**facts))
    command = [str(CLIENT.parent / "node_modules" / ".bin" / "vitest"), "run", "--config", str(configuration)]
    done = subprocess.run(command, cwd=CLIENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
