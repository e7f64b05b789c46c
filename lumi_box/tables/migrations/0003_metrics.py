"""What the metrics are read from: durable counters, since when a job waits, and who asked for it."""

import json
from typing import Any

from peewee import BigIntegerField, CharField, CompositeKey, Database, Model, MySQLDatabase, OperationalError, fn

DUPLICATE_INDEX = 1061  # MySQL's code for one that is there already


class Tally(Model):
    metric = CharField(16)
    labels = CharField(120)
    bucket = CharField(8)
    count = BigIntegerField()
    amount = BigIntegerField()

    class Meta:
        table_name = "tally"
        primary_key = CompositeKey("metric", "labels", "bucket")


class Purchase(Model):
    provider = CharField(32)
    currency = CharField(8)
    price = BigIntegerField()

    class Meta:
        table_name = "purchase"


INDEXES = {
    "job_kind_status_queued_at": "job (kind, status, queued_at)",
    "stored_object_state_size": "stored_object (state, size)",
}


def up(migrator: Any, db: Database) -> None:
    with db.bind_ctx([Tally, Purchase]):
        table: Any = Tally
        table._schema.create_table(safe=True)
        _carry_over_spend()
    # In plain SQL: the migrator would make SQLite's table anew, and dropping the old one deletes what refers to it.
    columns = {column.name for column in db.get_columns("job")}
    wide = isinstance(db, MySQLDatabase)
    if "queued_at" not in columns:
        db.execute_sql(f"ALTER TABLE job ADD COLUMN queued_at {'BIGINT' if wide else 'INTEGER'}")
    if "asked_by" not in columns:
        db.execute_sql("ALTER TABLE job ADD COLUMN asked_by VARCHAR(32)")
    db.execute_sql("UPDATE job SET queued_at = created_at WHERE queued_at IS NULL")
    for name, place in INDEXES.items():
        try:
            db.execute_sql(f"CREATE INDEX {name} ON {place}")
        except OperationalError as error:
            if error.args[0] != DUPLICATE_INDEX:
                raise


def _carry_over_spend() -> None:
    """What was bought before there were counters."""
    account = (Purchase.provider, Purchase.currency)
    bought: Any = (
        Purchase.select(*account, fn.COUNT(Purchase.provider), fn.SUM(Purchase.price)).group_by(*account).tuples()
    )
    for provider, currency, count, amount in bought:
        row = {"metric": "spend", "labels": json.dumps([provider, currency]), "bucket": ""}
        Tally.insert(**row, count=count, amount=int(amount)).on_conflict_ignore().execute()
