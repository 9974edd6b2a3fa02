"""Makes from contract/ what else knows the problem codes and their texts.

    python -m tools.problems [--check]

contract/problems.json → the Python StrEnum, the TypeScript union, the table of docs/reference/errors.md.
contract/texts/ → `gatepass.texts` in Python, `gatepass/texts` in browsers.

With --check nothing is written, and a file that is not current is a fault.
"""

import json
import sys
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONTRACT = ROOT / "contract"
BROWSER = ROOT / "web" / "client" / "src"
PACKAGE = ROOT / "src" / "gatepass"
PAGE = ROOT / "docs" / "reference" / "errors.md"
MADE = "Made of contract/ by `python -m tools.problems`; do not edit."
WIDTH = 120
TABLE = "| code | status | meaning, and what to do |\n|---|---|---|\n"
OF_APPLICATIONS = (
    "| `app:…` | 4xx | A rule of the application refuses: [its own code and text]"
    "(../guides/rules-and-rows.md#the-answer). No code of Gatepass begins so |\n"
)


def codes() -> list[dict[str, Any]]:
    """The entries of contract/problems.json: code, status, meaning."""
    found: list[dict[str, Any]] = json.loads((CONTRACT / "problems.json").read_text("utf-8"))["codes"]
    return found


def files() -> dict[Path, str]:
    """Every file that is made, and its text."""
    names = [entry["code"] for entry in codes()]
    texts = {file.stem: file.read_text("utf-8") for file in sorted((CONTRACT / "texts").glob("*.json"))}
    return {
        PACKAGE / "problem_codes.py": python_of(names),
        BROWSER / "problem-codes.ts": typescript_of(names),
        PAGE: page_of(PAGE.read_text("utf-8")),
        **{PACKAGE / "texts" / f"{language}.json": text for language, text in texts.items()},
        **{BROWSER / "texts" / f"{language}.ts": module_of(language, text) for language, text in texts.items()},
    }


def python_of(names: list[str]) -> str:
    """The StrEnum."""
    members = "".join(f'    {name.upper().replace("-", "_")} = "{name}"\n' for name in names)
    return (
        f'"""The codes of problem documents. {MADE}"""\n\nfrom enum import StrEnum\n\n\nclass ProblemCode(StrEnum):\n'
        '    """What a refusal of Gatepass says, for `match`; the codes of an application begin with `app:`."""\n\n'
        + members
    )


def typescript_of(names: list[str]) -> str:
    """The union."""
    union = "".join(f'\n  | "{name}"' for name in names)
    return (
        f"/** The codes of problem documents. {MADE} */\n\n"
        f"/** What a refusal of Gatepass says: a `switch` that forgets one does not compile. */\n"
        f"export type ProblemCode ={union};\n"
    )


def module_of(language: str, text: str) -> str:
    """The texts of one language as a module of the browser client."""
    texts = json.loads(text)
    del texts["resume"]  # the words of a page that the server sends
    lines = "".join(f"  {_member(name)}: {_value(value, '  ')},\n" for name, value in texts.items())
    return (
        f"/** {MADE} */\n\n"
        f'import type {{ Texts }} from "./texts.js";\n\nexport const {language}: Texts = {{\n{lines}}};\n'
    )


def page_of(page: str) -> str:
    """The reference page with its table."""
    before, _, rest = page.partition(TABLE)
    _, _, after = rest.partition("\n\n")
    rows = ""
    for (status, meaning), group in groupby(codes(), key=lambda entry: (entry["status"], entry["meaning"])):
        named = ", ".join(f"`{entry['code']}`" for entry in group)
        rows += f"| {named} | {' or '.join(map(str, status))} | {meaning} |\n"
    return f"{before}{TABLE}{rows}{OF_APPLICATIONS}\n{after}"


def _member(name: str) -> str:
    return f'"{name}"' if "-" in name else name


def _value(value: Any, indent: str) -> str:
    if isinstance(value, Mapping):
        lines = "".join(_line(f"{indent}  {_member(name)}:", _value(each, indent)) for name, each in value.items())
        return f"{{\n{lines}{indent}}}"
    if isinstance(value, list):
        return f"[{', '.join(_value(each, indent) for each in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _line(name: str, value: str) -> str:
    """As the formatter has it."""
    line = f"{name} {value},"
    return f"{line}\n" if len(line) <= WIDTH else f"{name}\n      {value},\n"


def main(arguments: list[str]) -> None:
    """Write what is not current; with --check say it, and exit with 1."""
    stale = {path: text for path, text in files().items() if not path.exists() or path.read_text("utf-8") != text}
    for path, text in stale.items():
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is not current: python -m tools.problems")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
    if stale and "--check" in arguments:
        raise SystemExit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
