"""The history of the services' health, and the alerts that are still to be delivered."""

from typing import Any

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    Database,
    IntegerField,
    Model,
    OperationalError,
    TextField,
)

DUPLICATE_INDEX = 1061  # MySQL's code for one that is there already


class HealthState(Model):
    service = CharField(24, primary_key=True)
    healthy = BooleanField()
    text = TextField()
    hint = TextField()
    latency_ms = IntegerField()
    rounds = IntegerField()
    told_healthy = BooleanField()
    since = BigIntegerField()
    checked_at = BigIntegerField()

    class Meta:
        table_name = "health_state"


class HealthChange(Model):
    id = AutoField()
    service = CharField(24)
    healthy = BooleanField()
    text = TextField()
    at = BigIntegerField(index=True)

    class Meta:
        table_name = "health_change"


class HealthAlert(Model):
    id = AutoField()
    target = CharField(16)
    title = TextField()
    body = TextField()
    tries = IntegerField()
    created_at = BigIntegerField()

    class Meta:
        table_name = "health_alert"


def up(migrator: Any, db: Database) -> None:
    tables = (HealthState, HealthChange, HealthAlert)
    with db.bind_ctx(tables):
        for model in tables:
            _create(db, model)


def _create(db: Database, model: Any) -> None:
    """The table and its indexes; on MySQL, which has no transactions of such statements, what is not there yet."""
    model._schema.create_table(safe=True)
    for statement in model._schema._create_indexes():
        try:
            db.execute(statement)
        except OperationalError as error:
            if error.args[0] != DUPLICATE_INDEX:
                raise
