"""The Python reference as Markdown, for programs that read it: what mkdocstrings shows on the site.

A page has lines such as `::: gatepass.client.sync.Client`; of the options below it `members: [a, b]` and
`inherited_members: true` are heeded. Each becomes a heading, the signature and the docstring, and the public members
with theirs. Nothing is imported.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import griffe

_MEMBERS = re.compile(r"members: \[([\w, ]*)\]")
_DIRECTIVE = re.compile(r"^::: ([\w.]+)\n((?:[ \t]+.*\n|\n(?=[ \t]))*)", re.MULTILINE)


def expand(text: str, source: Path) -> str:
    """The page with every directive replaced. Raises SystemExit for a name that does not exist."""
    if not _DIRECTIVE.search(text):
        return text
    package = griffe.load("gatepass", search_paths=[source])
    return _DIRECTIVE.sub(lambda match: _described(package, match[1], match[2]), text)


def _described(package: griffe.Object | griffe.Alias, path: str, options: str) -> str:
    try:
        found = package[path.removeprefix("gatepass.")]
    except KeyError:
        raise SystemExit(f"There is no {path}, which a page of the reference names.") from None
    named = _MEMBERS.search(options)
    members = [name.strip() for name in named[1].split(",") if name.strip()] if named else None
    inherits = "inherited_members: true" in options  # from bases of this package: no other is loaded
    return "\n".join(_lines(found, level=3, members=members, inherits=inherits)) + "\n"


def _lines(
    thing: griffe.Object | griffe.Alias, *, level: int, members: list[str] | None = None, inherits: bool = False
) -> list[str]:
    found = thing.all_members if inherits else thing.members
    lines = [f"{'#' * level} {thing.name}", "", "```python", _signature(thing, found), "```", ""]
    made = found.get("__init__") if thing.is_class else None
    lines += [line for part in (thing, made) if part and part.docstring for line in (part.docstring.value, "")]
    if thing.is_class or thing.is_module:
        for name, member in found.items():
            is_shown = _is_public(name, member) if members is None else name in members
            lines += _lines(member, level=level + 1) if is_shown else []
    return lines


def _is_public(name: str, member: griffe.Object | griffe.Alias) -> bool:
    is_elsewhere = (member.is_alias and not (member.inherited or member.is_exported)) or member.is_module
    return not is_elsewhere and not name.startswith("_") and member.docstring is not None


def _signature(thing: Any, members: Mapping[str, Any]) -> str:
    if thing.is_function:
        return str(thing.signature())
    if thing.is_class and "__init__" in members:
        return str(members["__init__"].signature(name=thing.name))
    if thing.is_class:
        return f"class {thing.name}({', '.join(str(base) for base in thing.bases)})".replace("()", "")
    annotation = getattr(thing, "annotation", None)
    return f"{thing.name}: {annotation}" if annotation else thing.name
