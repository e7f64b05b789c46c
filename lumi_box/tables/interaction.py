"""What users think of each other's models."""

from peewee import BigIntegerField, CharField, ForeignKeyField

from lumi_box.clock import now_ms
from lumi_box.tables.account import User
from lumi_box.tables.base import Table
from lumi_box.tables.generation import GeneratedModel


class Interaction(Table):
    """One user's like or favourite of one model."""

    user = ForeignKeyField(User, on_delete="CASCADE", index=False)
    model = ForeignKeyField(GeneratedModel, on_delete="CASCADE", index=False)
    kind = CharField(8)  # LIKE or FAVORITE
    created_at = BigIntegerField(default=now_ms)

    class Meta:
        indexes = ((("user", "kind", "model"), True), (("model", "kind"), False))
