"""A maker's models by name come out of an index; MariaDB has none of expressions and sorts that maker's rows."""

from typing import Any

from peewee import Database, SqliteDatabase


def up(migrator: Any, db: Database) -> None:
    if isinstance(db, SqliteDatabase):
        db.execute_sql("CREATE INDEX IF NOT EXISTS model_user_name ON model (user_id, LOWER(name), id DESC)")
