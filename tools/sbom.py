"""The software bill of materials, as CycloneDX 1.6: every third-party package of the lock files, with its digests.

    python3 run.py sbom [FILE]

Nothing is asked of a network and nothing is installed: what is listed is what the hashed lock files let in. The
property `gatepass:used-by` of a component says for what: a lock file of requirements/, or `page`, the packages that
the demo's page has in it. A `scope` of `excluded` marks what builds and tests alone need, and no installation has.
"""

import base64
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
Component = dict[str, Any]
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
RUNTIME = "demo"
"""The lock file that resolves what `gatepass[demo]` installs; the others add tools, and the packages of the guards."""


def main(arguments: Sequence[str]) -> int:
    """Write the document to a file, or print it."""
    text = json.dumps(document(), indent=1) + "\n"
    if arguments:
        Path(arguments[0]).write_text(text, "utf-8")
    else:
        print(text, end="")
    return 0


def document() -> Component:
    """The bill. The same lock files give the same text: it has no time and no serial number."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    components: dict[str, Component] = {}
    for component in [*python_packages(), *page_packages()]:
        known = components.setdefault(component["bom-ref"], component)
        if known is not component:
            known["properties"] += component["properties"]
            if "scope" not in component:
                known.pop("scope", None)
    version = project.get("version", "0")
    about = {"type": "library", "name": project["name"], "version": version}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**about, "bom-ref": f"pkg:pypi/{project['name']}@{version}"}},
        "components": sorted(components.values(), key=lambda each: str(each["bom-ref"])),
    }


def python_packages() -> Iterator[Component]:
    """Each pinned package of requirements/*.txt."""
    for file in sorted((ROOT / "requirements").glob("*.txt")):
        for entry in file.read_text("utf-8").replace("\\\n", " ").splitlines():
            if match := _PIN.match(entry):
                name, version = match[1].lower().replace("_", "-"), match[2]
                digests = [{"alg": "SHA-256", "content": digest} for digest in _HASH.findall(entry)]
                yield _component(f"pkg:pypi/{name}@{version}", name, version, digests, used_by=file.stem)


def page_packages() -> Iterator[Component]:
    """Each package of web/package-lock.json."""
    packages = json.loads((ROOT / "web" / "package-lock.json").read_text("utf-8"))["packages"]
    for place, facts in packages.items():
        name = place.rpartition("node_modules/")[2]
        if "node_modules/" not in place or facts.get("link"):
            continue
        algorithm, _, digest = str(facts["integrity"]).partition("-")
        digests = [{"alg": algorithm.upper().replace("SHA", "SHA-"), "content": base64.b64decode(digest).hex()}]
        used_by = "web" if facts.get("dev") else "page"
        reference = f"pkg:npm/{name.replace('@', '%40')}@{facts['version']}"
        yield _component(reference, name, facts["version"], digests, used_by=used_by)


def _component(reference: str, name: str, version: str, digests: list[Component], *, used_by: str) -> Component:
    return {
        "type": "library",
        "bom-ref": reference,
        "purl": reference,
        "name": name,
        "version": version,
        **({} if used_by in (RUNTIME, "page") else {"scope": "excluded"}),
        "hashes": digests,
        "properties": [{"name": "gatepass:used-by", "value": used_by}],
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
