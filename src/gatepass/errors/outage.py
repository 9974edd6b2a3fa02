"""The service, or another one that it needs, cannot answer now: nothing was decided or cleared."""

from gatepass.errors.base import Problem
from gatepass.problem_codes import ProblemCode


class ProviderFailed(Problem):
    """502: what a provider of identities answers cannot be used. `why` is for logs and tests alone.

    No session begins, and none ends.
    """

    status = 502
    title = "Bad gateway"

    def __init__(
        self,
        why: str,
        *,
        code: str = ProblemCode.PROVIDER_ERROR,
        detail: str = "The provider answered something that cannot be used; try again, or sign in another way.",
    ) -> None:
        super().__init__(code, detail)
        self.why = why


class ProviderUnavailable(ProviderFailed):
    """502: a provider of identities cannot be reached, or is out of order."""

    def __init__(self, why: str) -> None:
        detail = "The provider does not answer; try again in a moment, or sign in another way."
        super().__init__(why, code=ProblemCode.PROVIDER_UNAVAILABLE, detail=detail)


class ProviderTimeout(ProviderUnavailable):
    """504: a provider of identities did not answer in time."""

    status = 504
    title = "Gateway timeout"


class Unavailable(Problem):
    """503 with Retry-After: nothing was decided, nothing cleared, nothing revoked."""

    status = 503
    title = "Service unavailable"

    def __init__(self, code: str, detail: str, *, retry_after: int = 1) -> None:
        headers = {"Retry-After": str(retry_after)}
        super().__init__(code, detail, facts={"retry_after": retry_after}, headers=headers)


class StoreUnavailable(Unavailable):
    """The store failed or did not answer. The cause is chained for the log and never sent."""

    def __init__(self, detail: str = "The session store does not answer; try again.") -> None:
        super().__init__(ProblemCode.STORE_UNAVAILABLE, detail)


class Overloaded(Unavailable):
    """A bounded queue is full: refusing some requests at once keeps the others fast."""

    def __init__(self) -> None:
        super().__init__(ProblemCode.OVERLOADED, "Too many sign-ins at once; try again.", retry_after=2)
