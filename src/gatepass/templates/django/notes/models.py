"""A note belongs to an account of Gatepass, which is known by its id."""

from django.db import models


class Note(models.Model):
    """A note of an account."""

    account_id = models.CharField(max_length=64, db_index=True)
    text = models.CharField(max_length=500)

    class Meta:
        """Oldest first."""

        ordering = ("id",)

    def __str__(self) -> str:
        return str(self.text)

    def as_json(self) -> dict[str, object]:
        """As the API shows it."""
        return {"id": self.pk, "text": self.text}
