"""What runs long is begun first, and is there."""

from collections import OrderedDict

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.support.scheduling import LONG, ROOT, ByWhatIsShared, is_slow


def test_every_long_scope_is_there() -> None:
    assert [scope for scope in LONG if scope != "scenarios" and not (ROOT / scope).is_file()] == []


def test_long_scopes_are_begun_before_those_of_many_tests_and_single_tests_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(
        LoadScopeScheduling, "_assign_work_unit", lambda self, _: begun.append(self.workqueue.popitem(last=False)[0])
    )
    scheduler = ByWhatIsShared.__new__(ByWhatIsShared)
    queue = ("tests/many.py", "tests/one.py::test", "tests/few.py", LONG[1], LONG[0])
    scheduler.workqueue = OrderedDict((scope, {}) for scope in queue)
    while scheduler.workqueue:
        scheduler._assign_work_unit(object())
    assert begun == [LONG[0], LONG[1], "tests/many.py", "tests/few.py", "tests/one.py::test"]


def test_a_file_is_slow_if_it_says_so_of_all_its_tests() -> None:
    assert is_slow(ROOT / "tests/runtime/test_clocks.py")
    assert not is_slow(ROOT / "tests/test_imports.py"), "of some"
