from gatepass.testing.browsers import (
    sign_in_browser as sign_in_browser,
    sign_in_browser_async as sign_in_browser_async,
)
from gatepass.testing.clock import (
    FastHasher as FastHasher,
    ManualClock as ManualClock,
    PredictableEntropy as PredictableEntropy,
)
from gatepass.testing.faults import FaultProxy as FaultProxy
from gatepass.testing.gates import fake_principal as fake_principal, memory_gate as memory_gate
from gatepass.testing.mail_codes import mail_code as mail_code
from gatepass.testing.soft_token import SoftToken as SoftToken
from gatepass.testing.tokens import account_id_of as account_id_of, sign_in as sign_in
from gatepass.testing.totp import totp_code as totp_code
from gatepass.testing.virtual_device import VirtualDevice as VirtualDevice

__all__: list[str]
