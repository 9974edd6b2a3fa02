"""The people of `test_django_users.py`."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models


class People(BaseUserManager):
    def create_user(self, address: str, password: str | None = None, **fields: Any) -> Any:
        person = self.model(address=self.normalize_email(address), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, address: str, password: str | None = None, **fields: Any) -> Any:
        return self.create_user(address, password, is_staff=True, is_superuser=True, **fields)


class Person(AbstractBaseUser, PermissionsMixin):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    address = models.EmailField(unique=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    objects = People()

    USERNAME_FIELD = "address"
    EMAIL_FIELD = "address"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
