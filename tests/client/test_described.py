"""What `help()` and `unittest.mock` see of methods that are made from others."""

import inspect
import pydoc
from typing import Any
from unittest.mock import create_autospec

import pytest

from gatepass.anywhere.services import SyncAccounts, SyncSessions
from gatepass.client.account import AccountActions, AsyncAccountActions
from gatepass.testing import totp_code


@pytest.mark.parametrize("kind", [AccountActions, AsyncAccountActions, SyncSessions, SyncAccounts])
def test_each_has_its_description_and_can_be_specified(kind: type[Any]) -> None:
    text = pydoc.plain(pydoc.render_doc(kind))
    names = [name for name in vars(kind) if not name.startswith("_")]
    assert names
    for name in names:
        assert f"{name}(self" in text
        assert inspect.getdoc(getattr(kind, name)) or kind in (SyncSessions, SyncAccounts)
    with pytest.raises(TypeError):
        getattr(create_autospec(kind), names[0])(no_such_argument=1)


def test_a_code_may_be_asked_for_a_time_with_fractions_as_its_description_says() -> None:
    assert totp_code("JBSWY3DPEHPK3PXP", at=59.5) == totp_code("JBSWY3DPEHPK3PXP", at=59)
