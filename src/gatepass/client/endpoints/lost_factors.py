"""Lost second factors and no recovery code: asked for with the ticket of a sign-in, removed by a mailed link.

except SecondFactorRequiredError as needed:
    print(client.start_factor_recovery(needed.ticket).ready_at)      # a mail is on its way
"""

from dataclasses import dataclass
from typing import Any

from gatepass.client.endpoints.endpoint_call import Flow, call_endpoint
from gatepass.core.secret import Secret


@dataclass(frozen=True, slots=True)
class FactorRecovery:
    """Lost factors can be removed from `ready_at` until `ends_at`. Times are Unix seconds."""

    requested_at: int
    ready_at: int
    ends_at: int


def start_recovery(client: Any, ticket: Secret) -> Flow[FactorRecovery]:
    """The flow behind `Client.start_factor_recovery`."""
    response = yield from call_endpoint(client, "POST", "login/factor-recovery", {"ticket": ticket})
    told = response.json()
    return FactorRecovery(told["requested_at"], told["ready_at"], told["ends_at"])


def cancel_recovery(client: Any, token: Secret | None) -> Flow[None]:
    """The flow behind `Client.cancel_factor_recovery`."""
    if token is None:
        yield from call_endpoint(client, "DELETE", "factor-recovery")
    else:
        yield from call_endpoint(client, "POST", "factor-recovery/cancel", {"token": token})
