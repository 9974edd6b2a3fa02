"""When the claims of an account changed: a mark, and the number by which a token shows that it was made after it.

    refresh_claims("ann")     the store writes a mark for ann, with the next number: 41
    a token of ann without 41 is refused as expired, and her client refreshes
    the next token is made:   the mark is read, then the claims hook is called; the token says 41 and passes

The number is a counter of the whole system that also follows the time, so that it rises when old marks are deleted. No
clock decides what is stale. A token says 41 only if its claims were read after mark 41 was there, however late its
server heard of the mark, and in whichever second that was: `iat` has whole seconds, and clocks differ.
"""

from typing import NamedTuple
from zlib import crc32

EVERYBODY = ""
"""The account id of a mark for all accounts."""
UNITS = 1_000_000
"""Numbers in a second: more than marks that a system can write in one."""
CLAIM = "claims_mark"
"""The claim with the number. Only tokens of accounts that are marked have it."""


class ClaimsMark(NamedTuple):
    """Tokens of an account with a lower number are stale, `within` seconds from the mark on at the latest (0: at once).

    `account_id` EVERYBODY is a mark for all. Marks compare in the order in which they were set.
    """

    number: int
    account_id: str
    within: int = 0


def first_number(now: int) -> int:
    """The lowest number of a mark that is set at `now` (Unix seconds)."""
    return now * UNITS


def time_of(number: int) -> int:
    """The time of a mark (Unix seconds), or an earlier one."""
    return number // UNITS


def delay_of(account_id: str, within: int) -> int:
    """Seconds after a mark from which on the tokens of this account are refused: spread evenly over `within`."""
    return crc32(account_id.encode("utf-8", "surrogatepass")) % within if within else 0
