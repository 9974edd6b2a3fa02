from gatepass.client.account import (
    AccountActions as AccountActions,
    AsyncAccountActions as AsyncAccountActions,
    SessionInfo as SessionInfo,
)
from gatepass.client.aio import AsyncClient as AsyncClient
from gatepass.client.auth import GatepassAuth as GatepassAuth, with_interceptors as with_interceptors
from gatepass.client.base import default_layers as default_layers
from gatepass.client.call_options import call_options as call_options
from gatepass.client.errors import (
    BadRequestError as BadRequestError,
    ClientError as ClientError,
    ConflictError as ConflictError,
    ForbiddenError as ForbiddenError,
    NotFoundError as NotFoundError,
    NotReplayableError as NotReplayableError,
    ProblemError as ProblemError,
    RefreshUnavailableError as RefreshUnavailableError,
    SecondFactorRequiredError as SecondFactorRequiredError,
    ServerError as ServerError,
    SessionEndedError as SessionEndedError,
    StepUpRequiredError as StepUpRequiredError,
    StorageError as StorageError,
    TooManyRequestsError as TooManyRequestsError,
    UnauthenticatedError as UnauthenticatedError,
    UnavailableError as UnavailableError,
    UnprocessableError as UnprocessableError,
    raise_for_problem as raise_for_problem,
)
from gatepass.client.layers.call_log import CallLog as CallLog
from gatepass.client.layers.indicators import callback as callback, progress_line as progress_line, spinner as spinner
from gatepass.client.layers.loading import Loading as Loading
from gatepass.client.layers.retry import Budget as Budget, Retry as Retry
from gatepass.client.endpoints.lost_factors import FactorRecovery as FactorRecovery
from gatepass.client.session.second_step import SecondStep as SecondStep
from gatepass.client.session.mail_code import MailCode as MailCode
from gatepass.client.session.session import Session as Session
from gatepass.client.storage.base import MemoryStorage as MemoryStorage
from gatepass.client.storage.file import FileStorage as FileStorage
from gatepass.client.storage.keyring import KeyringStorage as KeyringStorage
from gatepass.client.storage.record import Account as Account
from gatepass.client.sync import Client as Client

__all__: list[str]
