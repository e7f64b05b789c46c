"""What people think of each other's models, and how often those were looked at."""

from peewee import AutoField, BigIntegerField, CharField, ForeignKeyField, IntegerField

from lumi_box.clock import now_ms
from lumi_box.tables.account import User
from lumi_box.tables.base import Table
from lumi_box.tables.generation import GeneratedModel


class Interaction(Table):
    """One user's like or favourite of one model."""

    id = AutoField()
    user = ForeignKeyField(User, on_delete="CASCADE", index=False)
    model = ForeignKeyField(GeneratedModel, on_delete="CASCADE", index=False)
    model_id: str
    kind = CharField(8)  # LIKE or FAVORITE
    created_at = BigIntegerField(default=now_ms)

    class Meta:
        indexes = (
            (("user", "kind", "model"), True),
            (("user", "kind", "created_at"), False),
            (("model", "kind"), False),
        )


class Visit(Table):
    """That somebody has looked at a model, or kept its files, on a day: it counts once."""

    model = ForeignKeyField(GeneratedModel, on_delete="CASCADE", index=False)
    kind = CharField(8)  # VIEW or DOWNLOAD
    viewer = CharField(44)  # a user's id, or what an address and a day were hashed to
    day = IntegerField(index=True)  # since 1970, in UTC

    class Meta:
        indexes = ((("model", "kind", "day", "viewer"), True),)


class ModelReport(Table):
    """A user's word to the operators that a public model should not be there; one a user and model."""

    id = AutoField()
    model = ForeignKeyField(GeneratedModel, on_delete="CASCADE", index=False)
    model_id: str
    user = ForeignKeyField(User, on_delete="CASCADE")
    reason = CharField(500)
    created_at = BigIntegerField(default=now_ms)
    settled_at = BigIntegerField(null=True)

    class Meta:
        indexes = ((("model", "user"), True), (("settled_at", "created_at"), False))
