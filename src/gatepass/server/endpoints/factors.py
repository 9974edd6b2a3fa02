"""The factors of an account: which there are, an authenticator app, recovery codes.

    GET    /factors          which there are               POST /totp              a new secret for an app
    POST   /recovery-codes   ten new ones, shown once      POST /totp/confirm      its first code → ten recovery codes
    DELETE /totp             remove the app → 204

Passkeys have endpoints of their own. A change needs a sign-in of just now, with the second factor where there
is one. The owner is told by mail. Where second factors are off, what adds one answers 403 `not-offered`.
"""

from collections.abc import Sequence

from gatepass.core.secret import Secret
from gatepass.errors import Forbidden, InvalidCode, NotFound
from gatepass.problem_codes import ProblemCode
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.wire import answers, bodies
from gatepass.wire.factor_bodies import TotpConfirmation


async def list_factors(context: Context, request: Request) -> Reply:
    """The passkeys, the authenticator app and how many recovery codes there are.

    And what the server asks for: `policy` is off, optional or required, and `enrol_by` when the account must have a
    second factor (Unix seconds; null where it has one, or need not). `recovery` is what was asked for lost factors,
    null if nothing was.
    """
    account = await context.account(context.principal(request))
    found = await context.factors.of(account.id)
    totp = None if found.totp is None else {"created_at": found.totp.created_at}
    members = {
        "passkeys": [answers.passkey_json(each) for each in found.passkeys],
        "totp": totp,
        "recovery_codes": found.summary.recovery_codes,
        "policy": context.policy.second_factor,
        "enrol_by": found.summary.enrol_by,
        "recovery": None if found.recovery is None else answers.recovery_json(found.recovery),
    }
    return Reply(200, bodies.dump(members))


async def start_totp(context: Context, request: Request) -> Reply:
    """A secret for an authenticator app, as text, as otpauth URI and as QR code (SVG).

    Nothing is asked for it until its first code has come. Each call makes another secret, and the one before is void.
    `qr` is null where the server cannot draw one.
    """
    principal = await context.owner(request)
    await request.json(bodies.MAX_BYTES)
    _require_offered(context)
    account = await context.account(principal)
    setup = await context.totps.start(account, request=context.facts(request))
    return Reply(200, bodies.dump(answers.totp_json(setup.secret, uri=setup.uri, qr=setup.qr)))


async def confirm_totp(context: Context, request: Request) -> Reply:
    """Let an authenticator app count, by its first code; ten recovery codes are shown this once.

    They take the place of all that there were.
    """
    principal = await context.owner(request)
    body = bodies.read(TotpConfirmation, await request.json(bodies.MAX_BYTES))
    _require_offered(context)
    account = await context.account(principal)
    try:
        codes = await context.totps.confirm(account, body.code, ip_prefix=context.ip_prefix(request))
    except InvalidCode as refusal:  # 403, not 401: the access token holds
        raise Forbidden(refusal.code, refusal.detail) from None
    return _shown(codes)


async def remove_totp(context: Context, request: Request) -> Reply:
    """Remove the authenticator app.

    Without a second factor the recovery codes go, too.
    """
    principal = await context.owner(request)
    await request.json(bodies.MAX_BYTES)
    account = await context.account(principal)
    is_removed = await context.totps.remove(
        account, ip_prefix=context.ip_prefix(request), request=context.facts(request)
    )
    if not is_removed:
        raise NotFound("There is no authenticator app.")
    return Reply(204)


async def renew_recovery_codes(context: Context, request: Request) -> Reply:
    """Ten new recovery codes, shown this once, in place of all that there were."""
    principal = await context.owner(request)
    await request.json(bodies.MAX_BYTES)
    _require_offered(context)
    account = await context.account(principal)
    return _shown(await context.recovery_codes.renew(account, ip_prefix=context.ip_prefix(request)))


def _require_offered(context: Context) -> None:
    if context.second_factors.are_off:
        raise Forbidden(ProblemCode.NOT_OFFERED, "This server asks for no second factor.")


def _shown(codes: Sequence[Secret]) -> Reply:
    return Reply(200, bodies.dump({"recovery_codes": [code.reveal() for code in codes]}))


ENDPOINTS = (
    Endpoint("GET", "/factors", list_factors, name="listFactors", done={200: "Factors"}, bearer=True),
    Endpoint(
        "POST",
        "/totp",
        start_totp,
        name="startTotp",
        done={200: "TotpSecret"},
        problems={403: "not-offered", 409: "factor-exists, password-changed"},
        recent=True,
        act="add_factor",
    ),
    Endpoint(
        "POST",
        "/totp/confirm",
        confirm_totp,
        name="confirmTotp",
        body=TotpConfirmation,
        done={200: "RecoveryCodes"},
        problems={
            403: "invalid-code, not-offered",
            409: "factor-exists, totp-not-started, password-changed",
            429: "too-many-attempts",
        },
        recent=True,
    ),
    Endpoint(
        "DELETE",
        "/totp",
        remove_totp,
        name="removeTotp",
        done={204: None},
        problems={404: "not-found", 409: "password-changed"},
        recent=True,
        act="remove_factor",
    ),
    Endpoint(
        "POST",
        "/recovery-codes",
        renew_recovery_codes,
        name="renewRecoveryCodes",
        done={200: "RecoveryCodes"},
        problems={403: "no-second-factor, not-offered", 409: "password-changed"},
        recent=True,
    ),
)
