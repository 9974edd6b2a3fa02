"""The notes. `account` is the id of an account of Gatepass, which keeps the people."""

from django.db import models


class Note(models.Model):
    """A note of one person."""

    account = models.CharField(max_length=128, db_index=True)
    text = models.CharField(max_length=1000)
