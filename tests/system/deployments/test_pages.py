"""The guides show the very files that the tests start."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file())
SHOWN = {
    block
    for page in (ROOT / "docs" / "guides").glob("*.md")
    for block in re.findall(
        r"^```(?:nginx|ini|yaml|dockerfile)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_page_shows_the_whole_file(file: Path) -> None:
    assert file.read_text("utf-8") in SHOWN
