"""The Python client: Axios-like interceptors over httpx2, and sessions that survive.

    with Client("https://api.example.com") as api:
        api.sign_in("ann@example.com", password)
        api.get("/me")

Each name is imported at its first use, so a program loads the parts of the client that it uses.
"""

from gatepass._lazy import lazy_names

# Not lazily: the name is also its module's, and the import system would put the module in its place.
from gatepass.client.call_options import call_options  # noqa: F401

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "gatepass.client.account": ["AccountActions", "AsyncAccountActions", "SessionInfo"],
        "gatepass.client.aio": ["AsyncClient"],
        "gatepass.client.auth": ["GatepassAuth", "with_interceptors"],
        "gatepass.client.base": ["default_layers"],
        "gatepass.client.call_options": ["call_options"],
        "gatepass.client.errors": [
            "BadRequestError",
            "ClientError",
            "ConflictError",
            "ForbiddenError",
            "NotFoundError",
            "NotReplayableError",
            "ProblemError",
            "RefreshUnavailableError",
            "SecondFactorRequiredError",
            "ServerError",
            "SessionEndedError",
            "StepUpRequiredError",
            "StorageError",
            "TooManyRequestsError",
            "UnauthenticatedError",
            "UnavailableError",
            "UnprocessableError",
            "raise_for_problem",
        ],
        "gatepass.client.layers.call_log": ["CallLog"],
        "gatepass.client.layers.indicators": ["callback", "progress_line", "spinner"],
        "gatepass.client.layers.loading": ["Loading"],
        "gatepass.client.layers.retry": ["Budget", "Retry"],
        "gatepass.client.endpoints.lost_factors": ["FactorRecovery"],
        "gatepass.client.session.second_step": ["SecondStep"],
        "gatepass.client.session.mail_code": ["MailCode"],
        "gatepass.client.session.session": ["Session"],
        "gatepass.client.storage.base": ["MemoryStorage"],
        "gatepass.client.storage.file": ["FileStorage"],
        "gatepass.client.storage.keyring": ["KeyringStorage"],
        "gatepass.client.storage.record": ["Account"],
        "gatepass.client.sync": ["Client"],
    },
)
