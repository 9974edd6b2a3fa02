"""Which tests are run by one process where there are several (`-n 3 --dist loadscope`).

Those of a file whose tests start something: its fixtures make once what these share. All scenarios of faults, since
the process that runs one of them plays all. Any other test goes where there is time.

Not by marks and `--dist loadgroup`: its groups are lost without a word since pytest 9.2 (pytest-xdist#1386).
"""

import functools
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
LONG = (
    "scenarios",
    "tests/system/browser/test_rendering.py",
    "tests/system/browser/test_tutorial.py",
    "tests/system/browser/test_sign_in_buttons.py",
    "tests/system/browser/test_cross_site_matrix.py",
    "tests/system/browser/test_tutorials.py",
    "tests/system/browser/test_device.py",
    "tests/system/end_to_end/test_playwright.py",
    "tests/system/packaging/test_new.py",
    "tests/system/docs/test_tutorials.py",
    "tests/system/docs/test_snippet_types.py",
    "tests/system/deployments/test_reload.py",
    "tests/system/packaging/test_extras.py",
    "tests/system/third_party/test_schemathesis.py",
    "tests/system/deployments/test_application_servers.py",
)
"""Few tests that take long, or mostly wait: begun last, one process would be left with them at the end."""


class ByWhatIsShared(LoadScopeScheduling):  # type: ignore[misc]
    """xdist's scheduler, which begins with the scope of most tests; the long ones are before all.

    Then come all that are files, those of one test too: what they start takes seconds. Single tests come last, so that
    the processes end at nearly the same time.
    """

    _is_ordered = False

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)

    def _assign_work_unit(self, node: object) -> None:
        if not self._is_ordered:  # the first of all: xdist has just filled the queue
            self._is_ordered = True
            files = [scope for scope in self.workqueue if "::" not in scope and scope not in LONG]
            for scope in reversed((*LONG, *files)):
                if scope in self.workqueue:
                    self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)


def scope_of(nodeid: str) -> str:
    """What the tests have in common that one process must run."""
    file = nodeid.partition("::")[0]
    text = _text_of(ROOT / file)
    if "\n@scenario(" in text or "\n@notices(" in text:
        return "scenarios"
    return file if file.startswith("tests/system/") or is_slow(ROOT / file) else nodeid


def is_slow(file: Path) -> bool:
    """Whether all tests of a file are marked so, by the file itself."""
    return "\npytestmark = pytest.mark.slow\n" in _text_of(file)


@functools.cache
def _text_of(file: Path) -> str:
    return file.read_text("utf-8")
