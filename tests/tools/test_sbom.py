"""The bill of materials lists what the lock files let in, and nothing of where it was fetched from (ASVS 15.1.2)."""

import json
import re
from pathlib import Path

import pytest

from tools import sbom

ROOT = Path(sbom.__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def components() -> dict[str, sbom.Component]:
    return {each["bom-ref"]: each for each in sbom.document()["components"]}


def users(component: sbom.Component) -> set[str]:
    return {each["value"] for each in component["properties"]}


@pytest.mark.parametrize("file", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda file: file.stem)
def test_every_pin_of_a_lock_file_is_there_with_every_digest(components: dict[str, sbom.Component], file: Path) -> None:
    entries = re.split(r"\n(?=\S)", file.read_text("utf-8"))
    pins = [entry for entry in entries if "==" in entry]
    assert len(pins) > 0
    for entry in pins:
        name, version = re.match(r"([\w.-]+)\S*?==(\S+)", entry).groups()  # type: ignore[union-attr]
        component = components[f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"]
        assert file.stem in users(component)
        assert {each["content"] for each in component["hashes"]} == set(re.findall(r"sha256:(\w+)", entry))


def test_every_package_of_the_page_is_there_and_marked(components: dict[str, sbom.Component]) -> None:
    for name in ("react", "react-dom", "@reduxjs/toolkit", "axios"):
        (found,) = (each for each in components.values() if each["name"] == name)
        assert users(found) == {"page"}
        assert "scope" not in found
        assert [len(each["content"]) for each in found["hashes"]] == [128], "SHA-512"
    (tool,) = (each for each in components.values() if each["name"] == "vitest")
    assert tool["scope"] == "excluded"


def test_what_an_installation_has_is_not_marked_as_a_tool(components: dict[str, sbom.Component]) -> None:
    scopes = {each["name"]: each.get("scope") for each in components.values() if "pypi" in each["purl"]}
    assert scopes["cryptography"] is None
    assert scopes["pytest"] == "excluded"


def test_it_names_no_registry_and_is_the_same_each_time(tmp_path: Path) -> None:
    sbom.main([str(tmp_path / "one.json")])
    sbom.main([str(tmp_path / "two.json")])
    text = (tmp_path / "one.json").read_text()
    assert text == (tmp_path / "two.json").read_text()
    assert "://" not in text
    assert json.loads(text)["bomFormat"] == "CycloneDX"
