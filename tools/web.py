"""What is built from web/: the packages of its lock file, the browser client, and the demo's page.

A wheel needs a fifth of the packages: React, what the page imports, and Vite, which compiles the client from source.
So the demo and the build of a wheel install only these, with the machine's Node where Vite takes it. Tests, checks and
benchmarks have all packages, and the Node of the lock file, so that they find the same on every machine.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tools.environment import AGAIN, Environment
from tools.stamps import ROOT, digest, is_made, once
from tools.steps import Failure, run, say

WEB = ROOT / "web"
PACKAGES = WEB / "node_modules"
CLIENT = WEB / "client" / "dist"
PAGE = ROOT / "src" / "gatepass" / "demo" / "page"
SCRIPT = ROOT / "src" / "gatepass" / "server" / "endpoints" / "gatepass.js"
BUNDLE = WEB / "client" / "scripts" / "bundle.mjs"
LOCK = WEB / "package-lock.json"
NODES = ((20, 19), (22, 12))
"""Vite takes the major versions of these from this release on, and everything newer."""


def provide_client(environment: Environment) -> None:
    """All packages of the lock file, and the client as npm packs it."""
    once(_stamp("all"), digest([LOCK]), lambda: _install(environment), result=PACKAGES)

    def build() -> None:
        say("building the browser client")
        npm("run", "build", "--workspace", "client", environment=environment)

    once(_stamp("client"), digest([*_sources(WEB / "client"), LOCK]), build, result=CLIENT)


def provide_page(environment: Environment) -> None:
    """What a wheel carries, in its place there: the demo's page, and the client as one file."""
    client = [*_sources(WEB / "client"), LOCK]
    page, script = digest([*client, *_sources(WEB / "demo")]), digest([*client, BUNDLE])
    has_page = is_made(_stamp("page"), page, result=PAGE / "index.html")
    if has_page and is_made(_stamp("script"), script, result=SCRIPT):
        return
    if not is_made(_stamp("all"), digest([LOCK]), result=PACKAGES):
        if not is_node_enough():
            environment.provide_packages("node")
        once(_stamp("some"), digest([LOCK]), lambda: _install(environment, *SOME), result=PACKAGES)

    def build() -> None:
        say("building the page")
        _node(PACKAGES / "vite" / "bin" / "vite.js", "build", folder=WEB / "demo", environment=environment)

    once(_stamp("page"), page, build, result=PAGE / "index.html")
    once(_stamp("script"), script, lambda: _node(BUNDLE, folder=WEB, environment=environment), result=SCRIPT)


SOME = ("--workspace", "demo", "--omit=dev")


def npm(*arguments: str, environment: Environment, advice: str = "") -> None:
    """Run npm in web/."""
    _run("npm", *arguments, folder=WEB, environment=environment, advice=advice)


def _node(*arguments: str | Path, folder: Path, environment: Environment) -> None:
    """Run a program of web/ without npm, which takes a second to start."""
    _run("node", *arguments, folder=folder, environment=environment)


def _run(name: str, *arguments: str | Path, folder: Path, environment: Environment, advice: str = "") -> None:
    variables = environment.variables()
    program = shutil.which(name, path=variables["PATH"])
    if program is None:
        raise Failure(f"There is no {name}; delete {environment.name} and try again.")
    run(program, *arguments, folder=folder, environment=variables, quiet=True, advice=advice)


def _install(environment: Environment, *which: str) -> None:
    say("installing web packages")
    arguments = ("ci", "--no-audit", "--ignore-scripts", "--prefer-offline", *which)
    advice = AGAIN.format(environment.name)
    install_by_name(
        WEB, registry_of(environment.variables()), lambda: npm(*arguments, environment=environment, advice=advice)
    )


def registry_of(variables: Mapping[str, str]) -> str:
    """The address of the registry that npm is set up for."""
    program = shutil.which("npm", path=variables["PATH"]) or "npm"
    command = [program, "config", "get", "registry"]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False).stdout.strip()


def install_by_name(folder: Path, registry: str, install: Callable[[], None]) -> None:
    """Call `install`, which runs `npm ci` in `folder`, with a lock file that also says where each package lies.

    Ours says no address, since every machine may have another registry. Then npm asks for all that is known of each
    package, megabytes of JSON, only to learn the address of one version: half of its processor time. Nearly all
    registries have the same addresses. Where one has not, the second try is npm's own way.

    npm prefers npm-shrinkwrap.json to package-lock.json; the hashes are those of our lock file in both.
    """
    addressed = folder / "npm-shrinkwrap.json"
    try:
        addressed.write_text(json.dumps(_with_addresses(json.loads((folder / LOCK.name).read_bytes()), registry)))
        install()
    except Failure:
        say("the registry has its packages elsewhere; npm asks for each")
        addressed.unlink()
        install()
    finally:
        addressed.unlink(missing_ok=True)


def _with_addresses(lock: dict[str, Any], registry: str) -> dict[str, Any]:
    """A lock file with them, and without the packages that others only may use: none of ours needs those."""
    for place, package in lock["packages"].items():
        if "integrity" in package:
            name = package.get("name") or place.rpartition("node_modules/")[2]
            file = f"{name.rpartition('/')[2]}-{package['version']}.tgz"
            package["resolved"] = f"{registry.rstrip('/')}/{name}/-/{file}"
        for peer, about in package.get("peerDependenciesMeta", {}).items():
            if about.get("optional"):
                package.get("peerDependencies", {}).pop(peer, None)
    return lock


def is_node_enough() -> bool:
    """Whether the machine has npm, and a Node that Vite takes."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.fullmatch(r"v(\d+)\.(\d+)\..*\s*", said)
    if match is None:
        return False
    version = (int(match[1]), int(match[2]))
    return version >= NODES[-1] or any(version[0] == major and version[1] >= minor for major, minor in NODES)


def _stamp(name: str) -> Path:
    """Beside the packages, so that a deletion of these makes it build anew."""
    return PACKAGES / ".stamps" / name


def _sources(folder: Path) -> list[Path]:
    """The files of a web package that its build depends on."""
    files = [*(folder / "src").rglob("*"), *folder.glob("*.json"), *folder.glob("*.ts"), *folder.glob("*.html")]
    return [*filter(Path.is_file, [*files, *(folder / "public").rglob("*")])]
