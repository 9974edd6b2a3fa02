"""Ends the sessions of one of Django's users when the password changes, the user is deactivated, or deleted.

Model signals tell of it, so it holds for forms, the admin, REST serializers and the shell. It is done when the
transaction is committed, and not if it is rolled back. `QuerySet.update()` and `bulk_update()` send no signals: call
`gate().sync.sessions.revoke_all(str(pk), reason="revoked")`, or `manage.py gatepass sessions revoke --account PK`.

A hash that Django renews at a sign-in is another one of the same password: sessions go on.
"""

import functools
from collections.abc import Collection
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_save

from gatepass.guards.django.conf import django_users, gate

WATCHED = ("password", "is_active")
_ENDS = "_gatepass_ends_sessions"


def connect() -> None:
    """Listen to the user model and what is derived from it, and to no other model: that would slow their deletions."""
    for model in apps.get_models():
        if issubclass(model, get_user_model()):
            pre_save.connect(_before_save, sender=model, dispatch_uid="gatepass")
            post_save.connect(_after_save, sender=model, dispatch_uid="gatepass")
            post_delete.connect(_after_delete, sender=model, dispatch_uid="gatepass")


def _before_save(
    *, instance: Any, using: str, update_fields: Collection[str] | None, raw: bool = False, **_: object
) -> None:
    """Compare what is about to be saved with what the database has, which a row in memory may no longer tell."""
    instance.__dict__.pop(_ENDS, None)  # of a save that failed
    watched = [name for name in WATCHED if update_fields is None or name in update_fields]
    if raw or instance._state.adding or not watched or _is_renewed_hash(instance, update_fields):
        return
    if django_users() is None:
        return
    names = [name for name in watched if name not in instance.get_deferred_fields() and _is_column(instance, name)]
    rows = type(instance)._base_manager.using(using).filter(pk=instance.pk)
    before = rows.values(*names).first() if names else None
    if before is not None:
        is_closed = before.get("is_active", False) and not instance.is_active
        setattr(instance, _ENDS, is_closed or before.get("password", instance.password) != instance.password)


def _after_save(*, instance: Any, using: str, **_: object) -> None:
    if instance.__dict__.pop(_ENDS, False):
        transaction.on_commit(functools.partial(_end_sessions, str(instance.pk)), using=using)


def _after_delete(*, instance: Any, using: str, **_: object) -> None:
    if django_users() is not None:
        transaction.on_commit(functools.partial(_delete, str(instance.pk)), using=using)


def _is_renewed_hash(instance: Any, update_fields: Collection[str] | None) -> bool:
    """Whether this is the save of `check_password`: it sets the same password, and takes it away before it saves."""
    took = instance.__dict__.get("_password", instance) is None
    return took and update_fields is not None and set(update_fields) == {"password"}


def _is_column(instance: Any, name: str) -> bool:
    return any(field.attname == name for field in instance._meta.concrete_fields)


def _end_sessions(user_id: str) -> None:
    """Raises StoreUnavailable: the change is committed then, and its caller must learn that sessions go on."""
    gate().sync.sessions.revoke_all(user_id, reason="revoked")


def _delete(user_id: str) -> None:
    gate().sync.accounts.delete(user_id)
