"""StoreUnavailable, as the drivers of all stores raise it: with its cause, and one exception for each caller."""

from gatepass.core.secret import without_frames
from gatepass.errors import StoreUnavailable


def as_unavailable(fault: BaseException) -> StoreUnavailable:
    """StoreUnavailable with `fault` as its cause: the caller gets a 503, the log the reason.

    The frames of the driver are dropped: they hold the store's URL and password.
    """
    unavailable = StoreUnavailable()
    unavailable.__cause__ = without_frames(fault)
    return unavailable


def overloaded() -> StoreUnavailable:
    """The error for an operation that would have to wait behind `limits.MAX_WAITING` others."""
    return StoreUnavailable("The store has more to do than it can; try again.")


def copy_for_waiter(fault: BaseException) -> StoreUnavailable:
    """The fault of a shared operation, for one of the callers that wait for it.

    Each waiting caller needs an exception object of its own: an object raised in several tasks collects the traceback
    of each. A fault that is not a StoreUnavailable becomes the cause of one.
    """
    if not isinstance(fault, StoreUnavailable):
        return as_unavailable(fault)
    kind = type(fault)
    copied = kind.__new__(kind)  # not the constructor, whose arguments differ from class to class
    copied.args = fault.args
    copied.__dict__.update(fault.__dict__)
    copied.__cause__ = fault.__cause__ or fault
    return copied
