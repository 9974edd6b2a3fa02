"""Events tell what happened, under names that alerts can rely on, and cannot carry a secret."""

import dataclasses
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from gatepass.core import event
from gatepass.core.event import Event

EVENTS = [kind for kind in vars(event).values() if isinstance(kind, type) and issubclass(kind, Event) and kind != Event]
HARMLESS = {
    "count",
    "subject",
    "why",
    "what",
    "at",
    "address",
    "account_id",
    "sid",
    "retry_after",
    "generation",
    "case",
    "reason",
    "path",
    "client",
    "epoch",
    "fix",
    "lines",
    "seconds",
    "task",
    "accounts",
    "within",
    "hook",
    "provider",
    "by",
    "code",
    "factor",
    "left",
    "ready_at",
    "methods",
}
"""Every field an event may have: ids, numbers, words from a fixed list, a coarse address, a path of ours, the name that
the application gave to a provider, and the label of a client (tests/wire/test_device.py)."""
NAMES = {
    "StoreUnsafe": ("sys_store_unsafe", "critical"),
    "SessionsLost": ("sys_sessions_lost", "critical"),
    "AccountRegistered": ("user_created", "info"),
    "AccountVerified": ("user_verified", "info"),
    "AccountDisabled": ("user_disabled", "info"),
    "AccountEnabled": ("user_enabled", "info"),
    "AccountDeleted": ("user_deleted", "info"),
    "IdentityLinked": ("user_identity_link", "info"),
    "IdentityUnlinked": ("user_identity_unlink", "info"),
    "PasskeyRefused": ("authn_passkey_refused", "warning"),
    "FactorAdded": ("user_factor_add", "info"),
    "FactorRemoved": ("user_factor_remove", "info"),
    "FactorRecoveryRequested": ("user_factor_recovery_request", "warning"),
    "FactorRecoveryCancelled": ("user_factor_recovery_cancel", "info"),
    "FactorsReset": ("user_factors_reset", "warning"),
    "SecondFactorFailed": ("authn_factor_fail", "warning"),
    "RecoveryCodeUsed": ("authn_recovery_code_used", "warning"),
    "SecondFactorAsked": ("authn_second_factor_asked", "info"),
    "ProviderSignInRefused": ("authn_provider_refused", "warning"),
    "ProviderFailure": ("sys_provider_failed", "warning"),
    "EmailChanged": ("user_email_change", "info"),
    "ResetRequested": ("authn_password_reset_request", "info"),
    "PasswordReset": ("authn_password_reset", "info"),
    "PasswordRemoved": ("authn_password_removed", "warning"),
    "MailCodeRequested": ("authn_mail_code_request", "info"),
    "MailCodeUsed": ("authn_mail_code_used", "info"),
    "MailCodeRefused": ("authn_mail_code_refused", "warning"),
    "MailFailed": ("sys_mail_failed", "warning"),
    "CookiesLost": ("session_cookies_lost", "warning"),
    "SignInFailed": ("authn_login_fail", "warning"),
    "SignInThrottled": ("authn_login_throttled", "warning"),
    "PasswordChanged": ("authn_password_change", "info"),
    "SessionStarted": ("session_created", "info"),
    "SessionBound": ("session_bound", "info"),
    "SessionDeviceBound": ("session_device_bound", "info"),
    "DeviceSkipped": ("authn_device_skipped", "info"),
    "RefreshUnproven": ("authn_refresh_unproven", "warning"),
    "SessionNewDevice": ("session_new_device", "warning"),
    "SessionRefreshed": ("session_renewed", "info"),
    "SessionRevoked": ("session_revoked", "info"),
    "ClaimsChanged": ("authz_change", "info"),
    "ClaimsFailed": ("sys_claims_failed", "warning"),
    "HookFailed": ("sys_hook_failed", "warning"),
    "AllSessionsEnded": ("session_revoked_all", "critical"),
    "RefreshRefused": ("session_use_after_expire", "info"),
    "RefreshReuse": ("authn_token_reuse", "critical"),
    "RequestRefused": ("malicious_csrf", "warning"),
    "AccessRefused": ("authz_fail", "info"),
    "RateExceeded": ("excess_rate_limit_exceeded", "warning"),
    "RevocationsLost": ("sys_revocations_lost", "warning"),
    "RevocationsRestored": ("sys_revocations_restored", "info"),
    "NetworkUnknown": ("sys_network_unknown", "warning"),
    "LogDropped": ("sys_log_dropped", "warning"),
    "ClockDiffers": ("sys_clock_differs", "warning"),
    "TaskFailed": ("sys_task_failed", "critical"),
    "TaskRecovered": ("sys_task_recovered", "info"),
}
"""The names as published. Changing one breaks an operator's alert."""


def test_every_event_is_imported_from_one_place() -> None:
    assert {kind.__name__ for kind in Event.__subclasses__()} == {kind.__name__ for kind in EVENTS}


def test_names_and_levels_are_unique_and_stay_what_they_are() -> None:
    assert {kind.__name__: (kind.name, kind.level) for kind in EVENTS} == NAMES
    assert len({kind.name for kind in EVENTS}) == len(EVENTS)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_no_field_can_hold_a_secret_or_what_a_caller_typed(kind: type[Event]) -> None:
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        assert field.name in HARMLESS, f"{kind.__name__}.{field.name} is not on the list of harmless fields"
        kinds = set(get_args(hints[field.name])) or {hints[field.name]}
        assert get_origin(hints[field.name]) is Literal or kinds <= {int, str, type(None)}


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_events_are_frozen_and_take_names_only(kind: type[Event]) -> None:
    facts = {field.name: "x" for field in dataclasses.fields(kind)}
    made = kind(**facts)  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.at = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        kind(1)  # type: ignore[call-arg]


def test_every_event_says_when_it_is_raised() -> None:
    assert all(kind.__doc__ and kind.__doc__[0].isupper() for kind in EVENTS)
