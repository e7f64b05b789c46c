"""Webhooks and what they are told; and models that are to be published when they are finished."""

from typing import Any

from peewee import (
    BigIntegerField,
    CharField,
    Database,
    ForeignKeyField,
    IntegerField,
    Model,
    MySQLDatabase,
    OperationalError,
    TextField,
)

DUPLICATE_INDEX = 1061  # MySQL's code for one that is there already


class User(Model):
    id = CharField(36, primary_key=True)

    class Meta:
        table_name = "account"


class GenerationRequest(Model):
    id = CharField(36, primary_key=True)

    class Meta:
        table_name = "generation_request"


class Webhook(Model):
    id = CharField(36, primary_key=True)
    user = ForeignKeyField(User, on_delete="CASCADE", backref="+", index=False)
    url = CharField(1000)
    events = CharField(200)
    salt = CharField(43)
    old_salt = CharField(43, null=True)
    old_salt_until = BigIntegerField(null=True)
    failing_since = BigIntegerField(null=True)
    disabled_at = BigIntegerField(null=True)
    disabled_reason = CharField(12, null=True)
    created_at = BigIntegerField()
    updated_at = BigIntegerField()

    class Meta:
        table_name = "webhook"
        indexes = ((("user", "created_at", "id"), False),)


class WebhookDelivery(Model):
    id = CharField(36, primary_key=True)
    webhook = ForeignKeyField(Webhook, on_delete="CASCADE", backref="+", index=False)
    request = ForeignKeyField(GenerationRequest, on_delete="CASCADE", backref="+", null=True)
    type = CharField(32)
    data = TextField()
    status = CharField(12)
    attempts = IntegerField()
    due_at = BigIntegerField(null=True)
    lease = CharField(36, null=True)
    attempted_at = BigIntegerField(null=True)
    response_status = IntegerField(null=True)
    milliseconds = IntegerField(null=True)
    response = CharField(500, null=True)
    error = CharField(300, null=True)
    created_at = BigIntegerField()
    ended_at = BigIntegerField(null=True, index=True)

    class Meta:
        table_name = "webhook_delivery"
        indexes = (
            (("webhook", "created_at", "id"), False),
            (("status", "due_at"), False),
        )


def up(migrator: Any, db: Database) -> None:
    with db.bind_ctx([User, GenerationRequest, Webhook, WebhookDelivery]):
        for model in (Webhook, WebhookDelivery):
            _create(db, model)
    # In plain SQL: the migrator would make SQLite's table anew, and dropping the old one deletes what refers to it.
    if "publish_when_done" not in {column.name for column in db.get_columns("model")}:
        kind = "BOOL" if isinstance(db, MySQLDatabase) else "INTEGER"
        db.execute_sql(f"ALTER TABLE model ADD COLUMN publish_when_done {kind} NOT NULL DEFAULT 0")


def _create(db: Database, model: Any) -> None:
    """The table and its indexes; on MySQL, which has no transactions of such statements, what is not there yet."""
    model._schema.create_table(safe=True)
    for statement in model._schema._create_indexes():
        try:
            db.execute(statement)
        except OperationalError as error:
            if error.args[0] != DUPLICATE_INDEX:
                raise
