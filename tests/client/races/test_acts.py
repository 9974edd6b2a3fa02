"""An act of several steps stays that of one user, and what runs beside the calls may be waited for at any time."""

import pytest

from gatepass.client.account import AccountActions
from gatepass.client.errors import SecondFactorRequiredError, SessionEndedError
from gatepass.client.layers.interceptors import Interceptors
from tests.client.races.world import MODULES, World
from tests.support.preempt import Race, Runner, explore

ACCOUNT = (*MODULES, "gatepass.client.account")


@pytest.mark.parametrize("act", ["end_session", "delete_account"])
def test_who_ends_an_own_session_signs_no_other_user_out(act: str) -> None:
    def race() -> Race:
        world = World()
        actions = AccountActions(world.client)
        argument = world.client.session.session_id or "password"

        def holds(first: Runner, second: Runner) -> None:
            world.check(first, second, allowed=(SessionEndedError,))
            assert "bob" in world.server.deleted or world.client.session.account is not None, "bob was signed out"

        def first() -> None:
            getattr(actions, act)(argument)

        return Race(first, lambda: world.sign_in("bob"), holds)

    assert explore(race, within=ACCOUNT)


def test_two_sign_ins_with_second_factors_do_not_mix_their_keys() -> None:
    def race() -> Race:
        world = World(signed_in=False)
        world.server.with_factors = {"ann", "bob"}

        def sign_in(email: str) -> None:
            with pytest.raises(SecondFactorRequiredError) as needed:
                world.client.sign_in(email, "password")
            world.client.sign_in_by_code(needed.value.ticket, "123456")

        return Race(lambda: sign_in("ann"), lambda: sign_in("bob"), world.check)

    assert explore(race, within=MODULES)


def test_a_client_may_be_closed_while_a_refresh_begins_in_the_background() -> None:
    def race() -> Race:
        world = World()
        world.expire(left=30)

        def holds(first: Runner, second: Runner) -> None:
            world.check(first, second)
            assert len(world.server.refreshes) == 1
            assert not world.client._threads._started.here.running

        return Race(world.call, world.client._wait, holds)

    assert explore(race, within=MODULES)


def test_interceptors_may_be_added_by_several_threads() -> None:
    def race() -> Race:
        interceptors = Interceptors()

        def holds(_first: Runner, _second: Runner) -> None:
            assert len(interceptors.request.entries) == 2

        return Race(lambda: interceptors.request.use(print), lambda: interceptors.request.use(print), holds)

    assert explore(race, within=("gatepass.client.layers.interceptors",))
