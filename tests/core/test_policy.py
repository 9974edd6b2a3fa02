"""Durations that cannot work together are refused at once, all of them named."""

from dataclasses import FrozenInstanceError, fields

import pytest

from gatepass.core.policy import DAY, HOUR, MINUTE, Policy
from gatepass.errors import ConfigurationError


def test_the_presets_are_what_their_documentation_says() -> None:
    standard, strict, demo = Policy.standard(), Policy.strict(), Policy.demo()
    assert (standard.access_ttl, standard.refresh_ttl, standard.session_ttl) == (15 * MINUTE, 7 * DAY, 30 * DAY)
    assert (strict.access_ttl, strict.refresh_ttl, strict.session_ttl) == (5 * MINUTE, HOUR, 12 * HOUR)
    assert (standard.leeway, standard.password_min, standard.password_max) == (10, 15, 128)
    assert (demo.access_ttl, demo.password_min, demo.demonstration) == (30, 8, True)


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("access_ttl", (MINUTE, HOUR), (0, -1, MINUTE - 1, HOUR + 1)),
        ("refresh_ttl", (15 * MINUTE + 1, 30 * DAY), (15 * MINUTE, 30 * DAY + 1)),
        ("session_ttl", (7 * DAY, 400 * DAY), (7 * DAY - 1, 400 * DAY + 1)),
        ("leeway", (0, MINUTE), (-1, MINUTE + 1)),
        ("clock_skew", (0, MINUTE), (-1, MINUTE + 1)),
        ("password_min", (8, 128), (7, 129)),
        ("password_max", (64, 1024), (63, 1025)),
        ("sessions_per_account", (0, 1, 10_000), (-1,)),
        ("recent_sign_in", (0, 60, 30 * DAY), (-1, 1, 59, 30 * DAY + 1)),
    ],
)
def test_each_number_has_its_limits(name: str, accepted: tuple[int, ...], refused: tuple[int, ...]) -> None:
    for value in accepted:
        assert getattr(Policy(**{name: value}), name) == value  # type: ignore[arg-type]
    for value in refused:
        with pytest.raises(ConfigurationError, match=name):
            Policy(**{name: value})  # type: ignore[arg-type]


def test_passes_of_seconds_are_for_demonstrations_alone() -> None:
    with pytest.raises(ConfigurationError, match="access_ttl"):
        Policy(access_ttl=30)
    assert Policy(access_ttl=5, demonstration=True).access_ttl == 5
    with pytest.raises(ConfigurationError, match="access_ttl"):
        Policy(access_ttl=4, demonstration=True)


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Policy(access_ttl=0, leeway=-1, password_min=1)
    assert all(name in str(refusal.value) for name in ("access_ttl", "leeway", "password_min"))


def test_a_policy_does_not_change() -> None:
    for field in fields(Policy):
        with pytest.raises(FrozenInstanceError):
            setattr(Policy.standard(), field.name, 1)


SENTENCES = {
    "access_ttl": (HOUR + 1, "`access_ttl` must be 1 to 60 minutes"),
    "refresh_ttl": (MINUTE, "`refresh_ttl` must be longer than `access_ttl`"),
    "session_ttl": (400 * DAY + 1, "`session_ttl` must be at most 400 days (browsers cap cookies there)"),
    "leeway": (-1, "`leeway` must be 0 to 60 seconds"),
    "clock_skew": (-1, "`clock_skew` must be 0 to 60 seconds"),
    "password_min": (7, "`password_min` must be 8 to `password_max`"),
    "password_max": (1025, "`password_max` must be 64 to 1024"),
    "sessions_per_account": (-1, "`sessions_per_account` must be at least 1, or 0 for no limit"),
    "recent_sign_in": (59, "`recent_sign_in` must be a minute to `session_ttl`, or off (0 in code)"),
    "factor_recovery_wait": (59, "`factor_recovery_wait` must be an hour to 30 days, or off (0 in code)"),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_each_refusal_is_one_sentence(name: str) -> None:
    value, said = SENTENCES[name]
    with pytest.raises(ConfigurationError) as refusal:
        Policy(**{name: value})  # type: ignore[arg-type]
    assert str(refusal.value) == said + "."


def test_several_refusals_are_one_list() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Policy(session_ttl=DAY, leeway=-1)
    assert str(refusal.value) == "`session_ttl` must be at least `refresh_ttl`; `leeway` must be 0 to 60 seconds."
