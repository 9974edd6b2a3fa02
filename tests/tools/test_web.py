"""npm is told where each package lies, by a file that is gone afterwards; a registry of another kind is asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.steps import Failure
from tools.web import install_by_name

LOCK: dict[str, dict[str, dict[str, Any]]] = {
    "packages": {
        "": {"name": "an-application"},
        "node_modules/one": {"version": "1.0.0", "integrity": "sha512-1"},
        "node_modules/one/node_modules/@of/two": {"version": "2.0.0", "integrity": "sha512-2"},
        "node_modules/other": {"name": "three", "version": "3.0.0", "integrity": "sha512-3"},
        "node_modules/client": {"resolved": "client", "link": True},
        "node_modules/four": {
            "version": "4.0.0",
            "integrity": "sha512-4",
            "peerDependencies": {"needed": "1", "usable": "1"},
            "peerDependenciesMeta": {"usable": {"optional": True}},
        },
    }
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "package-lock.json").write_text(json.dumps(LOCK), "utf-8")
    return tmp_path


def test_each_package_has_an_address_and_its_hash(folder: Path) -> None:
    seen: list[dict[str, Any]] = []
    file = folder / "npm-shrinkwrap.json"
    install_by_name(folder, "https://npm.example/all/", lambda: seen.append(json.loads(file.read_bytes())))
    (packages,) = [each["packages"] for each in seen]
    assert {package.get("resolved") for package in packages.values()} == {
        None,
        "client",
        "https://npm.example/all/one/-/one-1.0.0.tgz",
        "https://npm.example/all/@of/two/-/two-2.0.0.tgz",
        "https://npm.example/all/three/-/three-3.0.0.tgz",
        "https://npm.example/all/four/-/four-4.0.0.tgz",
    }
    assert packages["node_modules/four"]["peerDependencies"] == {"needed": "1"}
    hashes = {place: package.get("integrity") for place, package in LOCK["packages"].items()}
    assert {place: package.get("integrity") for place, package in packages.items()} == hashes
    assert [path.name for path in folder.iterdir()] == ["package-lock.json"]


def test_a_registry_that_has_them_elsewhere_is_asked_for_each(folder: Path) -> None:
    tries: list[bool] = []

    def install() -> None:
        tries.append((folder / "npm-shrinkwrap.json").exists())
        if tries == [True]:
            raise Failure("404")

    install_by_name(folder, "https://npm.example", install)
    assert tries == [True, False]


def test_what_fails_both_times_fails_and_leaves_nothing(folder: Path) -> None:
    def install() -> None:
        raise Failure("no network")

    with pytest.raises(Failure, match="no network"):
        install_by_name(folder, "https://npm.example", install)
    assert [path.name for path in folder.iterdir()] == ["package-lock.json"]
