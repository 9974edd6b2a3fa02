"""The table of the notes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """The table of the notes."""

    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [
        migrations.CreateModel(
            name="Note",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("account_id", models.CharField(db_index=True, max_length=64)),
                ("text", models.CharField(max_length=500)),
            ],
            options={"ordering": ("id",)},
        ),
    ]
