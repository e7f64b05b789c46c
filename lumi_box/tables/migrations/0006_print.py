"""What a slicer would stumble over in a model."""

from typing import Any

from peewee import Database, MySQLDatabase


def up(migrator: Any, db: Database) -> None:
    # In plain SQL: the migrator would make SQLite's table anew, and dropping the old one deletes what refers to it.
    if "print_facts" not in {column.name for column in db.get_columns("model")}:
        kind = "JSON" if isinstance(db, MySQLDatabase) else "TEXT"
        db.execute_sql(f"ALTER TABLE model ADD COLUMN print_facts {kind}")
