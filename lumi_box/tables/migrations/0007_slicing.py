"""What a slicer makes of a model; and on the model, which slicing is its latest and how that stands."""

from typing import Any

from peewee import (
    BigIntegerField,
    CharField,
    Database,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Model,
    OperationalError,
    TextField,
)

DUPLICATE_INDEX = 1061  # MySQL's code for one that is there already


class GeneratedModel(Model):
    id = CharField(36, primary_key=True)

    class Meta:
        table_name = "model"


class Slicing(Model):
    id = CharField(36, primary_key=True)
    model = ForeignKeyField(GeneratedModel, on_delete="CASCADE", backref="+", index=False)
    request_id = CharField(36)
    user_id = CharField(36)
    height_mm = FloatField()
    status = CharField(16)
    progress = IntegerField(null=True)
    remote_id = CharField(100, null=True)
    lease = CharField(36, null=True)
    due_at = BigIntegerField(null=True)
    tries = IntegerField()
    steps = IntegerField()
    resultless = IntegerField()
    deadline_at = BigIntegerField(null=True)
    stl_key = CharField(200, null=True)
    gcode_key = CharField(200, null=True)
    gcode_facts = JSONField(null=True)
    error_message = TextField(null=True)
    error_code = CharField(100, null=True)
    error_text = TextField(null=True)
    created_at = BigIntegerField()
    updated_at = BigIntegerField()
    ended_at = BigIntegerField(null=True)

    class Meta:
        table_name = "slicing"
        indexes = ((("model", "id"), False), (("status", "due_at"), False))


def up(migrator: Any, db: Database) -> None:
    with db.bind_ctx([GeneratedModel, Slicing]):
        _create(db, Slicing)
    # In plain SQL: the migrator would make SQLite's table anew, and dropping the old one deletes what refers to it.
    present = {column.name for column in db.get_columns("model")}
    for name, length in (("slice_task_id", 36), ("print_status", 16)):
        if name not in present:
            db.execute_sql(f"ALTER TABLE model ADD COLUMN {name} VARCHAR({length})")


def _create(db: Database, model: Any) -> None:
    """The table and its indexes; on MySQL, which has no transactions of such statements, what is not there yet."""
    model._schema.create_table(safe=True)
    for statement in model._schema._create_indexes():
        try:
            db.execute(statement)
        except OperationalError as error:
            if error.args[0] != DUPLICATE_INDEX:
                raise
