"""A message is a doorbell: whatever it says, it raises nothing, costs little, and proves nothing (P5)."""

from hypothesis import given
from hypothesis import strategies as st

from gatepass.ports import CLAIMS_CHANGED
from gatepass.stores.doorbell import Doorbell, message_of
from gatepass.stores.limits import MAX_NAMED

ONE, TWO = b"\xab" * 16, b"\xcd" * 16


def heard(*texts: str) -> list[bytes]:
    doorbell = Doorbell()
    for text in texts:
        doorbell.ring(text)
    return list(doorbell.take())


def test_what_messages_name_is_told_once_in_their_order() -> None:
    assert heard(message_of(ONE, 1), f"{message_of(TWO, 2)},{message_of(ONE, 3)}") == [ONE, TWO]


def test_a_message_is_heard_once() -> None:
    doorbell = Doorbell()
    doorbell.ring(message_of(ONE, 1))
    assert list(doorbell.take()) == [ONE]
    assert list(doorbell.take()) == []
    doorbell.ring("")
    doorbell.take()
    doorbell.ring(message_of(TWO, 1))
    assert list(doorbell.take()) == [TWO]


def test_one_message_that_is_unclear_means_look_whatever_the_others_name() -> None:
    good = message_of(ONE, 1)
    for odd in (
        "",
        "x",
        good + ",",
        good.upper(),
        f"{ONE.hex()}",
        f"{ONE.hex()} -1",
        f"{ONE.hex()}0 1",
        "\x00",
        good + "\n",
    ):
        assert heard(good, odd, good) == []


def test_changed_claims_are_told_beside_the_sids_and_count_as_one() -> None:
    assert heard(message_of(ONE, 1), "claims", "claims") == [ONE, CLAIMS_CHANGED]
    assert heard("claims,") == heard("claims", "x") == []


def test_a_flood_means_look_and_is_not_kept() -> None:
    doorbell = Doorbell()
    for number in range(MAX_NAMED + 1):
        doorbell.ring(message_of(number.to_bytes(16, "big"), 1))
    assert len(doorbell._named) == MAX_NAMED
    assert list(doorbell.take()) == []
    doorbell.ring(",".join([message_of(ONE, 1)] * 100_000))
    assert len(doorbell._named) <= 1


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert all(len(sid) == 16 for sid in heard(text))
